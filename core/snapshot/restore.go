package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/basewright/basewright/core"
)

// Instance returns the instance as it was when the snapshot was taken, so that
// it can be found even when none of its containers is left.
func (f *Folder) Instance(snap core.Snapshot) (core.Instance, error) {
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return core.Instance{}, err
	}
	return c.Manifest.Instance, nil
}

// Files returns the files of the instance folder that a snapshot holds.
func (f *Folder) Files(snap core.Snapshot) ([]core.File, error) {
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return nil, err
	}
	return c.Files, nil
}

// open reads a snapshot and makes sure that it is the one that was recorded,
// and of this instance.
func (f *Folder) open(snap core.Snapshot, instance string) (*Contents, error) {
	path, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return nil, err
	}
	c, err := f.contents(path)
	if err != nil {
		return nil, err
	}
	m := c.Manifest
	switch {
	case m.Instance.ID != instance || snap.Instance != instance:
		return nil, core.Errorf(core.Invalid, "snapshot %s is of instance %s, not of %s", snap.ID, m.Instance.ID, instance)
	case m.ID != snap.ID || m.identity() != snap.SHA256:
		return nil, core.Errorf(core.Invalid, "snapshot %s is not the one that was recorded under that name", snap.ID)
	}
	return c, nil
}

// Covers returns nil when the snapshot can undo writes to the files, and, with
// roles, changes to role passwords.
func (f *Folder) Covers(snap core.Snapshot, files []string, roles bool) error {
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return err
	}
	for _, name := range files {
		if !slices.ContainsFunc(c.Files, func(f core.File) bool { return f.Name == name }) {
			why := "it cannot be kept"
			for _, s := range c.Manifest.Skipped {
				if s.Name == name {
					why = s.Why
				}
			}
			return core.Errorf(core.Conflict, "the snapshot does not hold %s: %s", name, why)
		}
	}
	if roles && !c.Manifest.Roles.Kept {
		return core.Errorf(core.Conflict, "the snapshot does not hold the role passwords: %s", c.Manifest.Roles.Why)
	}
	return nil
}

// Restore puts an instance back as the snapshot saw it: files, role passwords,
// containers; and, before them, the databases and volumes that a Replace with this
// safety snapshot put aside. What is already so is left alone, so it can be run
// again. A file that holds something else is first kept beside the snapshot, for
// it may be somebody's work. The containers of the compose services in leave are
// not touched.
func (f *Folder) Restore(ctx context.Context, e core.Engine, inst core.Instance, snap core.Snapshot, leave ...string) error {
	if err := f.undoSwap(ctx, e, snap); err != nil {
		return fmt.Errorf("put back what was put aside of %s: %w", inst.ID, err)
	}
	return f.restoreConfig(ctx, e, inst, snap, leave...)
}

func (f *Folder) restoreConfig(ctx context.Context, e core.Engine, inst core.Instance, snap core.Snapshot, leave ...string) error {
	c, err := f.open(snap, inst.ID)
	if err != nil {
		return fmt.Errorf("restore %s: %w", inst.ID, err)
	}
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return err
	}
	for _, file := range c.Files {
		if err := f.restoreFile(ctx, e, dir, file); err != nil {
			return fmt.Errorf("restore %s of %s: %w", file.Name, inst.ID, err)
		}
	}
	// Passwords before containers, so that services which come back can log
	// in; but when the database itself is away, its container comes first.
	roles := func() error { return nil }
	if c.Manifest.Roles.Kept {
		roles = func() error { return restoreRoles(ctx, e, c.Roles) }
	}
	rolesErr := roles()
	if err := e.Recover(ctx, c.Containers, leave...); err != nil {
		return fmt.Errorf("restore the containers of %s: %w", inst.ID, errors.Join(err, rolesErr))
	}
	if rolesErr != nil {
		if err := whenItAnswers(ctx, cmp.Or(f.Patience, patience), roles); err != nil {
			return fmt.Errorf("restore the role passwords of %s: %w", inst.ID, err)
		}
	}
	return nil
}

// restoreFile writes a file that differs from the snapshot's, or removes one
// that was not there. What it held is kept in dir, the snapshot's folder.
func (f *Folder) restoreFile(ctx context.Context, e core.Engine, dir string, want core.File) error {
	now, err := e.ReadFile(ctx, want.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if want.Absent {
			return nil
		}
	case err != nil:
		if want.Absent {
			return nil // a folder came up where nothing was; it is not ours to remove
		}
		return err
	case sameFile(want, now):
		return nil
	case want.Absent || !bytes.Equal(want.Data, now.Data):
		now.Name = want.Name
		if err := f.displace(dir, now); err != nil {
			return fmt.Errorf("keep it as it was found: %w", err)
		}
	}
	return e.WriteFile(ctx, want)
}

func sameFile(a, b core.File) bool {
	return !a.Absent && !b.Absent && bytes.Equal(a.Data, b.Data) && a.Mode.Perm() == b.Mode.Perm() && a.UID == b.UID && a.GID == b.GID
}
