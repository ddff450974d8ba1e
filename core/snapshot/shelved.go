package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
	"github.com/basewright/basewright/core/supabase"
)

// Shelved describes the databases and folders that the restore with this safety
// snapshot put aside, for the list of the quarantine.
func (f *Folder) Shelved(ctx context.Context, e core.Engine, safety core.Snapshot) ([]core.Aside, error) {
	dir, err := f.path(safety.Instance, safety.ID)
	if err != nil {
		return nil, err
	}
	s, found, err := readAnySwap(dir)
	if err != nil || !found {
		return nil, err
	}
	var items []core.Aside
	for _, v := range s.Volumes {
		items = append(items, core.Aside{
			Kind: core.AsideFolder, Snapshot: safety.ID, Root: filepath.Dir(v.Source), Origin: filepath.Base(v.Source), Place: filepath.Base(v.Aside), Size: treeSize(v.Aside),
		})
	}
	for _, d := range s.Databases {
		if d.OID == 0 {
			continue // there was none
		}
		size, err := databaseSize(ctx, e, d.Aside)
		if err != nil {
			return nil, err
		}
		items = append(items, core.Aside{Kind: core.AsideDatabase, Snapshot: safety.ID, Origin: d.Name, Place: d.Aside, Size: size})
	}
	return items, nil
}

// ShelvedFiles describes the files that were found otherwise than in a snapshot when
// that was restored, and are kept beside it; nothing when there are none.
func (f *Folder) ShelvedFiles(snap core.Snapshot) ([]core.Aside, error) {
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, displacedName)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	inst, err := f.Instance(snap)
	if err != nil {
		return nil, err
	}
	return []core.Aside{{
		Kind: core.AsideFiles, Snapshot: snap.ID, Root: dir, Origin: inst.Dir, Place: displacedName, Size: treeSize(filepath.Join(dir, displacedName)),
	}}, nil
}

// databaseSize returns the bytes of a database, 0 of one that is not there.
func databaseSize(ctx context.Context, e core.Engine, name string) (int64, error) {
	s, err := streamer(e)
	if err != nil {
		return 0, err
	}
	out, err := script(ctx, inDatabase(s), "template1", "select coalesce((select pg_database_size(oid) from pg_database where datname = "+supabase.QuoteLiteral(name)+"), 0);\n")
	if err != nil {
		return 0, fmt.Errorf("measure the database %s: %w", name, err)
	}
	return strconv.ParseInt(strings.TrimSpace(out), 10, 64)
}

// treeSize adds up the files below a folder, as far as they can be seen.
func treeSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it is a figure for people
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// Discard deletes what a restore put aside, or a snapshot that was deleted: only
// what bears the name that this program gave it.
func (f *Folder) Discard(ctx context.Context, e core.Engine, a core.Aside) error {
	if a.Kind == core.AsideDatabase && strings.HasPrefix(a.Place, asidePrefix+"before_") {
		return f.discardDatabase(ctx, e, a.Place)
	}
	place, err := f.placeOf(a)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(place); err != nil {
		return fmt.Errorf("purge %s: %w", a.ID, err)
	}
	return durable.SyncDir(filepath.Dir(place))
}

// placeOf returns the folder of what was set aside. Those beside snapshots are where
// the snapshots are now.
func (f *Folder) placeOf(a core.Aside) (string, error) {
	dir, err := filepath.Abs(f.Dir)
	if err != nil {
		return "", err
	}
	switch {
	case a.Kind == core.AsideFolder && a.Place == filepath.Base(a.Place) && strings.HasPrefix(a.Place, a.Origin+beforeMark) && filepath.IsAbs(a.Root):
		return a.In(), nil
	case a.Kind == core.AsideFiles && a.Place == displacedName:
		of, err := f.path(a.Instance, a.Snapshot)
		return filepath.Join(of, displacedName), err
	case a.Kind == core.AsideSnapshot && filepath.Clean(a.Place) == a.Place && strings.HasPrefix(a.Place, quarantineName+"/"+a.Instance+"/"):
		return filepath.Join(dir, a.Place), nil
	}
	return "", core.Errorf(core.Invalid, "%q is not a place of quarantine", a.In())
}

// discardDatabase drops a database that was put aside, if it is still there.
func (f *Folder) discardDatabase(ctx context.Context, e core.Engine, name string) error {
	s, err := streamer(e)
	if err != nil {
		return err
	}
	in := inDatabase(s)
	now, err := oids(ctx, in)
	if err != nil {
		return err
	}
	if _, there := now[name]; !there {
		return nil
	}
	if _, err := script(ctx, in, "template1", "DROP DATABASE "+supabase.QuoteIdentifier(name)+" WITH (FORCE);\n"); err != nil {
		return fmt.Errorf("purge the database %s: %w", name, err)
	}
	return nil
}
