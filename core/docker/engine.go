package docker

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Engine is the core.Engine of one instance on one host.
type Engine struct {
	host     *Host
	instance core.Instance

	mu    sync.Mutex
	known []core.Container // as last seen; nil when that is stale
	admin string           // superuser that was let in
}

var _ core.Engine = (*Engine)(nil)

// Open returns the engine of an instance. It asks nothing yet.
func (h *Host) Open(i core.Instance) *Engine { return &Engine{host: h, instance: i} }

// listed lists the containers of the project, `compose run` ones left out,
// strangers among them.
func (e *Engine) listed(ctx context.Context) ([]container.Summary, error) {
	all, err := e.host.list(ctx, filters.Arg("label", projectLabel+"="+e.instance.Project))
	return slices.DeleteFunc(all, func(c container.Summary) bool { return oneoff(c.Labels) }), err
}

// containers returns what is known of the instance's containers, or asks.
func (e *Engine) containers(ctx context.Context) ([]core.Container, error) {
	e.mu.Lock()
	known := e.known
	e.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return e.refresh(ctx)
}

// refresh asks the engine anew for all containers, without their logs.
func (e *Engine) refresh(ctx context.Context) ([]core.Container, error) {
	listed, err := e.listed(ctx)
	if err != nil {
		return nil, e.host.wrap(ctx, "listing the containers of "+e.instance.Project, err)
	}
	seen, _, err := e.inspectAll(ctx, listed)
	if err != nil {
		return nil, err
	}
	all := containersOf(seen)
	e.remember(all)
	return all, nil
}

func (e *Engine) remember(cs []core.Container) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = cs
}

// forget makes the next call ask anew, after something was changed.
func (e *Engine) forget() { e.remember(nil) }

// role returns the containers that fill the role s, asked anew.
func (e *Engine) role(ctx context.Context, s core.Service) ([]core.Container, error) {
	all, err := e.refresh(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(c core.Container) bool { return !c.Fills(s) })
	if len(all) == 0 {
		return nil, absent(s)
	}
	return all, nil
}

// running returns the running container of the role s: as last seen, or, when
// that says it does not run, as it is now.
func (e *Engine) running(ctx context.Context, s core.Service) (core.Container, error) {
	cs, err := e.containers(ctx)
	if err != nil {
		return core.Container{}, err
	}
	c, ok := pick(cs, s)
	if !ok || c.State != container.StateRunning {
		if cs, err = e.refresh(ctx); err != nil {
			return core.Container{}, err
		}
		c, ok = pick(cs, s)
	}
	switch {
	case !ok:
		return core.Container{}, absent(s)
	case c.State != container.StateRunning:
		return core.Container{}, core.Errorf(core.NotFound, "%s is not running", s)
	}
	return c, nil
}

func pick(cs []core.Container, s core.Service) (core.Container, bool) {
	return (&core.Observation{Containers: cs}).Container(s)
}

func absent(s core.Service) error {
	return core.Errorf(core.NotFound, "there is no container of %s", s)
}

// roleOf returns the role of a container by its labels and the image that it
// was made from.
func roleOf(labels map[string]string, image string) core.Service {
	if oneoff(labels) {
		return ""
	}
	return supabase.RoleOf(labels[serviceLabel], image)
}

func trimName(name string) string { return strings.TrimPrefix(name, "/") }
