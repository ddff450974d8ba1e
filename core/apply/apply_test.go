package apply

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestApply(t *testing.T) {
	tests := map[string]struct {
		more    []core.Action
		arrange func(w *world, cancel func())
		want    core.ChangeState
		code    core.ErrorCode
		reason  string
	}{
		"all steps work": {want: core.Committed},
		"a step fails": {
			arrange: func(w *world, _ func()) { w.e.Fail = failing("up", errors.New("no such image")) },
			want:    core.RolledBack, code: core.Internal, reason: "action 5: recreate auth: no such image",
		},
		"a step fails and its error quotes secrets": {
			arrange: func(w *world, _ func()) {
				w.e.Fail = failing("up", errors.New("cannot parse postgres://u:"+planted+"@db and "+oldVerifier("x")))
			},
			want: core.RolledBack, code: core.Internal, reason: "postgres://u:•••@db and •••",
		},
		"the claim is not cleared": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					d.Findings = []core.Finding{{Code: "PG-01", Severity: core.Critical, Service: core.DB}}
				}
			},
			want: core.RolledBack, code: core.Conflict, reason: "PG-01 is still there after the change",
		},
		"something critical is new": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					if !d.Finds("PG-01") {
						d.Findings = []core.Finding{{Code: "GW-04", Severity: core.Critical, Service: core.Gateway}}
					}
				}
			},
			want: core.RolledBack, code: core.Conflict, reason: "new after the change: GW-04 gateway",
		},
		"something critical was there before": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					d.Findings = append(d.Findings, core.Finding{Code: "GW-04", Severity: core.Critical, Service: core.Gateway})
				}
			},
			want: core.Committed,
		},
		"a warning is new": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					if !d.Finds("PG-01") {
						d.Findings = []core.Finding{{Code: "DISK-01", Severity: core.Warning}}
					}
				}
			},
			want: core.Committed,
		},
		"the diagnosis cannot look afterwards": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					if !d.Finds("PG-01") {
						d.Status = core.Unknown
					}
				}
			},
			want: core.RolledBack, code: core.Unreachable, reason: "could not be diagnosed",
		},
		"the check of the claim cannot look afterwards": {
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) {
					if !d.Finds("PG-01") {
						d.Unknowns = []core.Unknowable{{Check: "database.logins", Category: core.DatabaseConnection, Reason: "timed out"}}
					}
				}
			},
			want: core.RolledBack, code: core.Unreachable, reason: "database.logins could not look: timed out",
		},
		"a check step finds the code": {
			more: []core.Action{{Op: core.OpCheck, Args: map[string]any{"code": "GW-04"}}},
			arrange: func(w *world, _ func()) {
				w.spoil = func(d *core.Diagnosis) { d.Findings = append(d.Findings, core.Finding{Code: "GW-04"}) }
			},
			want: core.RolledBack, code: core.Conflict, reason: "action 7: check code=GW-04: GW-04 is still there",
		},
		"cancelled in the middle": {
			arrange: func(w *world, cancel func()) {
				w.hook = func(name string) {
					if name == "action-3-set_env.do.after" {
						cancel()
					}
				}
			},
			want: core.RolledBack, code: core.Internal, reason: "action 4: write_file path=volumes/api/new.yml: context canceled",
		},
		"cancelled after it was verified": {
			arrange: func(w *world, cancel func()) {
				w.hook = func(name string) {
					if name == "verify.do.after" {
						cancel()
					}
				}
			},
			want: core.Committed,
		},
		"the outcome of an action cannot be written": {
			arrange: func(w *world, _ func()) {
				w.a.Journal = deaf{w.st, func(e core.JournalEntry) bool { return strings.HasPrefix(e.Step, "action 2") && e.Outcome != "" }}
			},
			want: core.RolledBack, code: core.Unreachable, reason: "the disk is full",
		},
		"the journal cannot be written": {
			arrange: func(w *world, _ func()) {
				w.a.Journal = deaf{w.st, func(e core.JournalEntry) bool { return strings.HasPrefix(e.Step, "action 3") }}
			},
			want: core.RolledBack, code: core.Unreachable, reason: "the disk is full",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.state()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			plan := w.cure(tt.more...)
			if tt.arrange != nil {
				tt.arrange(w, cancel)
			}
			c, err := w.apply(ctx, plan)
			if c == nil || c.State != tt.want {
				t.Fatalf("change %+v, %v; want it %s", c, err, tt.want)
			}
			if tt.want == core.Committed {
				w.mustBeCured(t, c, err)
			} else {
				if core.CodeOf(err) != tt.code || !strings.Contains(c.Reason, tt.reason) || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("code %s, reason %q, error %v; want %s, %q", core.CodeOf(err), c.Reason, err, tt.code, tt.reason)
				}
				w.mustBe(t, before)
			}
			w.mustBeTold(t, c)
			w.mustHoldNoSecret(t, err)
		})
	}
}
