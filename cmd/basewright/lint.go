package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/supabase"
)

func lintCommand(g *global) *cobra.Command {
	f := doctorFlags{mode: string(core.Full)}
	var files []string
	var env string
	cmd := &cobra.Command{
		Use:   "lint DIR",
		Short: "Check a stack's files alone, without Docker",
		Long: `Reads the compose files, the .env and what they mount, and says what is wrong with
them before anything runs. DIR is the folder of a stack or its compose file; the
compose files are those of --file, else of COMPOSE_FILE in the .env, else the ones
that Compose looks for by itself. A pair docker-compose-ID.yml and .env-ID, as older
generators wrote it, is found too.

Exit code: 0 nothing at or above --fail-on was found, 1 something was, 2 could not look.`,
		Example: "  basewright lint .\n  basewright lint /srv/shop -f docker-compose.yml -f docker-compose.s3.yml\n  basewright lint /srv/old/docker-compose-shop.yml --output json",
		Args:    exactly(1, "the folder of a stack, or its compose file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(nil); err != nil {
				return err
			}
			return lint(cmd.Context(), g, f, args[0], files, env)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "compose file, relative to DIR; may be given several times")
	cmd.Flags().StringVar(&env, "env-file", "", "file with the variables, relative to DIR (default .env)")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text, json or nagios")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "warning", "least severity that counts: info, warning or critical")
	return cmd
}

func lint(ctx context.Context, g *global, f doctorFlags, dir string, files []string, env string) error {
	s, err := findFolder(dir, files, env)
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	obs, err := s.Observe(ctx)
	if err != nil {
		return nagiosUnknown(g, f, err)
	}
	only := slices.DeleteFunc(checks.All(), func(c core.Checker) bool { return !c.Files })
	d := diagnose.Run(ctx, core.Target{Observation: obs, Inspector: s, Key: g.fingerprintKey()}, only, diagnose.Options{Trigger: core.ByCLI})
	return show(g, f, []*core.Diagnosis{d})
}

// show prints diagnoses as --output asks and returns the exit code.
func show(g *global, f doctorFlags, diagnoses []*core.Diagnosis) error {
	switch f.output {
	case "json":
		enc := json.NewEncoder(g.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"diagnoses": diagnoses}); err != nil {
			return err
		}
	case "nagios":
		return exit{code: printNagios(g.out, diagnoses)}
	default:
		printReport(g.console, diagnoses)
	}
	return exit{code: verdict(diagnoses, core.Severity(f.failOn))}
}

// folder is a stack of which there are files only. It is the core.Inspector of
// one: what would need an engine is Unreachable.
type folder struct {
	dir   string   // absolute
	files []string // compose files, absolute, in order
	env   string   // the file with the variables, absolute
}

var _ core.Inspector = (*folder)(nil)

// renderTime bounds what the compose library may do with a stranger's files.
const renderTime = 20 * time.Second

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
	ctx, cancel := context.WithTimeout(ctx, renderTime)
	defer cancel()
	if o.Compose, err = s.render(ctx, o.Env); err != nil {
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
		file.Absent = errors.Is(err, fs.ErrNotExist)
		return file, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return file, notPlain(filepath.Join(root.Name(), name))
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return file, core.Errorf(core.Unreachable, "%s cannot be read: %v", filepath.Join(root.Name(), name), reasonOf(err))
	}
	defer f.Close()
	file.Mode = info.Mode().Perm()
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		file.UID, file.GID = int(owner.Uid), int(owner.Gid)
	}
	if file.Data, err = io.ReadAll(io.LimitReader(f, maxFile)); err != nil {
		return file, core.Errorf(core.Unreachable, "%s cannot be read: %v", filepath.Join(root.Name(), name), reasonOf(err))
	}
	return file, nil
}

func notPlain(path string) error {
	return core.Errorf(core.Invalid, "%s is not a plain file of at most %d MiB", path, maxFile>>20)
}

// reasonOf is what went wrong without the operation and the path, which the
// sentence around it names.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
