package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/core/upgrade"
	"github.com/basewright/basewright/repairs"
)

// workshop is what a command needs that changes instances.
type workshop struct {
	*global
	host    *docker.Host
	store   *store.Store
	applier *apply.Applier
	folder  *snapshot.Folder
	books   []core.Playbook
	given   map[string]core.Secret // of the plan that is applied, nowhere else yet
	spend   func()                 // ends thrift; nil where there was none
}

// unasked is how old an interrupted change may be to be put back by whatever
// command comes next: later, somebody may have mended the instance by hand.
const unasked = 24 * time.Hour

// openWorkshop opens the state, and first puts back what an agent that was
// killed left half done. A change that cannot be put back holds its own
// instance and no other, so it is told and does not end the command.
func openWorkshop(ctx context.Context, g *global) (*workshop, error) {
	w, err := openBench(ctx, g)
	if err != nil {
		return nil, err
	}
	w.applier.RecoverWithin = unasked
	if _, err := w.recover(ctx); err != nil {
		fmt.Fprintln(g.err, "basewright: "+printable(err.Error()))
	}
	return w, nil
}

// openBench opens the state and nothing else. Until it is closed, memory is kept
// small: snapshots of any size pass through it.
func openBench(ctx context.Context, g *global) (*workshop, error) {
	host, err := g.engine(ctx)
	if err != nil {
		return nil, err
	}
	w, err := openState(g, host)
	if err != nil {
		host.Close()
		return nil, err
	}
	w.spend = thrifty()
	if w.books, err = g.playbooks(ctx); err == nil {
		err = w.permit(ctx)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// recover puts back interrupted changes and says which.
func (w *workshop) recover(ctx context.Context) (int, error) {
	recovered, err := w.applier.Recover(ctx)
	err = errors.Join(err, w.folder.Wake(ctx, func(i core.Instance) (core.Engine, error) { return w.applier.Open(ctx, i) }))
	gone, left := w.sweepRehearsals(ctx, w.host)
	err = errors.Join(err, left)
	for _, id := range gone {
		fmt.Fprintf(w.err, "basewright: %s was left by a rehearsal that was interrupted, and is removed\n", id)
	}
	for _, c := range recovered {
		fmt.Fprintf(w.err, "basewright: change %s of %s was interrupted and is now %s\n", c.ID, c.Instance, c.State)
	}
	return len(recovered), err
}

// openState wires the rooms together: the store as journal, the folder of
// snapshots, Docker as engine and all checks as verification.
func openState(g *global, host *docker.Host) (*workshop, error) {
	data := g.data()
	s, err := g.openStore()
	if err != nil {
		return nil, err
	}
	snapshots := &snapshot.Folder{Dir: filepath.Join(data, "snapshots"), Failpoint: apply.FailpointFromEnv()}
	w := &workshop{global: g, host: host, store: s, folder: snapshots}
	w.applier = &apply.Applier{
		Open: func(_ context.Context, i core.Instance) (core.Engine, error) { return host.Open(i), nil },
		Diagnose: func(ctx context.Context, e core.Engine, _ core.Instance) (*core.Diagnosis, error) {
			return w.look(ctx, e, s.Key(), w.books, diagnose.Options{Trigger: core.ByVerify})
		},
		Basis:       func(o *core.Observation, _ core.Plan) map[string]string { return repairs.Basis(o, nil, s.Key()) },
		Fingerprint: s.Key().Of,
		Journal:     s,
		ReleaseOf:   upgrade.Told,
		Snapshots:   snapshots,
		Data:        snapshots,
		LockDir:     filepath.Join(data, "locks"),
		MayExec:     w.mayExec,
		Failpoint:   apply.FailpointFromEnv(),
		Retain:      w.retain,
		Unmake:      func(ctx context.Context, c core.Change) error { return w.unmake(ctx, host, c) },
	}
	return w, nil
}

// retain removes old snapshots of an instance, but none that a change needs and
// never the last good one.
func (w *workshop) retain(ctx context.Context, instance string) error {
	spared, err := w.store.NeededSnapshots(ctx, instance)
	if err != nil {
		return err
	}
	known, err := w.store.Snapshots(ctx, instance)
	if err != nil {
		return err
	}
	maps.Copy(spared, snapshot.LastGood(known))
	gone, err := w.folder.Retain(instance, snapshot.DefaultKeep, spared)
	return errors.Join(err, w.store.ForgetSnapshots(ctx, gone...))
}

// close lets go of the state and the engine; what must last was synced when it
// was written.
func (w *workshop) close() {
	if w.spend != nil {
		w.spend()
	}
	w.store.Close()
	if w.host != nil {
		w.host.Close()
	}
}

// actor names who sits at the terminal.
func actor() string {
	name := os.Getenv("SUDO_USER")
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	return "cli:" + name
}
