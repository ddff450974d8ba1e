package apply

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// idle is a snapshot store whose Restore says it did what it did not do.
type idle struct{ Snapshots }

func (idle) Restore(context.Context, core.Engine, core.Instance, core.Snapshot, ...string) error {
	return nil
}

func TestARollbackThatOnlySaysItWorked(t *testing.T) {
	w := newWorld(t)
	plan := w.cure()
	w.a.Snapshots = idle{w.shots}
	w.e.Fail = failing("up", errors.New("no such image"))
	c, err := w.apply(t.Context(), plan)
	if err == nil || c.State != core.RollbackFailed ||
		!strings.Contains(c.Reason, "not as before: file .env, file volumes/api/new.yml, password of role authenticator") {
		t.Errorf("%+v, %v", c, err)
	}
}

// lastWord is a journal that cannot write that a change is committed.
type lastWord struct{ port }

func (j lastWord) SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error {
	if c.State == core.Committed {
		return errFull
	}
	return j.port.SaveChange(ctx, c, entries...)
}

func TestACommitThatCannotBeWrittenIsRolledBack(t *testing.T) {
	w := newWorld(t)
	before, plan := w.state(), w.cure()
	w.a.Journal = lastWord{w.st}
	c, err := w.apply(t.Context(), plan)
	if core.CodeOf(err) != core.Unreachable || c.State != core.RolledBack || !strings.Contains(c.Reason, "the disk is full") {
		t.Errorf("%+v, %v", c, err)
	}
	w.mustBe(t, before)
}
