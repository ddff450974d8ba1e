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

// loadedStep begins the journal entry that says that a rollback has loaded a
// snapshot of data. A second one must not: it would throw away what was written
// since, and put a second database aside.
const loadedStep = "data loaded: "

// loadData puts back what users own, when an action began that may have changed
// it. That may bring back old passwords and containers, too.
func (t *transaction) loadData(ctx context.Context) error {
	if t.c.Data == "" || !t.loading && !t.loaded && !t.risked() && !t.migrated(ctx) {
		return nil
	}
	if t.Data == nil {
		return core.Errorf(core.Internal, "the %s snapshot %s cannot be read by this program", t.c.Plan.Scope, t.c.Data)
	}
	if !t.loaded {
		load := func() error { return t.Data.Load(ctx, t.e, t.inst, t.data) }
		if err := t.at("load", load); err != nil {
			return errors.Join(fmt.Errorf("load snapshot %s: %w", t.c.Data, err), t.lookLoaded())
		}
		t.loaded = true
	}
	if err := t.noteLoaded(ctx); err != nil {
		return err
	}
	list := func(items []core.Aside) error { return t.list(ctx, items) }
	if err := t.at("settle", func() error { return t.Data.Settle(ctx, t.e, t.data, list) }); err != nil {
		return fmt.Errorf("settle snapshot %s: %w", t.c.Data, err)
	}
	return t.Snapshots.Restore(ctx, t.e, t.inst, t.snap, t.left...)
}

// risked reports whether an action began that may have changed what users own.
func (t *transaction) risked() bool {
	return slices.ContainsFunc(t.began, func(i int) bool {
		a := t.c.Plan.Actions[i]
		return ops[a.Op].risk != nil && ops[a.Op].risk(a) != nil
	})
}

// dataByHand says how a person brings back what users own, when a rollback should
// have and did not.
func (t *transaction) dataByHand() string {
	if t.c.Data == "" || t.loaded || !t.risked() && t.c.Plan.Playbook != core.UpgradePlaybook {
		return ""
	}
	parts := map[core.Scope]string{core.FullScope: " --only database --only volumes"}
	return fmt.Sprintf("5. The data may be changed; `basewright snapshot restore %s%s` brings back what was. ",
		t.c.Data, cmp.Or(parts[t.c.Plan.Scope], " --only "+string(t.c.Plan.Scope)))
}

// asideByHand names what loading data put aside, when that did not come to its end: it
// may be in no list.
func (t *transaction) asideByHand() string {
	if t.c.Data == "" || t.Data == nil {
		return ""
	}
	names, err := t.Data.Aside(core.Snapshot{ID: t.c.Data, Instance: t.c.Instance})
	switch {
	case err != nil:
		return fmt.Sprintf("What loading the data put aside cannot be told: %v. ", err)
	case len(names) == 0:
		return ""
	}
	return "Loading the data did not come to its end; aside may be the " + strings.Join(names, ", the ") + ". "
}

// noteLoaded writes down that the data is loaded, once. Unlike other steps of a
// rollback it has to be written: until it is, what was loaded can be taken back.
func (t *transaction) noteLoaded(ctx context.Context) error {
	if t.noted {
		return nil
	}
	entry := core.JournalEntry{Change: t.c.ID, Seq: t.seq + 1, Step: loadedStep + t.c.Data, At: t.now(), Done: t.now(), Outcome: "ok"}
	if err := t.at("loaded", func() error { return t.Journal.Intent(context.WithoutCancel(ctx), *t.c, entry) }); err != nil {
		return &core.Error{Code: core.Unreachable, Message: "the data is loaded, which could not be written down", Err: err}
	}
	t.seq++
	t.noted = true
	return nil
}

// lookLoaded learns from the snapshot of data how far it is loaded, which that knows
// before anything can be written into it.
func (t *transaction) lookLoaded() error {
	if t.Data == nil || t.loaded {
		return nil
	}
	var err error
	t.loading, t.loaded, err = t.Data.Loaded(t.data)
	return err
}

// wasLoaded learns whether the data is loaded although the journal does not say so;
// from the list of the quarantine, too, since an earlier version of the agent noted
// it nowhere else.
func (t *transaction) wasLoaded(ctx context.Context) error {
	if err := t.lookLoaded(); err != nil || t.loaded {
		return err
	}
	items, err := t.asides(ctx, t.c.ID)
	t.loaded = slices.ContainsFunc(items, func(a core.Aside) bool { return a.Snapshot == t.c.Data && a.State == core.Kept })
	return err
}
