package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/basewright/basewright/core"
)

// Bounds of what a config snapshot keeps.
const (
	maxFile     = 4 << 20  // of one file
	maxDir      = 8 << 20  // of one folder that is mounted
	maxDirFiles = 200      // in such a folder
	maxTotal    = 64 << 20 // of all files together
)

// releaseNote is where upstream's setup notes of which release a folder is. No
// container mounts it, and the compose files do not name it.
const releaseNote = ".supabase-version"

// gatherer collects the files of an instance.
type gatherer struct {
	e     core.Engine
	root  *os.Root // the instance folder, to list folders; nil when it is not on this machine
	c     *Contents
	seen  map[string]bool
	data  []string // names of folders that are mounted as data
	total int
}

// gather reads everything a snapshot holds.
func gather(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, also []string) (*Contents, error) {
	c := &Contents{Manifest: Manifest{Schema: configSchema, Instance: inst, Scope: core.ConfigScope}}
	g := &gatherer{e: e, c: c, seen: map[string]bool{}}
	if obs.Host.Local {
		if root, err := os.OpenRoot(inst.Dir); err == nil {
			g.root = root
			defer root.Close()
		}
	}
	if err := g.files(ctx, inst, obs, also); err != nil {
		return nil, err
	}
	var described error
	var both sync.WaitGroup // each waits for the engine most of its time
	both.Go(func() { c.Containers, described = e.Capture(ctx) })
	err := gatherRoles(ctx, e, obs, c)
	both.Wait()
	if err != nil {
		return nil, err
	}
	if described != nil {
		return nil, fmt.Errorf("describe the containers: %w", described)
	}
	c.State = statesOf(obs)
	return c, nil
}

func gatherRoles(ctx context.Context, e core.Engine, obs *core.Observation, c *Contents) error {
	if db, ok := obs.Container(core.DB); !ok || db.State != "running" {
		c.Manifest.Roles = Roles{Why: "the database was not running"}
		return nil
	}
	roles, err := readRoles(ctx, e)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		// A database that is up but does not answer must not stop the repair
		// that is to mend it; a change that touches roles is refused by Covers.
		c.Manifest.Roles = Roles{Why: err.Error()}
	default:
		c.Roles, c.Manifest.Roles = roles, Roles{Kept: true, Count: len(roles)}
	}
	return nil
}

// files reads the .env, the compose files, what they mount and what the change
// will write.
func (g *gatherer) files(ctx context.Context, inst core.Instance, obs *core.Observation, also []string) error {
	env := ".env"
	if name, ok := inside(inst.Dir, obs.Env.Path); ok {
		env = name
	}
	must := append([]string{env}, also...)
	for _, f := range inst.Files {
		if name, ok := inside(inst.Dir, f); ok {
			must = append(must, name)
			continue
		}
		g.skip(f, "it is outside the instance folder")
	}
	for _, name := range must {
		if err := g.add(ctx, path.Clean(name), true); err != nil {
			return err
		}
	}
	if err := g.add(ctx, releaseNote, false); err != nil {
		return err
	}
	for _, m := range mounts(obs) {
		if name, ok := inside(inst.Dir, m.Source); ok && mountsData(m) {
			g.data = append(g.data, name)
		}
	}
	for _, m := range mounts(obs) {
		name, ok := inside(inst.Dir, m.Source)
		switch {
		case m.Type != "bind" || m.Source == "":
		case !ok:
			g.skip(m.Source, "it is outside the instance folder")
		case g.isData(name):
			g.skip(name, "it holds data, not configuration")
		default:
			if err := g.add(ctx, name, false); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(g.c.Files, func(a, b core.File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// mounts lists what the compose files and the containers mount.
func mounts(obs *core.Observation) []core.Mount {
	var all []core.Mount
	for _, s := range obs.Compose.Services {
		all = append(all, s.Mounts...)
	}
	for _, c := range obs.Containers {
		all = append(all, c.Mounts...)
	}
	return all
}

// inside returns the name of a path relative to the instance folder.
func inside(dir, file string) (string, bool) {
	if file == "" {
		return "", false
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// mountsData reports whether a mount holds what a database or the storage
// service keeps for users.
func mountsData(m core.Mount) bool {
	return slices.ContainsFunc([]string{"/var/lib/postgresql", "/etc/postgresql-custom", "/var/lib/storage"}, func(data string) bool {
		return strings.HasPrefix(m.Target, data)
	})
}

// isData reports whether name lies in a folder that is mounted as data, or says
// that it is data.
func (g *gatherer) isData(name string) bool {
	return isData(name) || slices.ContainsFunc(g.data, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, dir+"/")
	})
}

// isData reports whether name lies where a database or the storage service
// keeps what users own.
func isData(name string) bool {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if p == "storage" || p == "data" && i > 0 && parts[i-1] == "db" {
			return true
		}
	}
	return false
}

func (g *gatherer) skip(name, why string) {
	if !g.seen[name] {
		g.seen[name] = true
		g.c.Manifest.Skipped = append(g.c.Manifest.Skipped, Skipped{name, why})
	}
}

// add reads one file, or the files of one small folder. What must be kept and
// cannot is an error; anything else is noted.
func (g *gatherer) add(ctx context.Context, name string, must bool) error {
	if g.seen[name] {
		return nil
	}
	if g.root != nil {
		switch fi, err := g.root.Stat(name); {
		case err != nil: // the engine says what is wrong
		case fi.IsDir() && must:
			return g.addMisplaced(ctx, name)
		case fi.IsDir():
			return g.addFolder(ctx, name)
		case !fi.Mode().IsRegular():
			g.skip(name, "it is no regular file")
			return nil
		case fi.Size() > maxFile:
			g.skip(name, "it is larger than 4 MiB")
			return nil
		}
	}
	f, err := g.e.ReadFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = core.File{Name: name, Absent: true}
	case err != nil && (must || ctx.Err() != nil):
		return fmt.Errorf("read %s: %w", name, err)
	case err != nil:
		g.skip(name, err.Error())
		return nil
	case len(f.Data) > maxFile || g.total+len(f.Data) > maxTotal:
		g.skip(name, "it is too large")
		return nil
	}
	f.Name = name
	g.seen[name], g.total = true, g.total+len(f.Data)
	g.c.Files = append(g.c.Files, f)
	return nil
}

// addMisplaced keeps a folder that stands where a file is to be written, once the
// folder is set aside: there is no such file yet.
func (g *gatherer) addMisplaced(ctx context.Context, dir string) error {
	if err := g.addFolder(ctx, dir); err != nil {
		return err
	}
	if !slices.ContainsFunc(g.c.Manifest.Skipped, func(s Skipped) bool { return s.Name == dir }) {
		g.c.Files = append(g.c.Files, core.File{Name: dir, Absent: true})
	}
	return nil
}

// addFolder reads a mounted folder when it is small enough to be configuration.
func (g *gatherer) addFolder(ctx context.Context, dir string) error {
	var names []string
	var size int64
	err := fs.WalkDir(g.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case g.isData(name):
			return errTooMuch
		case !d.Type().IsRegular():
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		names, size = append(names, name), size+fi.Size()
		if len(names) > maxDirFiles || size > maxDir {
			return errTooMuch
		}
		return nil
	})
	if err != nil {
		g.skip(dir, err.Error())
		return nil
	}
	g.seen[dir] = true
	for _, name := range names {
		if err := g.add(ctx, name, false); err != nil {
			return err
		}
	}
	return nil
}

var errTooMuch = errors.New("the folder holds more than configuration: over 200 files or 8 MiB")

// size estimates what the snapshot takes on the disk, uncompressed.
func (c *Contents) size() int64 {
	n := len(c.Containers) + 4096
	for _, f := range c.Files {
		n += len(f.Data) + 1024
	}
	for _, part := range []any{c.Roles, c.State} {
		if b, err := json.Marshal(part); err == nil {
			n += len(b)
		}
	}
	return int64(n)
}
