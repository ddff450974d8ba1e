package ui

import (
	"context"
	"errors"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestWhatIsNoChangeIsRecordedTwice: what was meant, and how it came out.
func TestWhatIsNoChangeIsRecordedTwice(t *testing.T) {
	for _, tt := range []struct {
		method, path, body, action string
		good                       string // detail of a good outcome
		fail                       func(w *world, err error)
	}{
		{"POST", "/api/instances/shop/snapshots", `{"scope":"database"}`, "snapshot.take", "fresh database",
			func(w *world, err error) {
				w.a.Snapshot = func(context.Context, core.Instance, core.Scope, string) (core.Snapshot, error) {
					return core.Snapshot{}, err
				}
			}},
		{"POST", "/api/snapshots/snap-shop/verify", "", "snapshot.verify", "snap-shop",
			func(w *world, err error) {
				w.a.VerifySnapshot = func(context.Context, core.Snapshot) (core.Snapshot, error) { return core.Snapshot{}, err }
			}},
		{"POST", "/api/instances/shop/test/user-creation", "", "probe.signup", "found PG-01",
			func(w *world, err error) {
				w.a.SignUp = func(context.Context, core.Instance) (*core.Diagnosis, error) { return nil, err }
			}},
		{"PUT", "/api/playbooks/mine", `{"source":"return {}"}`, "playbook.write", "mine",
			func(w *world, err error) {
				w.a.SavePlaybook = func(context.Context, string, string) error { return err }
			}},
	} {
		t.Run(tt.action, func(t *testing.T) {
			w := newWorld(t)
			_, login := w.user("root", map[string]core.Role{"*": core.Admin})
			last := func() (intent, outcome core.AuditEntry) {
				list, err := w.a.Store.Audit(t.Context(), 2)
				must(t, err)
				return list[1], list[0]
			}
			if rec := w.ask(tt.method, tt.path, login, tt.body); rec.Code >= 300 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			if was, is := last(); was.Action != tt.action || was.Outcome != "intent" || is.Action != tt.action || is.Outcome != "ok" || is.Detail != tt.good || is.Actor != "user:root" {
				t.Errorf("%+v\n%+v", was, is)
			}
			tt.fail(w, errors.New("the disk is full"))
			if rec := w.ask(tt.method, tt.path, login, tt.body); rec.Code < 400 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			if was, is := last(); was.Outcome != "intent" || is.Action != tt.action || is.Outcome != "failed" || is.Detail != "the disk is full" {
				t.Errorf("%+v\n%+v", was, is)
			}
		})
	}
}
