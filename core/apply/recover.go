package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// maxRollbacks is how often a change is put back before a person is asked: a
// rollback that kills the agent must not do so for ever.
const maxRollbacks = 5

// Recover puts back what an agent that was killed left half done, and returns
// those changes. It is called at every start. Changes that a living agent holds
// are left to it. An error names a change that must wait, because the engine
// does not answer, or needs a person; the others are recovered all the same.
func (a *Applier) Recover(ctx context.Context) ([]core.Change, error) {
	open, err := a.Journal.Unfinished(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for interrupted changes: %w", err)
	}
	var recovered []core.Change
	var errs []error
	for _, c := range open {
		last, err := a.lastHeard(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if age := a.now().Sub(last); a.RecoverWithin > 0 && age > a.RecoverWithin {
			errs = append(errs, &core.Error{
				Code:    core.Conflict,
				Message: fmt.Sprintf("change %s of %s was interrupted %s ago and is not put back unasked, since somebody may have mended it by hand", c.ID, c.Instance, age.Round(time.Minute)),
				Hint:    "`basewright change recover` puts it back",
			})
			continue
		}
		if err := ctx.Err(); err != nil {
			return recovered, errors.Join(append(errs, err)...)
		}
		done, err := a.recoverOne(ctx, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("recover change %s of %s: %w", c.ID, c.Instance, err))
		}
		if done != nil {
			recovered = append(recovered, *done)
		}
	}
	return recovered, errors.Join(errs...)
}

// lastHeard is when a change was last written down: a long one that was killed a
// minute ago is not old.
func (a *Applier) lastHeard(ctx context.Context, c core.Change) (time.Time, error) {
	entries, err := a.Journal.Journal(ctx, c.ID)
	last := c.Created
	for _, e := range entries {
		for _, at := range []time.Time{e.At, e.Done} {
			if at.After(last) {
				last = at
			}
		}
	}
	return last, err
}

// recoverOne puts back one change, unless someone is at it.
func (a *Applier) recoverOne(ctx context.Context, c core.Change) (*core.Change, error) {
	release, err := a.hold(c.Instance, c.ID)
	if core.CodeOf(err) == core.Conflict {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	// It may have ended between the list and the lock.
	if c, err = a.Journal.Change(ctx, c.ID); err != nil || c.State.Ended() {
		return nil, err
	}
	t := &transaction{Applier: a, c: &c, inst: core.Instance{ID: c.Instance}, mask: core.NewMask(nil), stubborn: true}
	where := fmt.Sprintf("the agent stopped in the state %s", c.State)
	rollbacks, err := t.closeJournal(ctx)
	if err != nil {
		return nil, err
	}
	if c.Plan.Playbook == core.CreatePlaybook {
		return &c, t.resumeCreation(ctx, errors.New(where))
	}
	if c.Snapshot == "" {
		// The first action comes after the snapshot is written down.
		if err := t.end(ctx, core.RolledBack, where+", before anything was touched"); err != nil {
			return nil, err
		}
		return &c, nil
	}
	return &c, t.resume(ctx, errors.New(where), rollbacks)
}

// resume rolls a change back that an earlier agent began. That is done also
// when all its actions are done and only the last write is missing: nobody was
// told that it is committed, its verification may not have ended, and the
// snapshot is the only state that is proven.
func (t *transaction) resume(ctx context.Context, cause error, rollbacks int) error {
	var err error
	t.snap, err = t.Journal.Snapshot(ctx, t.c.Snapshot)
	if core.CodeOf(err) == core.NotFound {
		return t.giveUp(ctx, cause, err)
	}
	if err != nil {
		return err
	}
	inst, err := t.Snapshots.Instance(t.snap)
	if err != nil {
		return t.giveUp(ctx, cause, err)
	}
	t.inst = inst
	if t.c.Data != "" {
		t.data, err = t.Journal.Snapshot(ctx, t.c.Data)
		if core.CodeOf(err) == core.NotFound {
			return t.giveUp(ctx, cause, err)
		}
		if err != nil { // as a locked state: the next start tries again
			return err
		}
		if err := t.wasLoaded(ctx); err != nil {
			return err
		}
	}
	if rollbacks >= maxRollbacks {
		return t.giveUp(ctx, cause, fmt.Errorf("it was tried %d times and did not end", rollbacks))
	}
	release, err := t.holdFolder(inst)
	if err != nil {
		return err
	}
	defer release()
	if t.e, err = t.Open(ctx, t.inst); err != nil {
		return err
	}
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return err
	}
	if err := t.sameEngine(obs); err != nil {
		return err
	}
	t.env, t.local, t.mask = envName(t.inst, obs), obs.Host.Local, core.NewMask(obs)
	if err := t.rollBack(ctx, cause); t.c.State != core.RolledBack {
		return err
	}
	return nil
}

// sameEngine refuses to put back on one Docker Engine what was begun on another,
// where a project of the same name may be somebody else's.
func (t *transaction) sameEngine(obs *core.Observation) error {
	was := t.c.Plan.Basis["engine"]
	if was == "" || was == obs.Host.EngineID {
		return nil
	}
	return &core.Error{
		Code:    core.Unreachable,
		Message: fmt.Sprintf("change %s of %s was begun on another Docker Engine (%s)", t.c.ID, t.c.Instance, was),
		Hint:    "name that engine with --docker-host to put it back",
	}
}

// closeJournal writes "interrupted" to the steps that were under way, learns
// which actions may have had an effect and what a rollback did, and counts the
// rollbacks so far.
func (t *transaction) closeJournal(ctx context.Context) (rollbacks int, err error) {
	entries, err := t.Journal.Journal(ctx, t.c.ID)
	if err != nil {
		return 0, err
	}
	t.done = map[int]bool{}
	for _, e := range entries {
		t.seq = e.Seq
		var n int
		if _, err := fmt.Sscanf(e.Step, "action %d:", &n); err == nil && n >= 1 && n <= len(t.c.Plan.Actions) {
			if !strings.HasPrefix(e.Outcome, uncommittedPrefix) {
				t.began = append(t.began, n-1)
			}
			t.done[n-1] = e.Outcome == "ok"
		}
		if services, ok := strings.CutPrefix(e.Step, leaveStep); ok {
			t.left = strings.Fields(services)
		}
		if strings.HasPrefix(e.Step, loadedStep) {
			t.loaded, t.noted = true, true
		}
		if e.Step == rollbackStep {
			rollbacks++
			t.decided = true
		}
		if e.Done.IsZero() {
			e.Done, e.Outcome = t.now(), "interrupted"
			if err := t.Journal.Outcome(ctx, *t.c, e); err != nil {
				return 0, err
			}
		}
	}
	return rollbacks, nil
}
