package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// folder is a stack of which there are files only. It is the core.Inspector of
// one: what would need an engine is Unreachable.
type folder struct {
	dir   string   // absolute
	files []string // compose files, absolute, in order
	env   string   // the file with the variables, absolute
}

var _ core.Inspector = (*folder)(nil)

// TakenPorts implements core.Inspector.
func (s *folder) TakenPorts(context.Context) ([]int, error) {
	return nil, unreachable("the ports of the host")
}

// Observe implements core.Inspector: files, and no container.
func (s *folder) Observe(ctx context.Context) (*core.Observation, error) {
	o := &core.Observation{At: time.Now(), Host: core.HostFacts{Local: true}}
	o.Env.Path = s.env
	env, err := s.ReadFile(ctx, ".env")
	switch {
	case err == nil:
		o.Env.Mode = env.Mode
		o.Env.Vars, o.Env.Err = supabase.ParseEnv(env.Data)
	case errors.Is(err, fs.ErrNotExist):
		o.Env.Err = err
	default:
		return nil, err
	}
	if len(s.files) == 0 {
		if s.files, err = s.composeFiles(o.Env); err != nil {
			return nil, err
		}
	}
	for _, name := range s.files {
		if err := s.readable(name); err != nil {
			return nil, err
		}
	}
	if err := s.render(ctx, o); err != nil {
		return nil, err
	}
	project := s.project(o.Env)
	o.Instance = core.Instance{ID: core.Slug(project), Name: project, Project: project, Dir: s.dir, Files: s.files, Origin: core.Adopted, Mode: core.Observe}
	return o, nil
}

// unreachable answers what needs a running stack.
func unreachable(what string) error {
	return core.Errorf(core.Unreachable, "%s: only files are looked at", what)
}

// Dial implements core.Inspector.
func (s *folder) Dial(_ context.Context, a core.Address) (net.Conn, error) {
	return nil, unreachable("connecting to " + string(a.Service))
}

// Login implements core.Inspector.
func (s *folder) Login(context.Context, core.Login) error { return unreachable("logging in") }

// Query implements core.Inspector.
func (s *folder) Query(context.Context, string, string) ([][]string, error) {
	return nil, unreachable("asking the database")
}

// maxFile bounds what is read of one file of a stack.
const maxFile = 4 << 20

// ReadFile implements core.Inspector. The name .env stands for the file that
// plays this part. Plain files only are opened, so that no pipe holds it.
func (s *folder) ReadFile(ctx context.Context, name string) (core.File, error) {
	if err := ctx.Err(); err != nil {
		return core.File{}, err
	}
	dir, inside := s.dir, name
	if name == ".env" {
		dir, inside = filepath.Dir(s.env), filepath.Base(s.env)
	}
	if !filepath.IsLocal(inside) {
		return core.File{}, core.Errorf(core.Invalid, "%q is not a file inside the stack's folder", name)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return core.File{}, core.Errorf(core.Unreachable, "the folder %s cannot be opened: %v", dir, reasonOf(err))
	}
	defer root.Close()
	return readPlain(root, inside)
}

// readPlain reads a plain file of bounded size.
func readPlain(root *os.Root, name string) (core.File, error) {
	file := core.File{Name: filepath.ToSlash(name)}
	info, err := root.Stat(name)
	if err != nil {
		if file.Absent = errors.Is(err, fs.ErrNotExist); file.Absent {
			return file, err
		}
		return file, unread(root, name, err)
	}
	if err := plainFile(filepath.Join(root.Name(), name), info); err != nil {
		return file, err
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return file, unread(root, name, err)
	}
	defer f.Close()
	file.Mode = info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		file.UID, file.GID = int(owner.Uid), int(owner.Gid)
	}
	if file.Data, err = io.ReadAll(io.LimitReader(f, maxFile)); err != nil {
		return file, unread(root, name, err)
	}
	return file, nil
}

// unread says why a file of a folder was not read. What leads out of the folder
// has no error value of its own.
func unread(root *os.Root, name string, err error) error {
	path := filepath.Join(root.Name(), name)
	if strings.Contains(err.Error(), "escapes from parent") {
		return core.Errorf(core.Invalid, "%s is a link that leads out of the folder and is not followed", path)
	}
	return core.Errorf(core.Unreachable, "%s cannot be read: %v", path, reasonOf(err))
}

// plainFile refuses what is no file, and a file that is too large to look at.
func plainFile(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return core.Errorf(core.Invalid, "%s is not a plain file", path)
	case info.Size() > maxFile:
		return core.Errorf(core.Invalid, "%s is larger than %d MiB", path, maxFile>>20)
	}
	return nil
}

// reasonOf is what went wrong without the operation and the path, which the
// sentence around it names.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// readable makes sure that a compose file is an ordinary one before a parser
// opens it: a pipe would hold it for ever, a device would feed it so.
func (s *folder) readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return core.Errorf(core.NotFound, "there is no compose file %s", path)
	case err != nil:
		return core.Errorf(core.Unreachable, "%s cannot be looked at: %v", path, reasonOf(err))
	}
	if err := plainFile(path, info); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return core.Errorf(core.Unreachable, "%s cannot be read: %v", path, reasonOf(err))
	}
	return f.Close()
}

// render reads the compose files.
func (s *folder) render(ctx context.Context, o *core.Observation) error {
	c := supabase.Render(ctx, supabase.Source{Dir: s.dir, Compose: s.files, Env: s.env, Project: s.project(o.Env)})
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case c.Err == nil:
	case core.CodeOf(c.Err) == core.Unreachable:
		o.Gaps = append(o.Gaps, core.Gap{What: "compose files", Why: c.Err.Error()})
	default:
		c.Err = s.problem(o.Env, c.Err.Error())
	}
	o.Compose = c
	return nil
}

// peerOf is another stack of the same folder, as its files declare it: what
// would be its containers has no ID.
func peerOf(o *core.Observation) core.Peer {
	p := core.Peer{Instance: o.Instance, Env: o.Env}
	for _, s := range o.Compose.Services {
		if s.Optional || s.Job {
			continue
		}
		name := cmp.Or(s.ContainerName, o.Instance.Project+"-"+s.Name+"-1")
		p.Containers = append(p.Containers, core.Container{Name: name, Service: s.Service, ComposeService: s.Name, Image: s.Image, State: "created", Ports: s.Ports, Mounts: s.Mounts})
	}
	return p
}
