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
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
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

// keptFor is how long a person is meant to leave alone what is in quarantine.
const keptFor = 30 * 24 * time.Hour

// Quarantine moves a snapshot out of the way, after it was handed to list, and
// returns what was listed. Nothing of it is removed.
func (f *Folder) Quarantine(snap core.Snapshot, list func(core.Aside) error) (core.Aside, error) {
	from, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return core.Aside{}, err
	}
	now := f.now()
	item := core.Aside{
		ID: snap.ID, Kind: core.AsideSnapshot, Snapshot: snap.ID, Instance: snap.Instance, Why: "a person deleted the snapshot",
		Root: filepath.Dir(filepath.Dir(from)), Origin: filepath.Join(snap.Instance, snap.ID), State: core.Kept, At: now, Until: now.Add(keptFor),
		Place: filepath.Join(quarantineName, snap.Instance, now.Format("20060102T150405Z")+"-"+snap.ID), Size: treeSize(from),
	}
	if err := makeDirs(filepath.Dir(item.In())); err != nil {
		return item, fmt.Errorf("quarantine snapshot %s: %w", snap.ID, err)
	}
	if err := list(item); err != nil {
		return item, err
	}
	if err := os.Rename(from, item.In()); err != nil {
		return item, fmt.Errorf("quarantine snapshot %s: %w", snap.ID, err)
	}
	return item, errors.Join(durable.SyncDir(filepath.Dir(from)), durable.SyncDir(filepath.Dir(item.In())))
}
