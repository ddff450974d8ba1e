package apply

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestWhatAPersonStopsStaysStopped: a container that somebody stops or removes
// while a change runs is not brought back by the rollback, and that is said.
func TestWhatAPersonStopsStaysStopped(t *testing.T) {
	stop := func(e *coretest.Engine, i int) { e.Containers[i].State = "exited" }
	remove := func(e *coretest.Engine, i int) { e.Containers = slices.Delete(e.Containers, i, i+1) }
	at := func(e *coretest.Engine, s core.Service) int {
		return slices.IndexFunc(e.Containers, func(c core.Container) bool { return c.Service == s })
	}
	tests := map[string]struct {
		actions []core.Action
		when    string
		whom    core.Service
		how     func(*coretest.Engine, int)
		says    string // "" when it is brought back
	}{
		"a service the plan is not about is stopped":  {[]core.Action{{Op: core.OpRestart, Service: core.Auth}}, "verify.do.before", core.Gateway, stop, "gateway was stopped"},
		"a service the plan is not about is removed":  {[]core.Action{{Op: core.OpRestart, Service: core.Auth}}, "verify.do.before", core.Gateway, remove, "gateway was removed"},
		"what was restarted is stopped after that":    {[]core.Action{{Op: core.OpRestart, Service: core.Auth}}, "verify.do.before", core.Auth, stop, "auth was stopped"},
		"what is to be restarted was stopped":         {[]core.Action{{Op: core.OpNote, Args: map[string]any{"text": "x"}}, {Op: core.OpRestart, Service: core.Auth}}, "action-1-note.do.after", core.Auth, stop, "the instance changed under us: auth was stopped"},
		"what the plan itself stopped is started":     {[]core.Action{{Op: core.OpStop, Service: core.Auth}}, "", "", nil, ""},
		"what was recreated and failed is brought up": {[]core.Action{{Op: core.OpStop, Service: core.Auth}, {Op: core.OpRecreate, Service: core.Auth}}, "action-2-recreate.do.after", core.Auth, stop, "auth was stopped"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.e.Edit(func(e *coretest.Engine) {
				for i := range e.Containers {
					e.Containers[i].RestartPolicy = "unless-stopped"
				}
			})
			failsAfter(w)
			p := w.plan(tt.actions...)
			before := w.state()
			w.hook = func(point string) {
				if point == tt.when {
					w.e.Edit(func(e *coretest.Engine) { tt.how(e, at(e, tt.whom)) })
				}
			}
			c, err := w.apply(t.Context(), p)
			if err == nil || c.State != core.RolledBack {
				t.Fatalf("%+v, %v", c, err)
			}
			if tt.says == "" {
				w.mustBe(t, before)
				return
			}
			if !strings.Contains(c.Reason, tt.says) || w.e.State(tt.whom) == "running" {
				t.Errorf("%s is %q; %s", tt.whom, w.e.State(tt.whom), c.Reason)
			}
			for _, s := range []core.Service{core.DB, core.Auth, core.Gateway} {
				if s != tt.whom && w.e.State(s) != "running" {
					t.Errorf("%s is %q", s, w.e.State(s))
				}
			}
		})
	}
}

// TestARollbackIsNotMistakenForAPerson: one that was killed has itself removed
// containers, and the next start brings them back all the same.
func TestARollbackIsNotMistakenForAPerson(t *testing.T) {
	w := newWorld(t)
	w.e.Edit(func(e *coretest.Engine) {
		for i := range e.Containers {
			e.Containers[i].RestartPolicy = "always"
		}
	})
	failsAfter(w)
	before, p := w.state(), w.plan(core.Action{Op: core.OpRestart, Service: core.Auth})
	gone := core.Errorf(core.Unreachable, "the engine hung up")
	w.e.Fail = func(op, _ string) error {
		if op == "recover" {
			w.e.Edit(func(e *coretest.Engine) { e.Containers = slices.Delete(e.Containers, 2, 3) })
			w.e.Fail = failing("observe", gone)
			return gone
		}
		return nil
	}
	w.a.RollbackTimeout = 300 * time.Millisecond
	if c, err := w.apply(t.Context(), p); core.CodeOf(err) != core.Unreachable || c.State != core.RollingBack {
		t.Fatalf("%+v, %v", c, err)
	}
	w.e.Fail = nil
	w.a.RollbackTimeout = 0
	if done, err := w.a.Recover(t.Context()); err != nil || len(done) != 1 || done[0].State != core.RolledBack {
		t.Fatalf("%+v, %v", done, err)
	}
	w.mustBe(t, before)
}
