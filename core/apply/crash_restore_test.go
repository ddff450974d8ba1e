package apply

import (
	"context"
	"errors"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// settled takes a snapshot, and then lets the instance be changed by hand: that is
// what a restore brings back.
func (w *world) settled() error {
	ctx := context.Background()
	obs, err := w.e.Observe(ctx)
	if err != nil {
		return err
	}
	s, err := w.shots.Take(ctx, w.e, shop, obs, "manual")
	if err == nil {
		err = w.st.SaveSnapshot(ctx, s)
	}
	if err != nil {
		return err
	}
	v := oldVerifier("somebody changed it")
	w.mu.Lock()
	w.roles["supabase_admin"] = &v
	w.mu.Unlock()
	w.e.Edit(func(e *coretest.Engine) {
		e.Files[".env"] = core.File{Name: ".env", Data: []byte("POSTGRES_PASSWORD=" + planted + "\nBY_HAND=1\n"), Mode: 0o600}
		e.Files["docker-compose.yml"] = core.File{Name: "docker-compose.yml", Data: []byte("services: {auth: {}}\n"), Mode: 0o644}
		e.Containers[1].Env = map[string]core.Secret{"GOTRUE_DB_PASSWORD": "by hand"}
	})
	return w.save()
}

// restoration is the restore of the oldest snapshot, as the program wires it.
func (w *world) restoration(ctx context.Context) (core.Plan, Restoration, error) {
	all, err := w.st.Snapshots(ctx, "shop")
	if err != nil || len(all) == 0 {
		return core.Plan{}, Restoration{}, errors.Join(err, errors.New("there is no snapshot"))
	}
	from := all[len(all)-1]
	parts := []core.Scope{core.ConfigScope}
	plan := core.Plan{Instance: "shop", Playbook: core.RestorePlaybook, Title: "Restore config", Risk: core.HighRisk, Scope: core.ConfigScope, Downtime: core.Span(time.Minute)}
	return plan, Restoration{
		Ready: func(ctx context.Context, e core.Engine, obs *core.Observation) error {
			return w.shots.Fits(ctx, e, shop, obs, from, parts)
		},
		Read: func() error { _, err := w.shots.Check(from, core.Readable); return err },
		Do: func(ctx context.Context, e core.Engine, safety core.Snapshot) error {
			return w.shots.Replace(ctx, e, shop, from, safety, parts)
		},
		Aside: func(context.Context, core.Engine, core.Snapshot) ([]core.Aside, error) {
			return w.shots.ShelvedFiles(from)
		},
		Files: []string{".env", "docker-compose.yml", "volumes/api/kong.yml"}, Roles: true,
	}, plan.Seal()
}

// restore is what a child does that restores; the steps of the room are failpoints,
// too.
func (w *world) restore() error {
	ctx := context.Background()
	plan, r, err := w.restoration(ctx)
	if err != nil {
		return err
	}
	if err := plan.Seal(); err != nil {
		return err
	}
	w.shots.Failpoint = func(name string) { w.hook(name) }
	w.spoil = func(d *core.Diagnosis) { d.Findings = nil }
	_, err = w.a.Restore(ctx, shop, plan, r, "cli:ana", plan.Hash)
	return err
}
