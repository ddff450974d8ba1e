package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
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
	_, rest, err := e.Glance(ctx)
	if err != nil {
		return nil, err
	}
	return rest()
}

// Glance implements core.Glancer. Files and host facts are read while the engine
// is asked, logs once all containers were looked at: the probes that wait for
// addresses come first.
func (e *Engine) Glance(ctx context.Context) (*core.Observation, func() (*core.Observation, error), error) {
	o := &core.Observation{Instance: e.instance, At: time.Now()}
	var compose, env, host []core.Gap
	ctx, stop := context.WithCancel(ctx)
	later, laterCtx := errgroup.WithContext(ctx)
	envRead := make(chan struct{})
	later.Go(func() error {
		folder := e.folder(laterCtx)
		env = e.observeEnv(laterCtx, folder, o)
		close(envRead)
		if folder == nil {
			compose = e.observeCompose(laterCtx, o)
		}
		return nil
	})
	later.Go(func() (err error) {
		o.Peers, err = e.host.neighbours(laterCtx, e.instance.Project)
		return err
	})
	later.Go(func() (err error) {
		o.Host, host, err = e.host.hostFacts(laterCtx, e.instance.Dir)
		return err
	})
	seen, gaps, err := e.see(ctx)
	if err != nil {
		stop()
		_ = later.Wait() // they were stopped
		return nil, nil, err
	}
	<-envRead
	first := &core.Observation{Instance: o.Instance, At: o.At, Env: o.Env, Containers: containersOf(seen)}
	e.remember(first.Containers)
	var unheard []core.Gap
	later.Go(func() (err error) {
		unheard, err = e.hearAll(laterCtx, seen)
		return err
	})
	return first, sync.OnceValues(func() (*core.Observation, error) {
		defer stop()
		if err := later.Wait(); err != nil {
			return nil, err
		}
		o.Containers = containersOf(seen)
		o.Gaps = slices.Concat(gaps, unheard, host, env, compose)
		return o, nil
	}), nil
}

// see lists the containers of the instance and looks at each.
func (e *Engine) see(ctx context.Context) ([]sight, []core.Gap, error) {
	listed, err := e.listed(ctx)
	if err != nil {
		return nil, nil, e.host.wrap(ctx, "observing "+e.instance.Project, err)
	}
	return e.inspectAll(ctx, listed)
}

// sight is a container as it was looked at.
type sight struct {
	core.Container
	tty, ours bool
}

func containersOf(seen []sight) []core.Container {
	all := make([]core.Container, len(seen))
	for i, s := range seen {
		all[i] = s.Container
	}
	return all
}

// inspectAll looks at the listed containers, several at a time. One that went
// away since it was listed becomes a gap; an engine that does is an error.
func (e *Engine) inspectAll(ctx context.Context, listed []container.Summary) ([]sight, []core.Gap, error) {
	found, gaps := make([]sight, len(listed)), make([][]core.Gap, len(listed))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for i, l := range listed {
		work.Go(func() (err error) {
			found[i], gaps[i], err = e.inspect(ctx, l)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(c sight) bool { return c.ID == "" })
	slices.SortFunc(found, func(a, b sight) int {
		return cmp.Or(rank(a.Service)-rank(b.Service), cmp.Compare(a.Name, b.Name))
	})
	return found, slices.Concat(gaps...), nil
}

// hearAll adds to what was seen what takes longer to get: each container's log
// and memory.
func (e *Engine) hearAll(ctx context.Context, seen []sight) ([]core.Gap, error) {
	gaps := make([][]core.Gap, len(seen))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for i := range seen {
		if !seen[i].ours {
			continue
		}
		work.Go(func() (err error) {
			gaps[i], err = e.hear(ctx, &seen[i])
			return err
		})
	}
	err := work.Wait()
	return slices.Concat(gaps...), err
}

func (e *Engine) hear(ctx context.Context, s *sight) ([]core.Gap, error) {
	gaps := e.measureMemory(ctx, &s.Container)
	if s.Service == core.DB {
		e.dateVolumes(ctx, s)
	}
	var err error
	if s.Logs, err = e.host.tail(ctx, s.ID, s.tty); err != nil {
		gap, err := e.gap(ctx, "logs of "+cmp.Or(string(s.Service), s.Name), err)
		return append(gaps, gap...), err
	}
	return gaps, nil
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
func (e *Engine) inspect(ctx context.Context, l container.Summary) (sight, []core.Gap, error) {
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
		return sight{}, gap, err
	}
	s := sight{Container: describe(in), tty: in.Config != nil && in.Config.Tty, ours: true}
	if !e.owns(s.Labels) {
		s.ours = false
		return s, []core.Gap{disown(&s.Container)}, nil
	}
	return s, nil, nil
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

// observeEnv reads .env, or says why the folder cannot be looked into.
func (e *Engine) observeEnv(ctx context.Context, folder error, o *core.Observation) []core.Gap {
	o.Env.Path = e.envPath()
	if folder != nil {
		o.Env.Err, o.Compose.Err = folder, folder
		return []core.Gap{{What: "files of the instance", Why: folder.Error(), Category: core.Configuration}}
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
		return []core.Gap{{What: ".env and the compose files", Why: err.Error(), Category: core.Configuration}}
	}
	return nil
}

// observeCompose renders the compose files of the instance.
func (e *Engine) observeCompose(ctx context.Context, o *core.Observation) []core.Gap {
	if o.Compose.Err != nil {
		return nil
	}
	if err := readable(e.instance.Files); err != nil {
		o.Compose.Err = err
		if !errors.Is(err, fs.ErrNotExist) {
			return []core.Gap{{What: "compose files", Why: err.Error(), Category: core.Configuration}}
		}
		return nil
	}
	o.Compose = supabase.Render(ctx, e.source())
	if err := o.Compose.Err; err != nil && core.CodeOf(err) == core.Unreachable {
		return []core.Gap{{What: "compose files", Why: err.Error(), Category: core.Configuration}}
	}
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
