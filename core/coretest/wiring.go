package coretest

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
)

// Connect implements core.Wiring. A network is one of the instance when one of
// its containers is on it.
func (e *Engine) Connect(ctx context.Context, s core.Service, network, alias string) error {
	return e.change(ctx, "connect", string(s)+" "+network, func() error {
		at := func(c core.Container) int {
			return slices.IndexFunc(c.Networks, func(n core.Endpoint) bool {
				return n.Network == network || n.Network == e.Instance.Project+"_"+network
			})
		}
		known := slices.IndexFunc(e.Containers, func(c core.Container) bool { return at(c) >= 0 })
		if known < 0 {
			return core.Errorf(core.NotFound, "there is no network %s", network)
		}
		name := e.Containers[known].Networks[at(e.Containers[known])].Network
		found := false
		for i := range e.Containers {
			c := &e.Containers[i]
			if c.Service != s {
				continue
			}
			found = true
			aliases := []string{c.ComposeService, c.Name}
			if alias != "" {
				aliases = append(aliases, alias)
			}
			c.Networks = slices.DeleteFunc(slices.Clone(c.Networks), func(n core.Endpoint) bool { return n.Network == name })
			c.Networks = append(c.Networks, core.Endpoint{Network: name, Aliases: aliases})
		}
		if !found {
			return core.Errorf(core.NotFound, "there is no container of %s", s)
		}
		return nil
	})
}

// Rename implements core.Wiring.
func (e *Engine) Rename(ctx context.Context, s core.Service, name string) error {
	return e.change(ctx, "rename", string(s)+" "+name, func() error {
		i := e.index(s)
		if i < 0 {
			return core.Errorf(core.NotFound, "there is no container of %s", s)
		}
		if slices.ContainsFunc(e.Containers, func(c core.Container) bool { return c.Name == name && c.Service != s }) {
			return core.Errorf(core.Conflict, "the name %s is already in use", name)
		}
		e.Containers[i].Name = name
		return nil
	})
}

// TakenPorts implements core.Inspector.
func (e *Engine) TakenPorts(ctx context.Context) ([]int, error) {
	if err := e.fails(ctx, "ports", ""); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := slices.Clone(e.Taken)
	for _, c := range e.Containers {
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				taken = append(taken, p.HostPort)
			}
		}
	}
	slices.Sort(taken)
	return slices.Compact(taken), nil
}
