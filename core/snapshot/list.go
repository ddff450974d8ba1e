package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// List returns the snapshots of an instance that are on the disk, newest first,
// by their manifests. It takes nobody's word that there is no other.
func (f *Folder) List(instance string) ([]core.Snapshot, error) {
	parent, err := f.path(instance, "x")
	if err != nil {
		return nil, err
	}
	parent = filepath.Dir(parent)
	entries, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list snapshots of %s: %w", instance, err)
	}
	f.sweep(parent)
	var all []core.Snapshot
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		// A folder that is no snapshot is not ours.
		dir := filepath.Join(parent, e.Name())
		if m, err := readManifest(dir); err == nil && m.ID == e.Name() && m.Instance.ID == instance {
			all = append(all, m.snapshot(dir))
		}
	}
	slices.SortFunc(all, func(a, b core.Snapshot) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID))
	})
	return all, nil
}

// Manifest returns what a snapshot says that it holds.
func (f *Folder) Manifest(snap core.Snapshot) (Manifest, error) {
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return Manifest{}, err
	}
	return readManifest(dir)
}

// Missing reports whether nothing is left of a snapshot that was recorded.
func (f *Folder) Missing(snap core.Snapshot) bool {
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return true
	}
	_, err = os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// quarantineName is the folder, beside those of the instances, that keeps what
// people deleted.
const quarantineName = ".quarantine"

// Quarantine moves a snapshot out of the way and returns where it is now. Nothing
// of it is removed.
func (f *Folder) Quarantine(snap core.Snapshot) (string, error) {
	from, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return "", err
	}
	to := filepath.Join(filepath.Dir(filepath.Dir(from)), quarantineName, snap.Instance, f.now().Format("20060102T150405Z")+"-"+snap.ID)
	if err := makeDirs(filepath.Dir(to)); err != nil {
		return "", fmt.Errorf("quarantine snapshot %s: %w", snap.ID, err)
	}
	if err := os.Rename(from, to); err != nil {
		return "", fmt.Errorf("quarantine snapshot %s: %w", snap.ID, err)
	}
	return to, errors.Join(syncDir(filepath.Dir(from)), syncDir(filepath.Dir(to)))
}
