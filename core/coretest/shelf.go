package coretest

import (
	"context"
	"maps"
	"path"
	"strings"

	"github.com/basewright/basewright/core"
)

// Locate implements core.Shelf. A mount is found when it is of a file or folder of
// the instance.
func (e *Engine) Locate(ctx context.Context, a core.Aside) (core.Aside, error) {
	if err := e.fails(ctx, "locate", a.Path); err != nil {
		return a, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	found, origin := false, a.Path
	for _, c := range e.Containers {
		for _, m := range c.Mounts {
			if c.Service == a.Service && m.Target == a.Mount {
				origin = strings.TrimPrefix(m.Source, e.Instance.Dir+"/")
			}
		}
	}
	for name, f := range e.Files {
		if below(origin, name) {
			found, a.Size = true, a.Size+int64(len(f.Data))
		}
	}
	if !found {
		return a, core.Errorf(core.Conflict, "there is nothing at %s to set aside", a.Path+a.Mount)
	}
	a.Root, a.Origin, a.Place = e.Instance.Dir, origin, path.Join(".basewright-quarantine", a.ID)
	return a, nil
}

func below(folder, name string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

// SetAside implements core.Shelf.
func (e *Engine) SetAside(ctx context.Context, a core.Aside, _ bool) error {
	return e.change(ctx, "set aside", a.Path, func() error {
		if e.Aside == nil {
			e.Aside = map[string]core.File{}
		}
		shift(e.Files, e.Aside, a.Origin, a.Place)
		return nil
	})
}

// PutBack implements core.Shelf.
func (e *Engine) PutBack(ctx context.Context, a core.Aside, _ bool) error {
	return e.change(ctx, "put back", a.Path, func() error {
		there := 0
		for name := range e.Aside {
			if below(a.Place, name) {
				there++
			}
		}
		if there > 0 {
			found := map[string]core.File{}
			shift(e.Files, found, a.Origin, path.Join(a.Place, "found"))
			shift(e.Aside, e.Files, a.Place, a.Origin)
			maps.Copy(e.Aside, found)
		}
		return nil
	})
}

// Purge implements core.Shelf.
func (e *Engine) Purge(ctx context.Context, a core.Aside) error {
	return e.change(ctx, "purge", a.Path, func() error {
		maps.DeleteFunc(e.Aside, func(name string, _ core.File) bool { return below(a.Place, name) })
		return nil
	})
}

// shift moves what is at or below a name from one set of files to another.
func shift(from, to map[string]core.File, origin, place string) {
	moved := map[string]core.File{}
	for name, f := range from {
		if below(origin, name) {
			moved[name] = f
		}
	}
	for name, f := range moved {
		delete(from, name)
		f.Name = place + strings.TrimPrefix(name, origin)
		to[f.Name] = f
	}
}
