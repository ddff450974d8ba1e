package docker

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// maxFile bounds what is read of one file of an instance.
const maxFile = 4 << 20

// envPath is where the variables of the instance are: in the file that its
// containers were made with, in the half of a pair, or in .env.
func (e *Engine) envPath() string {
	if e.instance.EnvFile != "" {
		return e.instance.EnvFile
	}
	name := cmp.Or(supabase.PairedEnv(e.instance.Dir, e.instance.Files), ".env")
	return filepath.Join(e.instance.Dir, name)
}

// envName is that file's name inside the instance folder.
func (e *Engine) envName() (string, error) {
	name, err := filepath.Rel(e.instance.Dir, e.envPath())
	if err != nil || !filepath.IsLocal(name) {
		return "", core.Errorf(core.Unreachable, "the variables of the stack are in %s, outside the instance folder, and are not read", e.envPath())
	}
	return filepath.ToSlash(name), nil
}

// source is the files of the instance.
func (e *Engine) source() supabase.Source {
	return supabase.Source{Dir: e.instance.Dir, Compose: e.instance.Files, Env: e.envPath(), Project: e.instance.Project}
}

// folder says why the instance folder cannot be looked into, or nil.
func (e *Engine) folder(ctx context.Context) error {
	facts, err := e.host.engineFacts(ctx)
	if err != nil {
		return err
	}
	if !facts.host.Local {
		return e.elsewhere()
	}
	root, err := e.root()
	if err != nil {
		return err
	}
	return root.Close()
}

// elsewhere is the error of looking for files of an instance whose engine is
// on another machine: a folder of that name here would be somebody else's.
func (e *Engine) elsewhere() error {
	return core.Errorf(core.Unreachable, "the instance folder is on the machine of the Docker Engine at %s, not on this one", e.host.end.host)
}

// root opens the instance folder. That it is missing must not look like a
// missing file, so no fs.ErrNotExist is in the error's tree.
func (e *Engine) root() (*os.Root, error) {
	if !e.host.end.local() {
		return nil, e.elsewhere()
	}
	if e.instance.Dir == "" {
		return nil, core.Errorf(core.Unreachable, "the folder of %s is not known: its containers do not name it", e.instance.Project)
	}
	root, err := os.OpenRoot(e.instance.Dir)
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "the instance folder cannot be opened: %v", err)
	}
	return root, nil
}

// ReadFile implements core.Inspector. The name .env stands for the file that
// plays this part. It opens plain files only, so that it never waits for a pipe
// or drains a device.
func (e *Engine) ReadFile(ctx context.Context, name string) (core.File, error) {
	if err := ctx.Err(); err != nil {
		return core.File{}, err
	}
	if name == ".env" {
		var err error
		if name, err = e.envName(); err != nil {
			return core.File{}, err
		}
	}
	root, err := e.root()
	if err != nil {
		return core.File{}, err
	}
	defer root.Close()
	if err := inside(name); err != nil {
		return core.File{}, err
	}
	file := core.File{Name: name}
	info, err := root.Stat(name)
	if err != nil {
		file.Absent = errors.Is(err, fs.ErrNotExist)
		return file, fileError("read", name, err)
	}
	if !info.Mode().IsRegular() {
		return file, notPlain(name)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return file, fileError("read", name, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return file, notPlain(name)
	}
	file.Mode = info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		file.UID, file.GID = int(owner.Uid), int(owner.Gid)
	}
	if file.Data, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return file, fileError("read", name, err)
	}
	if len(file.Data) > maxFile {
		file.Data = nil
		return file, core.Errorf(core.Invalid, "%s is larger than %d MiB", name, maxFile>>20)
	}
	return file, nil
}

// WriteFile implements core.Engine: whoever reads the file sees the old text or
// the new one, also after a power loss. A link inside the folder is followed.
func (e *Engine) WriteFile(ctx context.Context, f core.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := e.root()
	if err != nil {
		return err
	}
	defer root.Close()
	name, err := target(root, f.Name)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	if f.Absent {
		err := root.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError("remove", name, err)
		}
		return syncDir(root, dir)
	}
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return fileError("write", name, err)
	}
	if err := replace(root, name, f); err != nil {
		return fileError("write", name, err)
	}
	return syncDir(root, dir)
}

// replace writes f beside name and renames it into place.
func replace(root *os.Root, name string, f core.File) (err error) {
	temp := path.Join(path.Dir(name), ".basewright-"+rand.Text())
	w, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.Close()
			root.Remove(temp)
		}
	}()
	if _, err = w.Write(f.Data); err != nil {
		return err
	}
	if err = w.Chown(f.UID, f.GID); err != nil && !owned(w, f) {
		return err
	}
	if err = keepAttributes(root, name, w); err != nil {
		return err
	}
	if err = w.Chmod(f.Mode.Perm()); err != nil { // the last: it sets the mask of an access control list
		return err
	}
	if err = w.Sync(); err != nil {
		return err
	}
	if err = w.Close(); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// owned reports whether the file has the wanted owner without our doing, as it
// has when a plain user writes files of his own.
func owned(w *os.File, f core.File) bool {
	info, err := w.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == f.UID && int(s.Gid) == f.GID
}

// target returns what is to be written for name: the file that a link points
// to, or name. Only plain files, or nothing yet, may be there.
func target(root *os.Root, name string) (string, error) {
	if err := inside(name); err != nil {
		return "", err
	}
	name = path.Clean(name)
	for range 8 {
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", fileError("write", name, err)
		}
		if info.Mode().IsRegular() {
			return name, nil
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return "", notPlain(name)
		}
		link, err := root.Readlink(name)
		if err != nil {
			return "", fileError("write", name, err)
		}
		if strings.Contains(link, "..") {
			return "", core.Errorf(core.Invalid, "%s is a link that leads upwards; change the file it points to instead", name)
		}
		if name = path.Join(path.Dir(name), link); path.IsAbs(link) {
			name = link
		}
		if err := inside(name); err != nil {
			return "", err
		}
	}
	return "", core.Errorf(core.Invalid, "%s is a link in a circle", name)
}

// inside refuses names that leave the folder by their text alone; os.Root
// refuses those that do by a link.
func inside(name string) error {
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) || path.Clean(name) == "." {
		return core.Errorf(core.Invalid, "%q is not a file inside the instance folder", name)
	}
	return nil
}

func notPlain(name string) error { return core.Errorf(core.Invalid, "%s is not a plain file", name) }

// fileError adds what was being done, in place of the system call and the name that
// it was given, which may be a temporary one. os.Root has no exported error for a
// path that leaves it.
func fileError(doing, name string, err error) error {
	if strings.Contains(err.Error(), "escapes from parent") {
		return &core.Error{Code: core.Invalid, Message: fmt.Sprintf("%q leads out of the instance folder", name), Err: err}
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	} else if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	return fmt.Errorf("%s %s: %w", doing, name, err)
}

// syncDir makes a rename or removal in dir last.
func syncDir(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}
