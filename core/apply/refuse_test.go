package apply

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestNothingIsTouched(t *testing.T) {
	tests := map[string]struct {
		arrange func(w *world, p *core.Plan)
		code    core.ErrorCode
		says    string
		begun   bool // there is a change that says so
	}{
		"the snapshot fails": {
			arrange: func(w *world, _ *core.Plan) { w.e.Fail = failing("capture", errors.New("engine is gone")) },
			code:    core.Internal, says: "engine is gone", begun: true,
		},
		"the snapshot folder cannot be written": {
			arrange: func(w *world, _ *core.Plan) {
				if err := os.WriteFile(w.shots.Dir, nil, 0o600); err != nil {
					panic(err)
				}
			},
			code: core.Internal, says: "not a directory", begun: true,
		},
		"the snapshot cannot hold the role passwords": {
			arrange: func(w *world, _ *core.Plan) {
				w.e.Commands = func(core.Service, core.Command) (string, error) { return "", errors.New("connection refused") }
			},
			code: core.Conflict, says: "does not hold the role passwords: read the database roles: connection refused", begun: true,
		},
		"the diagnosis before fails": {
			arrange: func(w *world, _ *core.Plan) {
				w.a.Diagnose = func(context.Context, core.Engine, core.Instance) (*core.Diagnosis, error) {
					return nil, errors.New("no diagnosis today")
				}
			},
			code: core.Internal, says: "no diagnosis today", begun: true,
		},
		"the instance drifted": {
			arrange: func(w *world, _ *core.Plan) {
				w.e.Files[".env"] = core.File{Name: ".env", Data: []byte("POSTGRES_PASSWORD=edited by a person\n"), Mode: 0o600}
			},
			code: core.Conflict, says: "the instance changed since the plan was made: .env POSTGRES_PASSWORD; make a new plan",
		},
		"the audit log cannot be written": {
			arrange: func(w *world, _ *core.Plan) {
				w.a.Journal = noAudit{w.st}
			},
			code: core.Unreachable, says: "nothing was done, since it could not be written down: the disk is full",
		},
		"another plan was approved": {
			arrange: func(_ *world, p *core.Plan) { p.Title = "another"; _ = p.Seal() },
			code:    core.Conflict, says: "what was approved is not this plan",
		},
		"the plan was changed after it was made": {
			arrange: func(_ *world, p *core.Plan) { p.Actions[0].Op = core.OpRestart },
			code:    core.Conflict, says: "the plan was changed after it was made",
		},
		"the engine does not answer": {
			arrange: func(w *world, _ *core.Plan) {
				w.e.Fail = failing("observe", core.Errorf(core.Unreachable, "no engine"))
			},
			code: core.Unreachable, says: "look at shop: no engine",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			plan := w.cure()
			approved := plan.Hash
			tt.arrange(w, &plan)
			before := w.state()
			c, err := w.a.Apply(t.Context(), shop, plan, "cli:ana", approved)
			if core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v; want %s: %q", core.CodeOf(err), err, tt.code, tt.says)
			}
			if (c != nil) != tt.begun || c != nil && (c.State != core.RolledBack || !strings.HasPrefix(c.Reason, "nothing was touched: ")) {
				t.Errorf("change %+v", c)
			}
			w.mustBe(t, before)
			for _, did := range w.e.Did() {
				if !strings.HasPrefix(did, "exec db psql") {
					t.Errorf("the engine did %q", did)
				}
			}
			w.mustHoldNoSecret(t, err)
		})
	}
}

// noAudit is a journal whose audit log cannot be written.
type noAudit struct{ port }

func (j noAudit) SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error {
	if len(entries) > 0 {
		return errFull
	}
	return j.port.SaveChange(ctx, c)
}

func TestTheRollbackFailsToo(t *testing.T) {
	w := newWorld(t)
	plan := w.cure()
	w.e.Fail = func(op, _ string) error {
		if op == "up" || op == "recover" {
			return errors.New("no such image")
		}
		return nil
	}
	c, err := w.apply(t.Context(), plan)
	if err == nil || c.State != core.RollbackFailed {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, s := range []string{
		"recreate auth: no such image", "putting it back failed: restore the containers of shop: no such image",
		"A person is needed", "archive.tar.zst", "docker compose -p shop up -d --force-recreate", "/nowhere/shop",
	} {
		if !strings.Contains(c.Reason, s) || !strings.Contains(err.Error(), strings.TrimPrefix(s, "putting it back failed: ")) {
			t.Errorf("%q is missing in %q or %v", s, c.Reason, err)
		}
	}
	w.mustBeTold(t, c)
}

func TestTheEngineIsAwayDuringTheRollback(t *testing.T) {
	w := newWorld(t)
	before, plan := w.state(), w.cure()
	gone := core.Errorf(core.Unreachable, "the engine hung up")
	w.e.Fail = func(op, _ string) error {
		if op == "up" || op == "recover" {
			return gone
		}
		return nil
	}
	w.a.RollbackTimeout = 1500 * time.Millisecond
	c, err := w.apply(t.Context(), plan)
	if core.CodeOf(err) != core.Unreachable || c.State != core.RollingBack {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := w.apply(t.Context(), plan); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "change "+c.ID+" was interrupted") {
		t.Errorf("another change meanwhile: %v", err)
	}
	w.e.Fail = failing("observe", gone)
	if done, err := w.a.Recover(t.Context()); core.CodeOf(err) != core.Unreachable || len(done) != 1 || done[0].State != core.RollingBack {
		t.Errorf("recover without the engine: %+v, %v", done, err)
	}
	w.e.Fail = nil
	done, err := w.a.Recover(t.Context())
	if err != nil || len(done) != 1 || done[0].State != core.RolledBack {
		t.Fatalf("recover: %+v, %v", done, err)
	}
	w.mustBe(t, before)
}

func TestOneChangeAtATime(t *testing.T) {
	w := newWorld(t)
	plan := w.cure()
	first := ""
	w.hook = func(name string) {
		if name != "action-1-note.do.before" {
			return
		}
		first = w.events[0].Change
		start := time.Now()
		_, err := w.apply(t.Context(), plan)
		if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "change "+first+" is under way on shop") {
			t.Errorf("the second change: %v", err)
		}
		if d := time.Since(start); d > 50*time.Millisecond {
			t.Errorf("it took %s to say so", d)
		}
		if done, err := w.a.Recover(t.Context()); err != nil || len(done) != 0 {
			t.Errorf("recover while a change runs: %v, %v", done, err)
		}
	}
	if c, err := w.apply(t.Context(), plan); err != nil || c.ID != first {
		t.Errorf("the first change: %+v, %v", c, err)
	}
}
