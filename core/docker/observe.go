package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// parallel is how many calls one engine gets at once; more does not go faster.
const parallel = 8

// Observe implements core.Inspector.
func (e *Engine) Observe(ctx context.Context) (*core.Observation, error) {
	o := &core.Observation{Instance: e.instance, At: time.Now()}
	var seen, files, host []core.Gap
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() (err error) {
		listed, err := e.listed(ctx)
		if err != nil {
			return e.host.wrap(ctx, "observing "+e.instance.Project, err)
		}
		o.Containers, seen, err = e.inspectAll(ctx, listed, true)
		return err
	})
	work.Go(func() (err error) {
		o.Host, host, err = e.host.hostFacts(ctx, e.instance.Dir)
		return err
	})
	work.Go(func() error {
		files = e.observeFiles(ctx, o)
		return nil
	})
	if err := work.Wait(); err != nil {
		return nil, err
	}
	e.remember(o.Containers)
	o.Gaps = slices.Concat(seen, host, files)
	return o, nil
}

// inspectAll looks at the listed containers, several at a time. One that went
// away since it was listed becomes a gap; an engine that does is an error.
func (e *Engine) inspectAll(ctx context.Context, listed []container.Summary, withLogs bool) ([]core.Container, []core.Gap, error) {
	found, gaps := make([]core.Container, len(listed)), make([][]core.Gap, len(listed))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for i, l := range listed {
		work.Go(func() (err error) {
			found[i], gaps[i], err = e.inspect(ctx, l, withLogs)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(c core.Container) bool { return c.ID == "" })
	slices.SortFunc(found, func(a, b core.Container) int {
		return cmp.Or(rank(a.Service)-rank(b.Service), cmp.Compare(a.Name, b.Name))
	})
	return found, slices.Concat(gaps...), nil
}

// rank orders containers as core orders their roles, strangers last.
func rank(s core.Service) int {
	if i := slices.Index(core.Services, s); i >= 0 {
		return i
	}
	return len(core.Services)
}

// inspect looks at one container. Without an ID in what it returns there is
// nothing to see.
func (e *Engine) inspect(ctx context.Context, l container.Summary, withLogs bool) (core.Container, []core.Gap, error) {
	name := l.ID
	if len(l.Names) > 0 {
		name = trimName(l.Names[0])
	}
	in, err := e.host.look(ctx, l.ID)
	if silent(err) {
		err = fmt.Errorf("it could not be inspected: %w", err)
	}
	if err != nil {
		gap, err := e.gap(ctx, "container "+name, err)
		return core.Container{}, gap, err
	}
	c := describe(in)
	if !e.owns(c.Labels) {
		gap := disown(&c)
		return c, []core.Gap{gap}, nil
	}
	if !withLogs {
		return c, nil, nil
	}
	gaps := e.measureMemory(ctx, &c)
	tty := in.Config != nil && in.Config.Tty
	if c.Logs, err = e.host.tail(ctx, c.ID, tty); err != nil {
		gap, err := e.gap(ctx, "logs of "+cmp.Or(string(c.Service), c.Name), err)
		return c, append(gaps, gap...), err
	}
	return c, gaps, nil
}

// gap turns an error of the engine about one thing into a gap; it stays an
// error when the engine itself is the trouble.
func (e *Engine) gap(ctx context.Context, what string, err error) ([]core.Gap, error) {
	if ctx.Err() != nil || gone(err) {
		return nil, e.host.wrap(ctx, "observing "+e.instance.Project, err)
	}
	why := err.Error()
	if errdefs.IsNotFound(err) {
		why = "it was removed while we looked"
	}
	return []core.Gap{{What: what, Why: why}}, nil
}

// measureMemory fills in the memory a running container uses; a stopped one
// uses none.
func (e *Engine) measureMemory(ctx context.Context, c *core.Container) []core.Gap {
	if c.PID == 0 {
		return nil
	}
	c.MemoryUsed = -1
	facts, err := e.host.engineFacts(ctx)
	if err != nil || !facts.host.Local {
		return nil // hostFacts reports it once for all
	}
	if c.MemoryUsed, err = memoryUsed(c.ID, c.PID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []core.Gap{{What: "memory used by " + cmp.Or(string(c.Service), c.Name), Why: err.Error()}}
	}
	return nil
}

// observeFiles reads .env and the compose files of the instance.
func (e *Engine) observeFiles(ctx context.Context, o *core.Observation) []core.Gap {
	o.Env.Path = e.envPath()
	if err := e.folder(ctx); err != nil {
		o.Env.Err, o.Compose.Err = err, err
		return []core.Gap{{What: "files of the instance", Why: err.Error()}}
	}
	env, err := e.ReadFile(ctx, ".env")
	o.Env.Mode = env.Mode
	switch {
	case err == nil:
		o.Env.Vars, o.Env.Err = supabase.ParseEnv(env.Data)
	case errors.Is(err, fs.ErrNotExist):
		o.Env.Err = err
	default: // what cannot be read here, the compose files must not try to
		o.Env.Err, o.Compose.Err = err, err
		return []core.Gap{{What: ".env and the compose files", Why: err.Error()}}
	}
	if err := readable(e.instance.Files); err != nil {
		o.Compose.Err = err
		if !errors.Is(err, fs.ErrNotExist) {
			return []core.Gap{{What: "compose files", Why: err.Error()}}
		}
		return nil
	}
	o.Compose = supabase.Render(ctx, e.instance.Dir, e.instance.Files, e.instance.Project)
	return nil
}

// readable makes sure that files named by labels are ordinary ones, before a
// parser opens them: a pipe would hold it for ever, a device would feed it so.
func readable(files []string) error {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Size() > maxFile {
			return fmt.Errorf("%s is not a plain file of at most %d MiB", name, maxFile>>20)
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}
