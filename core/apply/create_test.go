package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// newborn is a world in which an instance is made: what is made of it is a file
// each, so that it lasts.
type newborn struct {
	*world
	made string
	inst core.Instance
}

func newNewborn(t *testing.T) *newborn {
	w := newWorld(t)
	n := &newborn{world: w, made: filepath.Join(w.dir, "made"), inst: shop}
	w.spoil = func(d *core.Diagnosis) { d.Findings, d.RootCauses, d.Status = nil, nil, core.Healthy }
	w.a.Unmake = func(context.Context, core.Change) error { return os.RemoveAll(n.made) }
	return n
}

func (n *newborn) plan(t *testing.T, keep bool) core.Plan {
	p := core.Plan{Instance: n.inst.ID, Playbook: core.CreatePlaybook, Title: "Create Shop", Risk: core.LowRisk, Actions: []core.Action{
		{Op: core.OpMakeFolder, Args: map[string]any{"dir": n.made, "keep": keep}}, {Op: core.OpUp}, {Op: core.OpWaitHealthy, Args: map[string]any{"timeout": "2s"}},
		{Op: core.OpTransplant, Args: map[string]any{"of": "other", "snapshot": "S"}}, {Op: core.OpRegister},
	}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (n *newborn) creation() Creation {
	write := func(name string) error {
		return errors.Join(os.MkdirAll(n.made, 0o700), os.WriteFile(filepath.Join(n.made, name), nil, 0o600))
	}
	return Creation{
		Make:       func(context.Context, string) error { return write("folder") },
		Transplant: func(context.Context, core.Engine) error { return write("transplanted") },
		Register:   func(context.Context) error { return write("registered") },
		Prove:      func(ctx context.Context, e core.Engine) (*core.Diagnosis, error) { return n.diagnose(ctx, e, n.inst) },
	}
}

func (n *newborn) left() bool {
	_, err := os.Stat(n.made)
	return err == nil
}

func TestCreate(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(n *newborn, c *Creation)
		keep  bool
		state core.ChangeState
		left  bool
		says  string
	}{
		"all goes well": {func(*newborn, *Creation) {}, false, core.Committed, true, ""},
		"the folder fails": {func(_ *newborn, c *Creation) {
			c.Make = func(context.Context, string) error { return errors.New("disk full") }
		}, false, core.RolledBack, false, "disk full"},
		"the sign-up fails": {func(n *newborn, _ *Creation) { n.world.spoil = critical }, false, core.RolledBack, false, "SIGN-01"},
		"registering fails": {func(_ *newborn, c *Creation) {
			c.Register = func(context.Context) error { return errors.New("no space") }
		}, false, core.RolledBack, false, "no space"},
		"it fails, and is kept": {func(n *newborn, _ *Creation) { n.world.spoil = critical }, true, core.RollbackFailed, true, "kept as asked"},
		"removing fails, too": {func(n *newborn, _ *Creation) {
			n.world.spoil = critical
			n.a.Unmake = func(context.Context, core.Change) error { return errors.New("busy") }
		}, false, core.RollbackFailed, true, "busy"},
		"the engine is away when it is removed": {func(n *newborn, _ *Creation) {
			n.world.spoil = critical
			n.a.Unmake = func(context.Context, core.Change) error { return core.Errorf(core.Unreachable, "no engine") }
			n.a.RollbackTimeout = 1
		}, false, core.RollingBack, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNewborn(t)
			how := n.creation()
			tt.spoil(n, &how)
			c, err := n.a.Create(t.Context(), n.inst, n.plan(t, tt.keep), "cli:ana", how)
			if (err == nil) != (tt.state == core.Committed) || c == nil || c.State != tt.state {
				t.Fatalf("ended %+v, %v; want %s", c, err, tt.state)
			}
			if n.left() != tt.left || !strings.Contains(c.Reason, tt.says) {
				t.Errorf("left %v, reason %q", n.left(), c.Reason)
			}
			if CanUndo(*c) {
				t.Error("undoing a creation would delete an instance")
			}
		})
	}
}

func critical(d *core.Diagnosis) {
	d.Status, d.Findings = core.Unhealthy, []core.Finding{{Code: "SIGN-01", Severity: core.Critical, Service: core.Auth}}
}

// TestKilledCreation stops the agent at every step: the next start leaves all of
// the instance, or nothing; what was to be kept is left as it was.
func TestKilledCreation(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) { killedEverywhere(t, keep) })
	}
}

// TestKilledCreationOnAnotherEngine: what was being made on one Docker Engine is not
// removed from another, where the same names may be somebody else's, and not forgotten.
func TestKilledCreationOnAnotherEngine(t *testing.T) {
	n := newNewborn(t)
	n.e.Edit(func(e *coretest.Engine) { e.Host.EngineID = "other" })
	c := core.Change{ID: "c1", Instance: n.inst.ID, State: core.Applying, Created: time.Now(), Plan: n.plan(t, false)}
	c.Plan.Basis = map[string]string{"engine": "first"}
	if err := errors.Join(n.st.SaveChange(t.Context(), c), n.creation().Make(t.Context(), c.ID)); err != nil {
		t.Fatal(err)
	}
	_, err := n.a.Recover(t.Context())
	c, lost := n.st.Change(t.Context(), c.ID)
	if core.CodeOf(err) != core.Unreachable || !strings.Contains(err.Error(), "begun on another Docker Engine (first)") || lost != nil || c.State.Ended() || !n.left() {
		t.Fatalf("on another engine: %v; it is %s, %v, and something is left: %v", err, c.State, lost, n.left())
	}
	n.e.Edit(func(e *coretest.Engine) { e.Host.EngineID = "first" })
	_, err = n.a.Recover(t.Context())
	if c, lost = n.st.Change(t.Context(), c.ID); err != nil || lost != nil || c.State != core.RolledBack || n.left() {
		t.Errorf("on its own engine: %v; it is %s, %v, and something is left: %v", err, c.State, lost, n.left())
	}
}

func killedEverywhere(t *testing.T, keep bool) {
	steps := 0
	for point := 1; ; point++ {
		n := newNewborn(t)
		passed, last := 0, ""
		n.hook = func(name string) {
			if passed++; passed == point {
				last = name
				panic(killed{})
			}
		}
		c, ended := n.createOrDie(t, keep)
		if ended {
			steps = point - 1
			if c.State != core.Committed {
				t.Fatalf("it does not work when nobody kills it: %+v", c)
			}
			break
		}
		n.hook = func(string) {}
		made := n.left()
		if _, err := n.a.Recover(t.Context()); err != nil {
			t.Fatalf("killed at %s: %v", last, err)
		}
		list, err := n.st.Changes(t.Context(), n.inst.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(list) == 0 && n.left():
			t.Errorf("killed at %s: something is left that no change knows", last)
		case len(list) > 0 && keep && n.left() != made:
			t.Errorf("killed at %s: something was left: %v, and is: %v", last, made, n.left())
		case len(list) > 0 && !keep && n.left() != (list[0].State == core.Committed):
			t.Errorf("killed at %s: it is %s, and something is left: %v", last, list[0].State, n.left())
		case len(list) > 0 && !list[0].State.Ended():
			t.Errorf("killed at %s: it is still %s", last, list[0].State)
		}
	}
	if steps < 24 {
		t.Errorf("only %d steps", steps)
	}
}

type killed struct{}

// createOrDie creates until it ends or the hook kills it.
func (n *newborn) createOrDie(t *testing.T, keep bool) (c *core.Change, ended bool) {
	defer func() {
		if v := recover(); v != nil && v != (killed{}) {
			panic(v)
		}
	}()
	c, err := n.a.Create(t.Context(), n.inst, n.plan(t, keep), "cli:ana", n.creation())
	if err != nil {
		t.Fatal(err)
	}
	return c, true
}

func TestCreateRefusesOtherOperations(t *testing.T) {
	n := newNewborn(t)
	p := n.plan(t, false)
	p.Actions = append(p.Actions, core.Action{Op: core.OpSQL})
	if c, err := n.a.Create(t.Context(), n.inst, p, "cli:ana", n.creation()); c != nil || core.CodeOf(err) != core.Invalid {
		t.Errorf("got %v, %v", c, err)
	}
	if n.left() {
		t.Error("something was made")
	}
}
