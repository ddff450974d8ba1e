package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/basewright/basewright/core"
)

// Undo puts an instance back to before a committed change. That is a change of
// its own, with its own snapshot. It is refused when anything that the snapshot
// holds was changed since, for that would be lost.
func (a *Applier) Undo(ctx context.Context, changeID, actor string) (*core.Change, error) {
	old, err := a.Journal.Change(ctx, changeID)
	if err != nil {
		return nil, err
	}
	snap, inst, err := a.undoable(ctx, old)
	if err != nil {
		return nil, err
	}
	plan := undoPlan(old)
	if err := plan.Seal(); err != nil {
		return nil, err
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		ready: func(ctx context.Context, t *transaction, obs *core.Observation) error {
			if err := t.sameEngine(obs); err != nil {
				return err
			}
			if err := a.shelfUntouched(ctx, old.ID); err != nil {
				return err
			}
			err := a.Snapshots.Drift(ctx, t.e, inst, snap)
			if core.CodeOf(err) == core.Conflict {
				return core.Errorf(core.Conflict, "change %s cannot be undone, since the instance changed after it: %v", old.ID, err)
			}
			return err
		},
		do: func(ctx context.Context, t *transaction) error {
			if err := t.act(ctx); err != nil {
				return err
			}
			return t.step(ctx, "undo", "restore snapshot "+snap.ID, func() error {
				if err := t.shelve(ctx, old.ID, core.Restored, true); err != nil {
					return err
				}
				return a.Snapshots.Restore(ctx, t.e, inst, snap)
			})
		},
		verify: func(ctx context.Context, t *transaction) error { return t.verifyUndone(ctx, snap) },
		writes: func(env string) []string { return writes(old.Plan, env) },
		roles:  touchesRoles(old.Plan),
	})
}

// verifyUndone checks that everything is as before the old change. That its
// finding is back is what undoing means, so the diagnosis is for the receipt.
func (t *transaction) verifyUndone(ctx context.Context, snap core.Snapshot) error {
	if err := t.Snapshots.Same(ctx, t.e, t.inst, snap); err != nil {
		return err
	}
	d, err := t.Diagnose(ctx, t.e, t.inst)
	if err == nil {
		t.c.After = outlook(d)
	}
	return err
}

// CanUndo reports whether Undo takes on a change, as far as the change itself
// tells. Its snapshot may be gone, or the instance changed since.
func CanUndo(c core.Change) bool {
	byHand := slices.ContainsFunc(c.Plan.Actions, func(a core.Action) bool {
		return a.Op == core.OpExec || a.Op == core.OpSQL && (sqlRisk(a) != nil || retires(a.Text("statement"), a.Text("inverse")))
	})
	return c.State == core.Committed && c.Snapshot != "" && c.Thinned.IsZero() && !byHand && !replacedData(c) && !c.Plan.Guided && c.Plan.Playbook != core.UpgradePlaybook
}

// replacedData reports whether the change brought databases or volumes back: what
// was written since would be lost. The snapshot taken before it can be restored.
func replacedData(c core.Change) bool {
	return c.Plan.Playbook == core.RestorePlaybook && c.Plan.Scope != core.ConfigScope
}

// undoable returns the snapshot from which a change can be undone.
func (a *Applier) undoable(ctx context.Context, old core.Change) (core.Snapshot, core.Instance, error) {
	no := func(why string) (core.Snapshot, core.Instance, error) {
		return core.Snapshot{}, core.Instance{}, core.Errorf(core.Conflict, "change %s cannot be undone: %s", old.ID, why)
	}
	switch {
	case old.State != core.Committed:
		return no("it is " + string(old.State) + ", not committed")
	case !old.Thinned.IsZero():
		return no("it is so old that of what it did only the receipt is kept")
	case old.Snapshot == "":
		return no("there is nothing before it that could be put back")
	case replacedData(old):
		return no("it replaced data, and what was written since would be lost; restore the snapshot that was taken before it")
	case old.Plan.Playbook == core.UpgradePlaybook:
		return no("services may have migrated their schemas, which older images cannot use; restore the full snapshot that was taken before it: basewright snapshot restore " + old.Data)
	case old.Plan.Guided:
		return no("it saved everything and changed nothing")
	case !CanUndo(old):
		return no("it made something in the database, ran SQL that no statement takes back, or ran commands")
	}
	snap, err := a.Journal.Snapshot(ctx, old.Snapshot)
	if core.CodeOf(err) == core.NotFound {
		return no("its snapshot is gone")
	}
	if err != nil {
		return core.Snapshot{}, core.Instance{}, err
	}
	inst, err := a.Snapshots.Instance(snap)
	if errors.Is(err, fs.ErrNotExist) {
		return no("its snapshot is gone")
	}
	return snap, inst, err
}

// undoPlan describes the undoing of a change as people read it. What it did by SQL
// is taken back by actions of the plan, so that a failure in their middle, or a
// kill, puts them back as any other; the rest is in the snapshot.
func undoPlan(old core.Change) core.Plan {
	p := core.Plan{
		Instance: old.Instance, Playbook: core.UndoPlaybook, Title: fmt.Sprintf("Undo %q (change %s)", old.Plan.Title, old.ID),
		Risk: old.Plan.Risk, Scope: core.ConfigScope, Downtime: old.Plan.Downtime, Basis: map[string]string{"change": old.ID, "engine": old.Plan.Basis["engine"]},
		Release: old.Plan.Release.Back(),
	}
	for _, a := range slices.Backward(old.Plan.Actions) {
		if a.Op == core.OpSQL && a.Text("inverse") != "" {
			args := maps.Clone(a.Args)
			args["statement"], args["inverse"] = a.Args["inverse"], a.Args["statement"]
			p.Actions = append(p.Actions, core.Action{Op: core.OpSQL, Args: args, Why: "it takes back what the change did"})
		}
	}
	for _, d := range slices.Backward(old.Plan.Diff) {
		p.Diff = append(p.Diff, core.Diff{Target: d.Target, Before: d.After, After: d.Before})
	}
	return p
}
