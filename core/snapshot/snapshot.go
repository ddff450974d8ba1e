// Package snapshot takes, verifies and restores copies of an instance's
// configuration: its files, its containers and the password verifiers of its
// database roles. A snapshot holds secrets, so its folder is for this user only
// and nothing of it goes anywhere else.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

// DefaultKeep is how many snapshots of an instance retention leaves.
const DefaultKeep = 10

const (
	patience = 30 * time.Second // for the database to answer and containers to settle after a restore
	stale    = time.Hour        // after which the leavings of a killed agent are swept
)

// Folder keeps the snapshots of a host: <Dir>/<instance>/<id>.
type Folder struct {
	Dir      string
	Patience time.Duration // zero means 30 s
	Now      func() time.Time
	NewID    func() string

	free   func(dir string) (uint64, error)
	create func(name string) (file, error)
}

// Take makes a snapshot of what obs saw, and of the files named in also, which
// the coming change will write. It reads back what it wrote before the snapshot
// gets its name, so there is a whole one or none.
func (f *Folder) Take(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, reason string, also ...string) (core.Snapshot, error) {
	s, err := f.take(ctx, e, inst, obs, reason, also)
	if err != nil {
		return core.Snapshot{}, fmt.Errorf("snapshot of %s: %w", inst.ID, err)
	}
	return s, nil
}

func (f *Folder) take(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, reason string, also []string) (core.Snapshot, error) {
	id := f.newID()
	path, err := f.path(inst.ID, id)
	if err != nil {
		return core.Snapshot{}, err
	}
	c, err := gather(ctx, e, inst, obs, also)
	if err != nil {
		return core.Snapshot{}, err
	}
	c.Manifest.ID, c.Manifest.Reason, c.Manifest.Created = id, reason, f.now()
	parent := filepath.Dir(path)
	if err := makeDirs(parent); err != nil {
		return core.Snapshot{}, err
	}
	f.sweep(parent)
	if err := f.room(parent, c.size()); err != nil {
		return core.Snapshot{}, err
	}
	temp := filepath.Join(parent, ".tmp-"+id)
	if err := f.write(temp, path, c); err != nil {
		return core.Snapshot{}, errors.Join(err, os.RemoveAll(temp))
	}
	m := c.Manifest
	return core.Snapshot{
		ID: id, Instance: inst.ID, Scope: m.Scope, Reason: reason, Path: path,
		Size: m.ArchiveSize, SHA256: m.ArchiveSHA256, Created: m.Created,
	}, nil
}

// write puts the snapshot on the disk under a temporary name, reads it back and
// renames it.
func (f *Folder) write(temp, path string, c *Contents) error {
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	if err := f.writeArchive(filepath.Join(temp, archiveName), c); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	if err := f.writeManifest(filepath.Join(temp, manifestName), &c.Manifest); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := syncDir(temp); err != nil {
		return err
	}
	if _, err := Verify(temp); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// room refuses a snapshot that would fill the disk.
func (f *Folder) room(dir string, size int64) error {
	free, err := f.freeSpace(dir)
	if err != nil {
		return fmt.Errorf("look for free space: %w", err)
	}
	if need := 2*uint64(size) + 1<<20; free < need {
		return &core.Error{
			Code:    core.Unreachable,
			Message: fmt.Sprintf("%s has %d KiB free, a snapshot needs %d KiB", dir, free>>10, need>>10),
			Hint:    "make room",
		}
	}
	return nil
}

func (f *Folder) freeSpace(dir string) (uint64, error) {
	if f.free != nil {
		return f.free(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// path returns where a snapshot lies. It does not trust names that come from a
// database to be anything but names.
func (f *Folder) path(instance, id string) (string, error) {
	if !core.ValidID(instance) || !validName.MatchString(id) {
		return "", core.Errorf(core.Invalid, "%q of %q cannot name a snapshot", id, instance)
	}
	dir, err := filepath.Abs(f.Dir)
	return filepath.Join(dir, instance, id), err
}

// sweep removes what agents that were killed left behind long ago.
func (f *Folder) sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		fi, err := e.Info()
		if strings.HasPrefix(e.Name(), ".") && err == nil && time.Since(fi.ModTime()) > stale {
			_ = os.RemoveAll(filepath.Join(parent, e.Name()))
		}
	}
}

func (f *Folder) now() time.Time {
	if f.Now != nil {
		return f.Now().UTC()
	}
	return time.Now().UTC()
}

func (f *Folder) newID() string {
	if f.NewID != nil {
		return f.NewID()
	}
	return core.NewID()
}

// makeDirs makes dir and what is missing above it, for this user only, and
// sees to it that their names last.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
