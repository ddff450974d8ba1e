package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// rollbackStep is what the journal calls a rollback, so that one that keeps
// killing the agent can be counted.
const rollbackStep = "roll back"

// rollBack puts the instance back from the snapshot and makes sure that it is
// as it was. It outlives ctx: a cancelled change must not leave an instance half
// changed. While the engine does not answer, or not in time, the change stays in
// rolling_back, and the next start goes on with it.
func (t *transaction) rollBack(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.rollbackTime())
	defer cancel()
	cause = t.mask.Err(cause)
	t.c.State, t.c.Reason, t.stubborn = core.RollingBack, cause.Error(), true
	_ = t.leave(ctx) // what keeps it from being told keeps the rollback from being done, too
	err := t.step(ctx, "rollback", rollbackStep, func() error { return t.persist(ctx, t.putBack) })
	if err == nil {
		err = t.step(ctx, "compare", "compare with the snapshot", func() error { return t.Snapshots.Same(ctx, t.e, t.inst, t.snap, t.left...) })
	}
	switch {
	case err == nil:
		return t.rolledBack(ctx, cause)
	case core.CodeOf(err) == core.Unreachable || ctx.Err() != nil:
		return &core.Error{
			Code:    core.Unreachable,
			Message: fmt.Sprintf("change %s of %s is half done and the engine does not answer in time", t.c.ID, t.inst.ID),
			Hint:    "Basewright puts the instance back at its next start with a working engine",
			Err:     errors.Join(cause, err),
		}
	}
	return t.giveUp(ctx, cause, err)
}

// rolledBack ends a change whose instance is back. While that cannot be written
// down, ports stay reserved and files unlisted, so the next start does all of it
// again.
func (t *transaction) rolledBack(ctx context.Context, cause error) error {
	found := t.displaced()
	err := t.Journal.ReleasePorts(ctx, t.c.ID)
	if err == nil && found != "" {
		err = t.list(ctx, []core.Aside{{
			Kind: core.AsideFiles, Snapshot: t.snap.ID, Root: t.snap.Path, Origin: t.inst.Dir, Place: filepath.Base(t.displacedDir()), Size: t.displacedSize(),
		}})
	}
	if err == nil {
		err = t.end(ctx, core.RolledBack, t.c.Reason+found)
	}
	if err != nil {
		return t.unwritten(cause, err)
	}
	return &core.Error{
		Code: core.CodeOf(cause), Message: fmt.Sprintf("change %s of %s was rolled back", t.c.ID, t.inst.ID),
		Err: cause,
	}
}

// unwritten tells of a rollback that was done and could not be written down.
func (t *transaction) unwritten(cause, err error) error {
	return &core.Error{
		Code:    core.Unreachable,
		Message: fmt.Sprintf("change %s of %s was rolled back, which could not be written down", t.c.ID, t.inst.ID),
		Hint:    "Basewright makes sure of it at its next start, when its state can be written",
		Err:     errors.Join(cause, t.mask.Err(err)),
	}
}

// giveUp ends a change that a person must put back, and says how.
func (t *transaction) giveUp(ctx context.Context, cause, failure error) error {
	failure = t.mask.Err(failure)
	reason := fmt.Sprintf("%v; putting it back failed: %v%s. %s", cause, failure, t.displaced(), t.byHand())
	saved := t.end(ctx, core.RollbackFailed, reason)
	return &core.Error{
		Code:    core.Internal,
		Message: fmt.Sprintf("change %s of %s failed and could not be rolled back", t.c.ID, t.c.Instance),
		Hint:    t.byHand(),
		Err:     errors.Join(cause, failure, saved),
	}
}

// byHand says what a person does when the rollback failed.
func (t *transaction) byHand() string {
	if t.snap.Path == "" {
		return strings.TrimSpace("A person is needed: snapshot " + t.c.Snapshot + " cannot be read. " + t.asideByHand())
	}
	archive, dir := filepath.Join(t.snap.Path, "archive.tar.zst"), cmp.Or(t.inst.Dir, "the instance folder")
	return fmt.Sprintf("A person is needed. How %s was before is in %s, which holds secrets. "+
		"1. `mkdir -m 700 /root/%s && tar --zstd -xpf %s -C /root/%s`. "+
		"2. Copy what is under files/ to %s with its owner and mode; remove files that the manifest calls absent. "+
		"3. For each role in roles.json, as superuser in the db container: ALTER ROLE name PASSWORD 'its verifier'. "+
		"4. In %s: `docker compose -p %s up -d --force-recreate`. %s%s"+
		"Then `basewright doctor %s`, and remove /root/%s",
		t.c.Instance, t.snap.Path, t.c.ID, archive, t.c.ID, dir, dir, t.inst.Project, t.dataByHand(), t.asideByHand(), t.inst.Project, t.c.ID)
}

// persist tries again: once for any failure, and for as long as it may while the
// engine does not answer.
func (t *transaction) persist(ctx context.Context, f func(context.Context) error) error {
	wait := time.Second
	for try := 1; ; try++ {
		err := f(ctx)
		away := core.CodeOf(err) == core.Unreachable
		if err == nil || ctx.Err() != nil || try > 1 && !away {
			return err
		}
		if away {
			if pause(ctx, wait) != nil {
				return err
			}
			wait = min(2*wait, 10*time.Second)
		}
	}
}

// putBack undoes what SQL and commands did, then everything that the snapshots
// hold. When the database was away for the first, the rest has brought it back.
func (t *transaction) putBack(ctx context.Context) error {
	if err := t.unload(ctx); err != nil {
		return err
	}
	undone := t.undoActions(ctx)
	if err := t.unshelve(ctx); err != nil {
		return errors.Join(err, undone)
	}
	if old := t.undoes(); old != "" {
		if err := t.shelve(ctx, old, core.Kept, true); err != nil {
			return errors.Join(err, undone)
		}
	}
	if err := t.Snapshots.Restore(ctx, t.e, t.inst, t.snap, t.left...); err != nil {
		return errors.Join(err, undone)
	}
	if err := t.returned(ctx); err != nil {
		return errors.Join(err, undone)
	}
	if undone != nil {
		if err := t.undoActions(ctx); err != nil {
			return err
		}
	}
	return t.loadData(ctx)
}

// undoActions runs the inverses of the statements and commands that may have run,
// the last first. Loading comes after them, so once that began they have all run; and
// what they would run on now is not what the change left.
func (t *transaction) undoActions(ctx context.Context) error {
	if t.loading || t.loaded {
		return nil
	}
	for _, i := range slices.Backward(t.began) {
		var err error
		switch a := t.c.Plan.Actions[i]; {
		case a.Op == core.OpSQL && a.Text("inverse") != "":
			err = t.takeBack(ctx, a)
		case a.Op == core.OpExec && words(a, "inverse") != nil:
			err = t.command(ctx, a, words(a, "inverse"))
		}
		if err != nil {
			return fmt.Errorf("undo action %d: %w", i+1, err)
		}
	}
	return nil
}
