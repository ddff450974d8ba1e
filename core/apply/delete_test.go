package apply

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// keep has Basewright keep the instance, and gives its database a folder.
func (w *world) keep() error {
	w.e.Edit(func(e *coretest.Engine) {
		e.Host.Local = true
		e.Containers[0].Mounts = []core.Mount{{Type: "bind", Source: "/nowhere/shop/volumes/db/data", Target: "/var/lib/postgresql/data"}}
		e.Files["volumes/db/data"] = core.File{Data: []byte("rows"), Mode: 0o600}
	})
	if err := w.save(); err != nil {
		return err
	}
	return w.st.AddInstance(context.Background(), shop, core.AuditEntry{At: time.Now(), Actor: "test", Action: "instance.register", Outcome: "ok"})
}

func (w *world) delete(ctx context.Context, shelve bool) (*core.Change, error) {
	w.e.Edit(func(e *coretest.Engine) { e.Host.Local = true })
	obs, err := w.e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	p, err := w.a.Deletion(shop, obs, shelve)
	if err != nil {
		return nil, err
	}
	return w.a.Delete(ctx, shop, p, "cli:ana")
}

func TestDelete(t *testing.T) {
	for name, shelve := range map[string]bool{"its data stays": false, "its data goes into quarantine": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if err := w.keep(); err != nil {
				t.Fatal(err)
			}
			before := w.state()
			c, err := w.delete(t.Context(), shelve)
			if err != nil || c.State != core.Committed || !CanUndo(*c) {
				t.Fatalf("%+v, %v", c, err)
			}
			gone := w.state()
			if len(gone.Containers) > 0 || gone.Kept || string(gone.Files[".env"].Data) != string(before.Files[".env"].Data) {
				t.Errorf("left: %+v", gone)
			}
			if _, inPlace := gone.Files["volumes/db/data"]; inPlace == shelve || (len(gone.Aside) == 1) != shelve {
				t.Errorf("the data is in its place: %v, in quarantine: %d", inPlace, len(gone.Aside))
			}
			w.mustBeTold(t, c)
			did := w.e.Did()
			stop, down := slices.Index(did, "stop db"), slices.Index(did, "down")
			if stop < slices.Index(did, "stop auth") || stop > down {
				t.Errorf("the database does not stop last, or not before it is removed: %q", did)
			}
			if _, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); err != nil {
				t.Fatal(err)
			}
			w.mustBe(t, before)
			w.mustHoldNoSecret(t, nil)
		})
	}
}

func TestDeleteIsPutBack(t *testing.T) {
	w := newWorld(t)
	if err := w.keep(); err != nil {
		t.Fatal(err)
	}
	before := w.state()
	w.e.Fail = failing("down", core.Errorf(core.Conflict, "proxy is on its network"))
	c, err := w.delete(t.Context(), false)
	if c == nil || c.State != core.RolledBack || !strings.Contains(c.Reason, "proxy is on its network") {
		t.Errorf("%+v, %v", c, err)
	}
	w.mustBe(t, before)
}

func TestDeleteIsRefused(t *testing.T) {
	w := newWorld(t)
	obs, err := w.e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan := func(change func(*core.Plan)) core.Plan {
		p, err := w.a.Deletion(shop, obs, false)
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	observed := shop
	observed.Mode = core.Observe
	for name, tt := range map[string]struct {
		inst core.Instance
		plan core.Plan
		code core.ErrorCode
	}{
		"an instance that is observed": {observed, plan(func(*core.Plan) {}), core.Forbidden},
		"a plan of another instance":   {shop, plan(func(p *core.Plan) { p.Instance = "blog" }), core.Invalid},
		"a plan that does more":        {shop, plan(func(p *core.Plan) { p.Actions = append(p.Actions, core.Action{Op: core.OpSQL}) }), core.Invalid},
		"an instance that changed":     {shop, plan(func(p *core.Plan) { p.Basis["x"] = "y" }), core.Conflict},
	} {
		if c, err := w.a.Delete(t.Context(), tt.inst, tt.plan, "cli:ana"); c != nil || core.CodeOf(err) != tt.code {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if _, err := w.a.Deletion(shop, obs, true); core.CodeOf(err) != core.Unreachable {
		t.Errorf("data of another machine into quarantine: %v", err)
	}
	p := plan(func(p *core.Plan) { p.Playbook = "align" })
	if _, err := w.a.Apply(t.Context(), shop, p, "cli:ana", p.Hash); core.CodeOf(err) != core.Invalid {
		t.Errorf("a playbook that deletes an instance: %v", err)
	}
	if did := w.e.Did(); len(did) > 0 {
		t.Errorf("something was done: %q", did)
	}
}

// TestStop stops everything, which is kept although nothing answers then, and
// takes that back.
func TestStop(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	obs, err := w.e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.a.Power(shop, obs, core.StopPlaybook)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.a.Stop(t.Context(), shop, p, "cli:ana")
	if err != nil || c.State != core.Committed {
		t.Fatalf("%+v, %v", c, err)
	}
	if s := w.e.State(core.DB); s != "exited" {
		t.Errorf("the database is %s", s)
	}
	if _, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); err != nil {
		t.Fatal(err)
	}
	w.mustBe(t, before)
}
