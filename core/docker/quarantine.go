package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

// shelfName is the folder that holds what was set aside.
const shelfName = ".basewright-quarantine"

const (
	asideContent  = "content"
	asideManifest = "manifest.json"
)

// SetAside implements core.Shelf. The manifest comes first, the move is one
// rename.
func (e *Engine) SetAside(ctx context.Context, a core.Aside, stop bool) error {
	root, err := e.shelf(a)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(path.Join(a.Place, asideContent)); err == nil {
		return refill(root, a) // it was moved already
	}
	if err := e.free(ctx, a, stop); err != nil {
		return err
	}
	if err := root.MkdirAll(a.Place, 0o700); err != nil {
		return fileError("make", a.Place, err)
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(root, path.Join(a.Place, asideManifest), core.File{Data: text, Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}); err != nil {
		return fileError("write", a.Place, err)
	}
	if err := move(root, a.Origin, path.Join(a.Place, asideContent)); err != nil {
		return err
	}
	return refill(root, a)
}

// shelf opens the folder in which something is moved. What a database says is
// not trusted to be a path inside.
func (e *Engine) shelf(a core.Aside) (*os.Root, error) {
	if !filepath.IsAbs(a.Root) || !filepath.IsLocal(a.Origin) || !strings.HasPrefix(a.Place, shelfName+"/") || path.Clean(a.Place) != a.Place {
		return nil, core.Errorf(core.Invalid, "%q is not a place of quarantine", a.In())
	}
	root, err := os.OpenRoot(a.Root)
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "%s cannot be opened: %v", a.Root, err)
	}
	return root, nil
}

// move renames, so that it lasts.
func move(root *os.Root, from, to string) error {
	if err := root.Rename(from, to); err != nil {
		return fileError("move", from, err)
	}
	return errors.Join(syncDir(root, path.Dir(from)), syncDir(root, path.Dir(to)))
}

// refill puts an empty folder where a mounted one was.
func refill(root *os.Root, a core.Aside) error {
	if !a.Refill {
		return nil
	}
	info, err := root.Stat(path.Join(a.Place, asideContent))
	if err != nil {
		return fileError("look at", a.Place, err)
	}
	if err := root.Mkdir(a.Origin, info.Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
		return fileError("make", a.Origin, err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := root.Chown(a.Origin, int(owner.Uid), int(owner.Gid)); err != nil {
			return fileError("give to its owner", a.Origin, err)
		}
	}
	if err := root.Chmod(a.Origin, info.Mode().Perm()); err != nil {
		return fileError("set the mode of", a.Origin, err)
	}
	return syncDir(root, path.Dir(a.Origin))
}

// PutBack implements core.Shelf.
func (e *Engine) PutBack(ctx context.Context, a core.Aside, stop bool) error {
	root, err := e.shelf(a)
	if err != nil {
		return err
	}
	defer root.Close()
	content := path.Join(a.Place, asideContent)
	if _, err := root.Lstat(content); errors.Is(err, fs.ErrNotExist) {
		if _, err := root.Lstat(a.Origin); err != nil {
			return core.Errorf(core.NotFound, "%s is neither where it was nor in quarantine", a.From())
		}
		tidy(root, a)
		return nil
	}
	if err := e.free(ctx, a, stop); err != nil {
		return err
	}
	if err := makeWay(root, a); err != nil {
		return err
	}
	if err := move(root, content, a.Origin); err != nil {
		return err
	}
	tidy(root, a)
	return nil
}

// free sees to it that no running container uses what is to be moved.
func (e *Engine) free(ctx context.Context, a core.Aside, stop bool) error {
	ids, err := e.usersOf(ctx, a)
	if err != nil && (!stop || len(ids) == 0) {
		return err
	}
	defer e.forget()
	for _, id := range ids {
		if err := e.host.api.ContainerStop(ctx, id, container.StopOptions{}); err != nil {
			return e.host.wrap(ctx, "stopping what uses "+a.From(), err)
		}
	}
	return nil
}

// makeWay empties the place to which something goes back. An empty folder is
// removed; anything else is somebody's work and goes into quarantine.
func makeWay(root *os.Root, a core.Aside) error {
	info, err := root.Lstat(a.Origin)
	if errors.Is(err, fs.ErrNotExist) {
		return root.MkdirAll(path.Dir(a.Origin), 0o755)
	}
	if err != nil {
		return fileError("look at", a.Origin, err)
	}
	if info.IsDir() && root.Remove(a.Origin) == nil {
		return nil
	}
	for n := 1; ; n++ {
		to := path.Join(a.Place, fmt.Sprintf("found-%d", n))
		if _, err := root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return move(root, a.Origin, to)
		}
	}
}

// tidy removes what is left of a folder of quarantine that holds nothing else.
func tidy(root *os.Root, a core.Aside) {
	if d, err := root.Open(a.Place); err == nil {
		names, _ := d.Readdirnames(2)
		d.Close()
		if len(names) != 1 || names[0] != asideManifest {
			return
		}
	}
	_ = root.Remove(path.Join(a.Place, asideManifest))
	_ = root.Remove(a.Place)
	_ = root.Remove(shelfName)
}

// Purge implements core.Shelf.
func (e *Engine) Purge(ctx context.Context, a core.Aside) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := e.shelf(a)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(a.Place); err != nil {
		return fileError("purge", a.Place, err)
	}
	_ = root.Remove(shelfName)
	return syncDir(root, ".")
}
