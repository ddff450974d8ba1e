package apply

import (
	"context"
	"fmt"

	"github.com/basewright/basewright/core"
)

// Restoration is what a restore of a snapshot does to an instance, beyond what
// every change does.
type Restoration struct {
	// Ready refuses before anything is touched.
	Ready func(ctx context.Context, e core.Engine, obs *core.Observation) error
	// Read makes sure that the whole snapshot is what was written. It touches
	// nothing, and may take long.
	Read func() error
	// Do brings the snapshot back. What it takes the place of it notes with the
	// safety snapshot, so that Snapshots.Restore of that puts it back.
	Do func(ctx context.Context, e core.Engine, safety core.Snapshot) error
	// Aside returns what Do put aside, and is called when it has ended.
	Aside func(ctx context.Context, e core.Engine, safety core.Snapshot) ([]core.Aside, error)
	Files []string // of the instance folder, that Do may write
	Roles bool     // Do may change role passwords
}

// Restore carries out the restore of a snapshot, as the plan says that was
// approved by its hash. It is kept only if nothing critical is new afterwards;
// otherwise the instance is put back.
func (a *Applier) Restore(ctx context.Context, inst core.Instance, plan core.Plan, r Restoration, actor, approvedHash string) (*core.Change, error) {
	sealed := plan
	if err := sealed.Seal(); err != nil {
		return nil, err
	}
	switch {
	case inst.Mode == core.Observe:
		return nil, inst.Controlled()
	case plan.Instance != inst.ID || plan.Playbook != core.RestorePlaybook || len(plan.Actions) > 0:
		return nil, core.Errorf(core.Invalid, "the plan is not one of restoring %s", inst.ID)
	case plan.Hash != sealed.Hash || approvedHash != plan.Hash:
		return nil, core.Errorf(core.Conflict, "what was approved is not this plan; look at it again")
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		ready: func(ctx context.Context, t *transaction, obs *core.Observation) error {
			if err := t.sameEngine(obs); err != nil {
				return err
			}
			return r.Ready(ctx, t.e, obs)
		},
		first: func(ctx context.Context, t *transaction) error {
			return t.step(ctx, "read", "read the snapshot", r.Read)
		},
		do: func(ctx context.Context, t *transaction) error {
			return t.step(ctx, "restore", plan.Title, func() error {
				if err := r.Do(ctx, t.e, t.snap); err != nil {
					return err
				}
				items, err := r.Aside(ctx, t.e, t.snap)
				if err != nil {
					return fmt.Errorf("list what was put aside: %w", err)
				}
				return t.list(ctx, items)
			})
		},
		verify: func(ctx context.Context, t *transaction) error { return t.verify(ctx) },
		writes: func(string) []string { return r.Files },
		roles:  r.Roles,
	})
}
