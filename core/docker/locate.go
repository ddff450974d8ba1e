package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

// Locate implements core.Shelf.
func (e *Engine) Locate(ctx context.Context, a core.Aside) (core.Aside, error) {
	if err := e.folder(ctx); err != nil {
		return a, err
	}
	where := a.Path
	var err error
	if a.Mount == "" {
		a.Root, a.Origin = e.instance.Dir, a.Path
		err = inside(a.Path)
	} else {
		where = a.Mount + " of " + string(a.Service)
		a, err = e.locateMount(ctx, a)
	}
	if err != nil {
		return a, err
	}
	if a.Place == "" {
		a.Place = path.Join(shelfName, a.At.UTC().Format("2006-01-02")+"-"+a.ID)
	}
	root, err := os.OpenRoot(a.Root)
	if err != nil {
		return a, core.Errorf(core.Unreachable, "%s cannot be opened: %v", a.Root, err)
	}
	defer root.Close()
	info, err := root.Lstat(a.Origin)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, core.Errorf(core.Conflict, "there is nothing at %s to set aside", where)
	case err != nil:
		return a, fileError("set aside", where, err)
	case !info.IsDir() && !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
		return a, core.Errorf(core.Invalid, "%s is neither a file nor a folder", where)
	case strings.HasPrefix(a.Origin+"/", shelfName+"/"):
		return a, core.Errorf(core.Invalid, "%s is in quarantine already", where)
	}
	if a.Size, err = sizeOf(ctx, root, a.Origin); err != nil {
		return a, fileError("measure", where, err)
	}
	_, err = e.usersOf(ctx, a)
	return a, err
}

// locateMount finds what is mounted at a path in a service's container, or would
// be by its compose files. A folder keeps its place, so that it can be mounted.
func (e *Engine) locateMount(ctx context.Context, a core.Aside) (core.Aside, error) {
	cs, err := e.role(ctx, a.Service)
	if err != nil {
		return a, err
	}
	for _, m := range cs[0].Mounts {
		if m.Target != a.Mount || m.Source == "" {
			continue
		}
		info, err := os.Lstat(m.Source)
		if err != nil {
			return a, core.Errorf(core.Unreachable, "what is mounted at %s cannot be looked at: %v", a.Mount, err)
		}
		a.Refill = info.IsDir()
		rel, err := filepath.Rel(e.instance.Dir, m.Source)
		switch {
		case m.Type == "volume": // beside its data, on the same disk, gone when the volume is
			a.Root, a.Origin = filepath.Dir(m.Source), filepath.Base(m.Source)
		case m.Type == "bind" && err == nil && filepath.IsLocal(rel) && rel != ".":
			a.Root, a.Origin = e.instance.Dir, filepath.ToSlash(rel)
		case m.Type == "bind" && strings.Count(m.Source, "/") > 2 && !slices.ContainsFunc(systemFolders, func(f string) bool { return strings.HasPrefix(m.Source+"/", f) }):
			a.Root, a.Origin = filepath.Dir(m.Source), filepath.Base(m.Source)
		default:
			return a, core.Errorf(core.Forbidden, "%s is not the instance's to move", m.Source)
		}
		return a, nil
	}
	return a, core.Errorf(core.NotFound, "nothing of the host is mounted at %s in %s", a.Mount, a.Service)
}

// systemFolders are never moved, whoever mounts them.
var systemFolders = []string{"/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/proc/", "/root/.", "/run/", "/sbin/", "/sys/", "/usr/", "/var/run/", "/var/lib/docker/"}

// usersOf returns the instance's own running containers that use what is to be
// moved. A container of somebody else that does, running or not, is a Conflict,
// and so is a running one of its own.
func (e *Engine) usersOf(ctx context.Context, a core.Aside) ([]string, error) {
	listed, err := e.host.list(ctx)
	if err != nil {
		return nil, e.host.wrap(ctx, "looking who uses "+a.From(), err)
	}
	var ids, names []string
	for _, c := range listed {
		uses := slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool {
			rel, err := filepath.Rel(a.From(), m.Source)
			return m.Source != "" && err == nil && filepath.IsLocal(rel)
		})
		if !uses {
			continue
		}
		name := shortID(c.ID)
		if len(c.Names) > 0 {
			name = trimName(c.Names[0])
		}
		own := c.Labels[projectLabel] == e.instance.Project && e.owns(c.Labels)
		if !own {
			return nil, core.Errorf(core.Forbidden, "%s is used by %s, which is none of %s", a.From(), name, e.instance.Project)
		}
		if c.State == container.StateRunning || c.State == container.StatePaused || c.State == container.StateRestarting {
			ids, names = append(ids, c.ID), append(names, name)
		}
	}
	if len(ids) > 0 {
		return ids, core.Errorf(core.Conflict, "%s is used by %s; stop it first", a.From(), strings.Join(names, ", "))
	}
	return nil, nil
}

func sizeOf(ctx context.Context, root *os.Root, name string) (size int64, err error) {
	err = fs.WalkDir(root.FS(), name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size, err
}
