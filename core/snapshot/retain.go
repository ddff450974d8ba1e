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
)

// Retain keeps the newest keep snapshots of an instance and those in needed,
// removes the others and returns their IDs. A keep of 0 means DefaultKeep.
func (f *Folder) Retain(instance string, keep int, needed map[string]bool) ([]string, error) {
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
	type kept struct {
		id      string
		created time.Time
	}
	var all []kept
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		// A folder that is no snapshot is not ours to remove.
		if m, err := readManifest(filepath.Join(parent, e.Name())); err == nil && m.ID == e.Name() {
			all = append(all, kept{m.ID, m.Created})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(b.created.Compare(a.created), strings.Compare(b.id, a.id)) })
	var removed []string
	for i, s := range all {
		if i < cmp.Or(keep, DefaultKeep) || needed[s.id] {
			continue
		}
		if err := remove(parent, s.id); err != nil {
			return removed, fmt.Errorf("remove snapshot %s: %w", s.id, err)
		}
		removed = append(removed, s.id)
	}
	return removed, nil
}

// remove takes the name away first, so that no half of a snapshot passes for one.
func remove(parent, id string) error {
	old := filepath.Join(parent, ".old-"+id)
	if err := os.Rename(filepath.Join(parent, id), old); err != nil {
		return err
	}
	return os.RemoveAll(old)
}
