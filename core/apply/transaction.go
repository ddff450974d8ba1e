package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// transaction is one change being carried out or put back.
type transaction struct {
	*Applier
	work
	e      core.Engine
	inst   core.Instance
	c      *core.Change
	env    string        // name of the .env in the instance folder
	before []core.EnvVar // what it held then
	snap   core.Snapshot
	found  *core.Diagnosis // before the change
	local  bool            // the engine is on this machine
	data   core.Snapshot   // of what users own; empty when the plan cannot change that
	began  []int           // actions that may have had an effect
	done   map[int]bool    // actions that ended well
	seq    int             // of the last journal entry
	left   []string        // compose services that a rollback leaves alone
	// decided says that left was found out; a rollback that was begun hides it.
	decided bool
	// loading says that a rollback began to load data, loaded that it has, noted that
	// this is written down.
	loading, loaded, noted bool
	mask                   *core.Mask
	begun                  bool         // this process began it, so that it knows
	listed                 []core.Aside // all that it set aside
	// stubborn makes steps happen although they cannot be written down: a
	// rollback does not stop because the journal's disk is full.
	stubborn bool
}

// run takes the change from approved to its end.
func (t *transaction) run(ctx context.Context) error {
	if err := t.prepare(ctx); err != nil {
		return t.abandon(ctx, err)
	}
	err := t.perform(ctx)
	if err == nil {
		err = t.commit(ctx)
	}
	if err != nil {
		return t.rollBack(ctx, err)
	}
	return nil
}

// prepare looks at the instance and snapshots it. It touches nothing.
func (t *transaction) prepare(ctx context.Context) error {
	t.c.State = core.Snapshotting
	if t.first != nil {
		if err := t.first(ctx, t); err != nil {
			return err
		}
	}
	err := t.step(ctx, "before", "diagnose before", func() error {
		d, err := t.Diagnose(ctx, t.e, t.inst)
		if err == nil {
			t.found, t.c.Before = d, outlook(d)
			t.c.Before.Evidence = t.evidence(d)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := t.saveConfig(ctx); err != nil {
		return err
	}
	if s := t.c.Plan.Scope; s == "" || s == core.ConfigScope || t.savesLater() {
		return nil
	}
	if err := t.saveData(ctx); err != nil || !t.c.Plan.Guided {
		return err
	}
	return t.proveData(ctx)
}

// savesLater reports whether an action of the plan snapshots what users own.
func (t *transaction) savesLater() bool {
	return slices.ContainsFunc(t.c.Plan.Actions, func(a core.Action) bool { return a.Op == core.OpSnapshot })
}

// evidence returns the proof of the finding that the plan is to mend, for the
// receipt.
func (t *transaction) evidence(d *core.Diagnosis) []core.Evidence {
	var proof []core.Evidence
	for _, f := range d.Findings {
		if f.Code != t.c.Plan.Finding {
			continue
		}
		for _, e := range f.Evidence[:min(len(f.Evidence), maxEvidence)] {
			e.Text = t.mask.Text(e.Text)
			proof = append(proof, e)
		}
		break
	}
	return proof
}

// maxEvidence is how much proof a receipt keeps of a finding.
const maxEvidence = 5

// perform does the work and verifies it.
func (t *transaction) perform(ctx context.Context) error {
	t.c.State = core.Applying
	if err := t.do(ctx, t); err != nil {
		return err
	}
	t.c.State = core.Verifying
	return t.step(ctx, "verify", "verify", func() error {
		if err := t.work.verify(ctx, t); err != nil {
			return err
		}
		return t.Snapshots.Mark(ctx, t.e, t.inst, t.snap)
	})
}

// act carries out the actions of the plan in order.
func (t *transaction) act(ctx context.Context) error {
	t.done = map[int]bool{}
	for i, a := range t.c.Plan.Actions {
		t.c.Step = i
		t.began = append(t.began, i)
		title := fmt.Sprintf("action %d: %s", i+1, t.mask.Text(describe(a))) // Recover reads the number
		name := fmt.Sprintf("action-%d-%s", i+1, a.Op)
		err := t.step(ctx, name, title, func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := t.untouched(ctx, a)
			nothing := err != nil
			if err == nil {
				err = operationOf(a.Op).do(ctx, t, a)
				_, nothing = errors.AsType[uncommitted](err)
			}
			if nothing {
				t.began = t.began[:len(t.began)-1]
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", title, err)
		}
		t.done[i] = true
	}
	return nil
}

// step writes a step down, takes it, and writes down how it ended. The title
// holds no secret.
func (t *transaction) step(ctx context.Context, name, title string, do func() error) error {
	lasting := context.WithoutCancel(ctx)
	entry := core.JournalEntry{Change: t.c.ID, Seq: t.seq + 1, Step: title, At: t.now()}
	err := t.at(name+".intent", func() error { return t.Journal.Intent(lasting, *t.c, entry) })
	if err != nil && !t.stubborn {
		return err
	}
	t.seq++
	t.say(entry.Step, "")
	done := t.mask.Err(t.at(name+".do", do))
	entry.Done, entry.Outcome = t.now(), "ok"
	if done != nil {
		entry.Outcome = done.Error()
	}
	saved := err
	if saved == nil {
		saved = t.at(name+".outcome", func() error { return t.Journal.Outcome(lasting, *t.c, entry) })
	}
	t.say(entry.Step, entry.Outcome)
	if t.stubborn {
		return done
	}
	return errors.Join(done, saved)
}

// at does something between two failpoints.
func (t *transaction) at(name string, do func() error) error {
	t.fail(name + ".before")
	err := do()
	t.fail(name + ".after")
	return err
}

func (a *Applier) fail(name string) {
	if a.Failpoint != nil {
		a.Failpoint(name)
	}
}

// commit is the moment from which the change stays.
func (t *transaction) commit(ctx context.Context) error {
	return t.end(ctx, core.Committed, "", t.replaced(ctx))
}

// abandon ends a change that touched nothing.
func (t *transaction) abandon(ctx context.Context, cause error) error {
	cause = t.mask.Err(cause)
	reason := "nothing was touched: " + cause.Error()
	saved := t.end(ctx, core.RolledBack, reason)
	return &core.Error{
		Code: core.CodeOf(cause), Message: fmt.Sprintf("change %s of %s was not begun", t.c.ID, t.inst.ID),
		Err: errors.Join(cause, saved),
	}
}

// end writes down how the change ended, together with its audit entry, which may
// tell more.
func (t *transaction) end(ctx context.Context, state core.ChangeState, reason string, also ...string) error {
	was := *t.c
	t.c.State, t.c.Reason, t.c.Finished = state, reason, t.now()
	outcome := "ok"
	if state != core.Committed {
		outcome = "failed"
	}
	entry := t.entry("change.end", outcome, string(state)+": "+cmp.Or(reason, t.c.Plan.Title)+strings.Join(also, ""))
	if err := t.at("end", func() error { return t.save(ctx, entry) }); err != nil {
		*t.c = was
		return err
	}
	t.say("", outcome)
	return nil
}

func (t *transaction) save(ctx context.Context, entries ...core.AuditEntry) error {
	return t.Journal.SaveChange(context.WithoutCancel(ctx), *t.c, entries...)
}

func (t *transaction) entry(action, outcome, detail string) core.AuditEntry {
	return core.AuditEntry{
		At: t.now(), Actor: t.c.Actor, Action: action, Instance: t.c.Instance, Outcome: outcome,
		Detail: "change " + t.c.ID + ": " + t.mask.Text(detail),
	}
}

// say tells whoever watches.
func (t *transaction) say(step, outcome string) {
	if t.Progress == nil {
		return
	}
	done := t.c.Step
	if t.c.State == core.Verifying || t.c.State == core.Committed {
		done = len(t.c.Plan.Actions)
	}
	t.Progress(core.Event{
		Change: t.c.ID, Instance: t.c.Instance, At: t.now(), State: t.c.State,
		Step: step, Outcome: outcome, Done: done, Total: len(t.c.Plan.Actions),
	})
}
