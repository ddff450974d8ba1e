package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/basewright/basewright/core"
)

// Into unpacks a snapshot into a new folder, which it makes, and touches nothing
// else: the files of the instance as they were, volumes in their places, named
// volumes under named-volumes, and database/ with roles.sql and a dump of each
// database for pg_restore. It returns what it wrote. On an error the folder is
// removed again.
func (f *Folder) Into(snap core.Snapshot, dir string) (wrote []string, err error) {
	if _, err := f.Check(snap, core.Readable); err != nil {
		return nil, err
	}
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return nil, err
	}
	var need uint64 = 64 << 20
	for _, s := range c.Manifest.Streams {
		need += uint64(s.RawSize)
	}
	if err := f.roomFor(filepath.Dir(dir), need, "the unpacked snapshot"); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, core.Errorf(core.Conflict, "%s is there already; name a new folder", dir)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("unpack snapshot %s: %w", snap.ID, err), os.RemoveAll(dir))
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for i, s := range c.Manifest.Streams {
		name, err := f.intoStream(root, dir, snap, c.Manifest, i, s)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Kind, s.Name, err)
		}
		wrote = append(wrote, name)
	}
	for _, file := range c.Files {
		if file.Absent {
			continue
		}
		if err := intoFile(root, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name, err)
		}
		wrote = append(wrote, file.Name)
	}
	return wrote, syncTree(root)
}

// intoStream unpacks one stream and returns where.
func (f *Folder) intoStream(root *os.Root, dir string, snap core.Snapshot, m Manifest, i int, s Stream) (string, error) {
	name := path.Join("database", fmt.Sprintf("%d.dump", i))
	switch s.Kind {
	case rolesStream:
		name = "database/roles.sql"
	case volumeStream:
		name = path.Join("named-volumes", filepath.Base(s.Name))
		if rel, err := filepath.Rel(m.Instance.Dir, s.Volume.Source); s.Volume.Type == "bind" && err == nil && filepath.IsLocal(rel) {
			name = filepath.ToSlash(rel)
		}
		if err := root.MkdirAll(name, 0o755); err != nil {
			return "", err
		}
		return name, f.readStream(snap.Path, s, m.Encrypted, func(r io.Reader) error {
			return extract(r, *s.Volume, filepath.Join(dir, filepath.FromSlash(name)))
		})
	case databaseStream:
		if validName.MatchString(s.Name) || s.Name == "_supabase" {
			name = path.Join("database", s.Name+".dump")
		}
	}
	if err := root.MkdirAll("database", 0o700); err != nil {
		return "", err
	}
	w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	err = f.readStream(snap.Path, s, m.Encrypted, func(r io.Reader) error { _, err := io.Copy(w, r); return err })
	return name, errors.Join(err, w.Close())
}

// intoFile writes a file of the configuration, over one that a volume brought.
func intoFile(root *os.Root, file core.File) error {
	if err := root.MkdirAll(path.Dir(file.Name), 0o755); err != nil {
		return err
	}
	if err := root.Remove(file.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := root.OpenFile(file.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(file.Data)
	return errors.Join(err, w.Chown(file.UID, file.GID), w.Chmod(file.Mode.Perm()), w.Close())
}
