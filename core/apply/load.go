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

// DataSnapshots takes snapshots of what users own: of the scope database, volumes
// or full. An Applier without one refuses plans that may change data.
type DataSnapshots interface {
	// Save takes a snapshot of that scope and verifies it. Its configuration is that
	// of the config snapshot, which may be from before services were stopped.
	Save(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, scope core.Scope, reason string, config core.Snapshot) (core.Snapshot, error)
	// SaveStopped is Save with the database stopped while its data directory is
	// copied, and started again if it ran.
	SaveStopped(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, scope core.Scope, reason string, config core.Snapshot) (core.Snapshot, error)
	// Prove reads all that was saved, down to its contents.
	Prove(ctx context.Context, s core.Snapshot) (core.Snapshot, error)
	// Load puts back what Save saved; the instance's configuration and
	// containers are as they were when it is called. An earlier Load without its
	// Settle is taken back first, unless services may have run since.
	Load(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot) error
	// Unload takes back a Load that began and is not done, with no service but the
	// database running; the others stay stopped. It does nothing when there is none.
	// Running it twice does no harm.
	Unload(ctx context.Context, e core.Engine, s core.Snapshot) error
	// Loaded reports how far a Load without its Settle came: whether it began, and
	// whether it is done, so that services may have run and no Load takes it back.
	Loaded(s core.Snapshot) (begun, done bool, err error)
	// Settle makes what Load did last: it hands what that put aside to list, and
	// then no Load takes it back. Running it twice does no harm.
	Settle(ctx context.Context, e core.Engine, s core.Snapshot, list func([]core.Aside) error) error
	// Aside names what a Load without its Settle put aside, or was about to.
	Aside(s core.Snapshot) ([]string, error)
	// Discard deletes what is in quarantine and no Shelf moved. No plan can.
	Discard(ctx context.Context, e core.Engine, a core.Aside) error
}

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

// unload takes back what an earlier Load left half done, before anything else of a
// rollback lets services run: what they wrote into half of the data would be lost.
func (t *transaction) unload(ctx context.Context) error {
	if t.Data == nil || !t.loading || t.loaded {
		return nil
	}
	if err := t.at("unload", func() error { return t.Data.Unload(ctx, t.e, t.data) }); err != nil {
		return fmt.Errorf("take back the half loaded snapshot %s, until which no service runs: %w", t.c.Data, err)
	}
	return nil
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
