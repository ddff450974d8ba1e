package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/basewright/basewright/core"
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
// the place of stays aside. An earlier Load that was not settled is taken back first,
// and so is this one when it fails: data as a change left it is better than none.
func (f *Folder) Load(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot) error {
	dir, err := f.path(s.Instance, s.ID)
	if err != nil {
		return err
	}
	if err := f.undoSwap(ctx, e, dir); err != nil {
		return err
	}
	parts := slices.DeleteFunc(Parts(s), func(p core.Scope) bool { return p == core.ConfigScope })
	if len(parts) == 0 {
		return nil
	}
	if err := f.Replace(ctx, e, inst, s, s, parts); err != nil {
		return errors.Join(err, f.unload(ctx, e, s, dir))
	}
	return nil
}

// unload takes back a Load that failed, and lets the services run again.
func (f *Folder) unload(ctx context.Context, e core.Engine, s core.Snapshot, dir string) error {
	if err := f.undoSwap(ctx, e, dir); err != nil {
		return err
	}
	c, err := f.open(s, s.Instance)
	if err != nil {
		return err
	}
	return e.Recover(ctx, c.Containers)
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
	if err := os.Remove(filepath.Join(dir, swapName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("settle snapshot %s: %w", s.ID, err)
	}
	return syncDir(dir)
}

// Aside lists what the restore with this safety snapshot put aside: databases and
// folders that hold what was there before. Nobody but a person removes them.
func (f *Folder) Aside(safety core.Snapshot) ([]string, error) {
	dir, err := f.path(safety.Instance, safety.ID)
	if err != nil {
		return nil, err
	}
	s, _, err := readSwap(dir)
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
