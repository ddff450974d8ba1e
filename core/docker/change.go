package docker

import (
	"context"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Up implements core.Engine. Services that are to be recreated are recreated
// alone; otherwise what they depend on comes up with them.
func (e *Engine) Up(ctx context.Context, r core.UpRequest) error {
	if err := e.folder(ctx); err != nil {
		return err
	}
	if err := readable(e.instance.Files); err != nil {
		return &core.Error{Code: core.Invalid, Message: "the compose files of " + e.instance.Project + " cannot be read", Err: err}
	}
	p, err := load(ctx, e.source())
	if err != nil {
		return err
	}
	if err := e.noStranger(ctx); err != nil {
		return err
	}
	o := upOptions{recreate: r.Recreate, wait: r.Wait, leave: r.Leave}
	for _, role := range r.Services {
		before := len(o.services)
		for name, s := range p.Services {
			if supabase.RoleOf(name, s.Image) == role {
				o.services = append(o.services, name)
			}
		}
		if len(o.services) == before {
			return core.Errorf(core.NotFound, "the compose files of %s have no service that is %s", e.instance.Project, role)
		}
	}
	slices.Sort(o.services)
	defer e.forget()
	return e.host.up(ctx, p, o)
}

// Start implements core.Engine.
func (e *Engine) Start(ctx context.Context, s core.Service) error {
	return e.each(ctx, s, "starting", func(c core.Container) error {
		if c.State == container.StatePaused {
			return e.host.api.ContainerUnpause(ctx, c.ID)
		}
		return e.host.api.ContainerStart(ctx, c.ID, container.StartOptions{})
	})
}

// Stop implements core.Engine.
func (e *Engine) Stop(ctx context.Context, s core.Service) error {
	return e.each(ctx, s, "stopping", func(c core.Container) error {
		return e.host.api.ContainerStop(ctx, c.ID, grace(c))
	})
}

// Restart implements core.Engine.
func (e *Engine) Restart(ctx context.Context, s core.Service) error {
	return e.each(ctx, s, "restarting", func(c core.Container) error {
		return e.host.api.ContainerRestart(ctx, c.ID, grace(c))
	})
}

// databaseGrace is how long a database may take to write its last checkpoint
// before it is killed, when its container does not say.
const databaseGrace = 30 * time.Second

// grace lets the engine use the container's own stop timeout or its default.
func grace(c core.Container) container.StopOptions {
	if c.Service == core.DB && c.StopTimeout == 0 {
		seconds := int(databaseGrace / time.Second)
		return container.StopOptions{Timeout: &seconds}
	}
	return container.StopOptions{}
}

// each does something to every container of the role s.
func (e *Engine) each(ctx context.Context, s core.Service, doing string, do func(core.Container) error) error {
	release, err := hold(ctx, e.host.end.host+" "+e.instance.Project)
	if err != nil {
		return err
	}
	defer release()
	cs, err := e.role(ctx, s)
	if err != nil {
		return err
	}
	defer e.forget()
	for _, c := range cs {
		if err := do(c); err != nil {
			return e.host.wrap(ctx, doing+" "+string(s), err)
		}
	}
	return nil
}
