package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// place returns where a volume of a snapshot belongs in the instance as it is
// now: by its name, or by its place in the instance folder. The path that the
// manifest gives is never written to.
func place(m Manifest, v Volume, now []Volume, dir string) (string, error) {
	rel, err := filepath.Rel(m.Instance.Dir, v.Source)
	for _, n := range now {
		switch {
		case v.Type == "volume" && n.Type == "volume" && n.Name == v.Name:
			return n.Source, nil
		case v.Type == "bind" && n.Type == "bind" && err == nil && filepath.IsLocal(rel) && n.Source == filepath.Join(dir, rel):
			return n.Source, nil
		}
	}
	return "", core.Errorf(core.Conflict, "the instance has no place for the volume %s, which was at %s", v.label(), v.Source)
}

// beforeMark is between the name of a folder that was replaced and a tag.
const beforeMark = ".basewright-before-"

// swapVolume describes the replacing of a folder, and refuses one that cannot be
// renamed: what is mounted by itself on the host.
func swapVolume(source, id string) (swappedVolume, error) {
	fi, err := os.Lstat(source)
	if err != nil {
		return swappedVolume{}, fmt.Errorf("look at %s: %w", source, err)
	}
	above, err := os.Lstat(filepath.Dir(source))
	if err != nil {
		return swappedVolume{}, err
	}
	s, ok := fi.Sys().(*syscall.Stat_t)
	p, ok2 := above.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !ok2 || !fi.IsDir():
		return swappedVolume{}, core.Errorf(core.Conflict, "%s is no folder", source)
	case s.Dev != p.Dev:
		return swappedVolume{}, core.Errorf(core.Conflict, "%s is a file system of its own, which cannot be put aside", source)
	}
	return swappedVolume{Source: source, Inode: s.Ino, Aside: source + beforeMark + id, Fresh: source + ".basewright-fresh-" + id}, nil
}

// take puts the folder that is there aside and the unpacked one in its place.
func (v swappedVolume) take() error {
	if err := os.Rename(v.Source, v.Aside); err != nil {
		return fmt.Errorf("put %s aside: %w", v.Source, err)
	}
	if err := os.Rename(v.Fresh, v.Source); err != nil {
		return fmt.Errorf("put the restored %s in place: %w", v.Source, err)
	}
	return durable.SyncDir(filepath.Dir(v.Source))
}

// back undoes take, however far it came, and removes what was unpacked.
func (v swappedVolume) back() error {
	if inodeOf(v.Aside) == v.Inode {
		if err := os.Rename(v.Source, v.Fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("take the restored %s away: %w", v.Source, err)
		}
		if err := os.Rename(v.Aside, v.Source); err != nil {
			return fmt.Errorf("put %s back: %w", v.Source, err)
		}
	}
	if inodeOf(v.Source) != v.Inode {
		return core.Errorf(core.Conflict, "%s is not the folder that was there before", v.Source)
	}
	return errors.Join(os.RemoveAll(v.Fresh), durable.SyncDir(filepath.Dir(v.Source)))
}

func inodeOf(name string) uint64 {
	fi, err := os.Lstat(name)
	if err != nil {
		return 0
	}
	if s, ok := fi.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
