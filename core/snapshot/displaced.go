package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// displacedName is the folder beside the archive that keeps what a restore found
// and put the snapshot's files in place of.
const displacedName = "displaced"

// Displaced returns the files that restores put others in place of, each as it
// was found, and in the same order as the snapshot has them.
func (f *Folder) Displaced(snap core.Snapshot) (found, kept []core.File, err error) {
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return nil, nil, err
	}
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, file := range c.Files {
		for n := 0; ; n++ {
			data, err := os.ReadFile(displacedPath(dir, file.Name, n))
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return nil, nil, fmt.Errorf("read the displaced %s: %w", file.Name, err)
			}
			found, kept = append(found, core.File{Name: file.Name, Data: data}), append(kept, file)
		}
	}
	return found, kept, nil
}

// displacedPath returns where the n-th different content of a file is kept.
func displacedPath(dir, name string, n int) string {
	file := filepath.Join(dir, displacedName, filepath.FromSlash(name))
	if n > 0 {
		file += fmt.Sprintf(".~%d~", n)
	}
	return file
}

// displace keeps a file as it was found, and waits until it is on the disk. What
// is kept already is not kept twice.
func (f *Folder) displace(dir string, found core.File) error {
	if !filepath.IsLocal(found.Name) {
		return core.Errorf(core.Invalid, "%q is not a file inside the instance folder", found.Name)
	}
	for n := 0; ; n++ {
		name := displacedPath(dir, found.Name, n)
		data, err := os.ReadFile(name)
		switch {
		case err == nil && bytes.Equal(data, found.Data):
			return nil
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := makeDirs(filepath.Dir(name)); err != nil {
			return err
		}
		temp := name + ".~" + core.NewID()
		err = f.writeFile(temp, func(w io.Writer) error { _, err := w.Write(found.Data); return err })
		if err == nil {
			err = os.Rename(temp, name)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(temp))
		}
		return durable.SyncDir(filepath.Dir(name))
	}
}
