package apply

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

func TestUndo(t *testing.T) {
	w := newWorld(t)
	before := w.state()
	c, err := w.apply(t.Context(), w.cure())
	if err != nil {
		t.Fatal(err)
	}
	cured := w.state()
	u, err := w.a.Undo(t.Context(), c.ID, "cli:ana")
	if err != nil || u.State != core.Committed || u.Plan.Playbook != "undo" || u.ID == c.ID || u.After.Status != core.Unhealthy {
		t.Fatalf("%+v, %v", u, err)
	}
	w.mustBe(t, before)
	w.mustBeTold(t, u)
	if _, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "the instance changed after it: container supabase-auth, file .env") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := w.a.Undo(t.Context(), u.ID, "cli:ana"); err != nil {
		t.Errorf("undo of the undo: %v", err)
	}
	w.mustBe(t, cured)
	w.mustHoldNoSecret(t, err)
}

// TestUndoOfAnotherRelease: files that a restore of another release put in place go
// back, and with them the release in the books.
func TestUndoOfAnotherRelease(t *testing.T) {
	back := undoPlan(core.Change{Plan: core.Plan{Playbook: core.RestorePlaybook, Scope: core.ConfigScope, Release: &core.Move{From: "0.8.1", To: "0.6.0"}}})
	if back.Release == nil || *back.Release != (core.Move{From: "0.6.0", To: "0.8.1"}) {
		t.Errorf("the undo brings it %+v", back.Release)
	}
	if none := undoPlan(core.Change{}).Release; none != nil {
		t.Errorf("the undo of what moved no release brings it %+v", none)
	}
}

func TestUndoIsRefused(t *testing.T) {
	edit := func(w *world, name, text string) {
		w.e.Edit(func(e *coretest.Engine) { e.Files[name] = core.File{Name: name, Data: []byte(text), Mode: 0o640} })
	}
	tests := map[string]struct {
		arrange func(w *world, c *core.Change)
		code    core.ErrorCode
		says    string
	}{
		"the .env was edited":       {func(w *world, _ *core.Change) { edit(w, ".env", "POSTGRES_PASSWORD=x\n") }, core.Conflict, "the instance changed after it: file .env"},
		"a new file was edited":     {func(w *world, _ *core.Change) { edit(w, "volumes/api/new.yml", "mine\n") }, core.Conflict, "file volumes/api/new.yml"},
		"a password was changed":    {func(w *world, _ *core.Change) { v := oldVerifier("x"); w.roles["supabase_admin"] = &v }, core.Conflict, "password of role supabase_admin"},
		"a container was stopped":   {func(w *world, _ *core.Change) { _ = w.e.Stop(context.Background(), core.Auth) }, core.Conflict, "container supabase-auth"},
		"the snapshot is gone":      {func(w *world, c *core.Change) { _ = os.RemoveAll(w.shots.Dir) }, core.Conflict, "its snapshot is gone"},
		"the snapshot is forgotten": {func(w *world, c *core.Change) { _ = w.st.ForgetSnapshots(context.Background(), c.Snapshot) }, core.Conflict, "its snapshot is gone"},
		"there is no such change":   {func(_ *world, c *core.Change) { c.ID = "NONE" }, core.NotFound, "there is no change NONE"},
		"it was rolled back": {func(w *world, c *core.Change) {
			c.State = core.RolledBack
			_ = w.st.SaveChange(context.Background(), *c)
		}, core.Conflict, "it is rolled_back, not committed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, err := w.apply(t.Context(), w.cure())
			if err != nil {
				t.Fatal(err)
			}
			tt.arrange(w, c)
			before := w.state()
			u, err := w.a.Undo(t.Context(), c.ID, "cli:ana")
			if u != nil || core.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%+v, %v; want %q", u, err, tt.says)
			}
			w.mustBe(t, before)
		})
	}
}

func TestRollbackThatKeepsKillingTheAgent(t *testing.T) {
	w := newWorld(t)
	c, err := w.apply(t.Context(), w.cure())
	if err != nil {
		t.Fatal(err)
	}
	c.State = core.RollingBack
	entries, err := w.st.Journal(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxRollbacks {
		e := core.JournalEntry{Change: c.ID, Seq: len(entries) + 1 + i, Step: rollbackStep, At: c.Created}
		if err := w.st.Intent(t.Context(), *c, e); err != nil {
			t.Fatal(err)
		}
	}
	done, err := w.a.Recover(t.Context())
	if err == nil || len(done) != 1 || done[0].State != core.RollbackFailed || !strings.Contains(done[0].Reason, "it was tried 5 times") {
		t.Errorf("%+v, %v", done, err)
	}
	mustBeClosed(t, w, c.ID)
}

func TestRetentionRunsAfterEachChange(t *testing.T) {
	w := newWorld(t)
	var asked []string
	w.a.Retain = func(_ context.Context, instance string) error {
		asked = append(asked, instance)
		return core.Errorf(core.Internal, "cannot remove %s", planted)
	}
	if _, err := w.apply(t.Context(), w.cure()); err != nil || !reflect.DeepEqual(asked, []string{"shop"}) {
		t.Errorf("%v, %v", asked, err)
	}
	w.mustHoldNoSecret(t, nil)
}

// TestUndoOfSQL takes back what a committed change did by SQL, the last first; an
// undo that fails in the middle does it again.
func TestUndoOfSQL(t *testing.T) {
	w := newWorld(t)
	grant := func(to string) core.Action {
		return core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant anon to " + to, "inverse": "revoke anon from " + to}}
	}
	c, err := w.apply(t.Context(), w.cure(grant("a"), grant("b")))
	if err != nil {
		t.Fatal(err)
	}
	ran := func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		var list []string
		for _, script := range w.sql {
			if m := regexp.MustCompile(`(?i)(GRANT|REVOKE) anon (?:TO|FROM) (\w+)`).FindStringSubmatch(script); m != nil {
				list = append(list, strings.ToLower(m[1])+" "+m[2])
			}
		}
		w.sql = nil
		return strings.Join(list, ", ")
	}
	if got := ran(); got != "grant a, grant b" {
		t.Fatalf("the change ran %s", got)
	}
	w.hook = func(name string) {
		if name == "undo.do.before" {
			w.e.Fail = failing("recover", errors.New("no such image"))
		} else if strings.HasPrefix(name, "rollback") {
			w.e.Fail = nil
		}
	}
	if u, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); err == nil || u.State != core.RolledBack {
		t.Fatalf("%+v, %v", u, err)
	}
	if got := ran(); got != "revoke b, revoke a, grant a, grant b" {
		t.Errorf("the undo that failed ran %s", got)
	}
	w.hook, w.e.Fail = func(string) {}, nil
	if u, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); err != nil || u.State != core.Committed {
		t.Fatalf("%+v, %v", u, err)
	}
	if got := ran(); got != "revoke b, revoke a" {
		t.Errorf("the undo ran %s", got)
	}
}
