package snapshot

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/basewright/basewright/core"
)

// Retain keeps, of each scope, the newest keep snapshots of an instance, and
// those in spared; it removes the others and returns their IDs. A keep of 0 means
// DefaultKeep. Scopes are counted apart, so that the config snapshots of many
// repairs do not push out the last one that holds the data.
func (f *Folder) Retain(instance string, keep int, spared map[string]bool) ([]string, error) {
	all, err := f.List(instance)
	if err != nil {
		return nil, err
	}
	seen := map[core.Scope]int{}
	var removed []string
	for _, s := range all {
		seen[s.Scope]++
		if seen[s.Scope] <= cmp.Or(keep, DefaultKeep) || spared[s.ID] {
			continue
		}
		if err := remove(filepath.Dir(s.Path), s.ID); err != nil {
			return removed, fmt.Errorf("remove snapshot %s: %w", s.ID, err)
		}
		removed = append(removed, s.ID)
	}
	return removed, nil
}

// Forget removes every snapshot taken since of an instance that was made to be
// thrown away, and returns their IDs. Older ones are of another that had its name.
func (f *Folder) Forget(instance string, since time.Time) ([]string, error) {
	all, err := f.List(instance)
	if err != nil {
		return nil, err
	}
	var removed []string
	for _, s := range all {
		if s.Created.Before(since) {
			continue
		}
		if err := remove(filepath.Dir(s.Path), s.ID); err != nil {
			return removed, fmt.Errorf("remove snapshot %s: %w", s.ID, err)
		}
		removed = append(removed, s.ID)
	}
	return removed, nil
}

// LastGood returns, of each scope, the newest snapshot that is proven and the
// newest that can be read: retention spares them. The snapshots are the newest
// first.
func LastGood(all []core.Snapshot) map[string]bool {
	good := map[string]bool{}
	for _, level := range []core.ProofLevel{core.Proven, core.Readable} {
		have := map[core.Scope]bool{}
		for _, s := range all {
			if s.Proof.Level == level && !have[s.Scope] {
				have[s.Scope], good[s.ID] = true, true
			}
		}
	}
	return good
}

// remove takes the name away first, so that no half of a snapshot passes for one.
func remove(parent, id string) error {
	old := filepath.Join(parent, ".old-"+id)
	if err := os.Rename(filepath.Join(parent, id), old); err != nil {
		return err
	}
	return os.RemoveAll(old)
}
