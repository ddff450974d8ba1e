package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// Save takes a snapshot of that scope, for a change that may alter data. Its
// configuration is that of the config snapshot.
func (f *Folder) Save(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, scope core.Scope, reason string, config core.Snapshot) (core.Snapshot, error) {
	return f.TakeScope(ctx, e, inst, obs, Request{Scope: scope, Reason: reason, Config: config})
}

// SaveStopped is Save with the data directory of the database, which is stopped for
// as long as that is read.
func (f *Folder) SaveStopped(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, scope core.Scope, reason string, config core.Snapshot) (core.Snapshot, error) {
	return f.TakeScope(ctx, e, inst, obs, Request{Scope: scope, Reason: reason, Config: config, Stop: true})
}

// Prove reads the whole snapshot and notes that it was.
func (f *Folder) Prove(_ context.Context, s core.Snapshot) (core.Snapshot, error) {
	proof, err := f.Check(s, core.Readable)
	s.Proof = proof
	return s, err
}

// Load brings the data of a snapshot back, not its configuration. What it takes
// the place of stays aside. An earlier Load that did not get to starting services is
// taken back first, and so is this one when it fails: data as a change left it is
// better than none. One that did stays, for users may have written since.
func (f *Folder) Load(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot) error {
	_, done, err := f.Loaded(s)
	if err != nil {
		return err
	}
	if done {
		return f.runAgain(ctx, e, s)
	}
	if err := f.undoSwap(ctx, e, s); err != nil {
		return err
	}
	parts := slices.DeleteFunc(Parts(s), func(p core.Scope) bool { return p == core.ConfigScope })
	if len(parts) == 0 {
		return nil
	}
	r := f.replacement(e, inst, s, s, parts)
	r.lasts = true
	if err := r.do(ctx); err != nil {
		if _, done, unsure := f.Loaded(s); done || unsure != nil {
			return errors.Join(err, unsure)
		}
		return errors.Join(err, f.giveUp(ctx, e, s))
	}
	return nil
}

// Loaded reports how far a Load came that was not settled: whether it began, so that
// something may be aside; and whether services may have run on what it brought, so
// that it stays.
func (f *Folder) Loaded(s core.Snapshot) (begun, done bool, err error) {
	dir, err := f.path(s.Instance, s.ID)
	if err != nil {
		return false, false, err
	}
	if _, done, err = readSwap(dir, loadedName); err != nil || done {
		return done, done, err
	}
	_, begun, err = readSwap(dir, swapName)
	return begun, false, err
}

// runAgain brings the services into the state that they had in a snapshot.
func (f *Folder) runAgain(ctx context.Context, e core.Engine, s core.Snapshot) error {
	c, err := f.open(s, s.Instance)
	if err != nil {
		return err
	}
	return e.Recover(ctx, c.Containers)
}

// Unload takes back a Load that began and is not done, with no service but the
// database running, and lets none run. That it began stays known: a program that is
// killed before it loads again takes it back again, which does no harm.
func (f *Folder) Unload(ctx context.Context, e core.Engine, s core.Snapshot) error {
	begun, done, err := f.Loaded(s)
	if err != nil || done || !begun {
		return err
	}
	if err := f.undoSwap(ctx, e, s); err != nil {
		return err
	}
	f.At("restore.unloaded")
	return nil
}

// unloadTime is how long taking back a Load may take. It is not a part of the time
// of that, which may be what is over: half a database must not stay for that reason.
const unloadTime = 10 * time.Minute

// giveUp takes back a Load that failed, and lets the services run again.
func (f *Folder) giveUp(ctx context.Context, e core.Engine, s core.Snapshot) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unloadTime)
	defer cancel()
	dir, err := f.path(s.Instance, s.ID)
	if err != nil {
		return err
	}
	if err := f.undoSwap(ctx, e, s); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, swapName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(durable.SyncDir(dir), f.runAgain(ctx, e, s))
}

// Settle hands what Load put aside to list. From then on it is not to come back by
// itself: what is written into the loaded data must not be lost to a second Load.
func (f *Folder) Settle(ctx context.Context, e core.Engine, s core.Snapshot, list func([]core.Aside) error) error {
	dir, err := f.path(s.Instance, s.ID)
	if err != nil {
		return err
	}
	aside, err := f.Shelved(ctx, e, s)
	if err != nil {
		return err
	}
	if err := list(aside); err != nil {
		return err
	}
	f.At("restore.settle")
	for _, name := range []string{loadedName, swapName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("settle snapshot %s: %w", s.ID, err)
		}
	}
	return durable.SyncDir(dir)
}

// Aside lists what the restore with this safety snapshot put aside: databases and
// folders that hold what was there before. Nobody but a person removes them.
func (f *Folder) Aside(safety core.Snapshot) ([]string, error) {
	dir, err := f.path(safety.Instance, safety.ID)
	if err != nil {
		return nil, err
	}
	s, _, err := readAnySwap(dir)
	var names []string
	for _, d := range s.Databases {
		if d.OID != 0 {
			names = append(names, "database "+d.Aside+" (was "+d.Name+")")
		}
	}
	for _, v := range s.Volumes {
		names = append(names, "folder "+v.Aside)
	}
	return names, err
}
