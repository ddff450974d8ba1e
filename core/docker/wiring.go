package docker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
)

// Connect implements core.Wiring. The network must be one of the instance: a
// container on the network of another stack would talk to its database.
func (e *Engine) Connect(ctx context.Context, s core.Service, name, alias string) error {
	n, err := e.network(ctx, name)
	if err != nil {
		return err
	}
	return e.each(ctx, s, "connecting", func(c core.Container) error {
		names := []string{c.ComposeService, trimName(c.Name)}
		if alias != "" {
			names = append(names, alias)
		}
		i := slices.IndexFunc(c.Networks, func(on core.Endpoint) bool { return on.Network == n.Name })
		if i >= 0 {
			missing := slices.ContainsFunc(names, func(a string) bool { return !slices.Contains(c.Networks[i].Aliases, a) })
			if !missing {
				return nil
			}
			names = append(names, c.Networks[i].Aliases...)
			if err := e.host.api.NetworkDisconnect(ctx, n.ID, c.ID, true); err != nil {
				return err
			}
		}
		slices.Sort(names)
		return e.host.api.NetworkConnect(ctx, n.ID, c.ID, &network.EndpointSettings{Aliases: slices.Compact(names)})
	})
}

// network finds a network of the instance by the engine's name or by compose's.
func (e *Engine) network(ctx context.Context, name string) (network.Inspect, error) {
	cs, err := e.refresh(ctx)
	if err != nil {
		return network.Inspect{}, err
	}
	for _, full := range []string{name, e.instance.Project + "_" + name} {
		n, err := within(ctx, inspectTimeout, func(ctx context.Context) (network.Inspect, error) {
			return e.host.api.NetworkInspect(ctx, full, network.InspectOptions{})
		})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return n, e.host.wrap(ctx, "looking for network "+name, err)
		}
		used := slices.ContainsFunc(cs, func(c core.Container) bool {
			return c.ComposeService != "" && slices.ContainsFunc(c.Networks, func(on core.Endpoint) bool { return on.Network == n.Name })
		})
		if n.Labels[projectLabel] != e.instance.Project && !used {
			return n, core.Errorf(core.Forbidden, "network %s is none of %s", full, e.instance.Project)
		}
		return n, nil
	}
	return network.Inspect{}, core.Errorf(core.NotFound, "there is no network %s; `up` makes those of the compose files", name)
}

// Rename implements core.Wiring.
func (e *Engine) Rename(ctx context.Context, s core.Service, name string) error {
	cs, err := e.role(ctx, s)
	if err != nil {
		return err
	}
	if len(cs) > 1 {
		return core.Errorf(core.Conflict, "%s has %d containers, and only one can have the name %s", s, len(cs), name)
	}
	return e.each(ctx, s, "renaming", func(c core.Container) error {
		if trimName(c.Name) == name {
			return nil
		}
		return e.host.api.ContainerRename(ctx, c.ID, name)
	})
}

// TakenPorts implements core.Inspector.
func (e *Engine) TakenPorts(ctx context.Context) ([]int, error) { return e.host.TakenPorts(ctx) }

// TakenPorts returns the ports of the host that are taken. The engine's list tells
// those of running containers only, so the others are inspected.
func (h *Host) TakenPorts(ctx context.Context) ([]int, error) {
	listed, err := h.list(ctx)
	if err != nil {
		return nil, h.wrap(ctx, "listing the ports of all containers", err)
	}
	wanted := make([][]int, len(listed))
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for i, c := range listed {
		for _, p := range c.Ports {
			wanted[i] = append(wanted[i], int(p.PublicPort))
		}
		if c.State == container.StateRunning {
			continue
		}
		work.Go(func() error {
			in, err := h.look(wctx, c.ID)
			if err != nil || in.ContainerJSONBase == nil || in.HostConfig == nil {
				if errdefs.IsNotFound(err) {
					return nil
				}
				return err
			}
			for _, bindings := range in.HostConfig.PortBindings {
				for _, b := range bindings {
					port, _ := strconv.Atoi(b.HostPort)
					wanted[i] = append(wanted[i], port)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, h.wrap(ctx, "inspecting the ports of all containers", err)
	}
	taken := slices.Concat(wanted...)
	if h.end.local() {
		taken = append(taken, listenedOn()...)
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	return slices.DeleteFunc(taken, func(p int) bool { return p == 0 }), nil
}

// listenedOn returns the ports on which something of this machine listens.
func listenedOn() []int {
	var ports []int
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // another system; that the port can be had is tried before it is used
		}
		for line := range strings.Lines(string(data)) {
			var port int
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[3] != "0A" { // LISTEN
				continue
			}
			at := strings.LastIndexByte(fields[1], ':')
			if _, err := fmt.Sscanf(fields[1][at+1:], "%X", &port); err == nil {
				ports = append(ports, port)
			}
		}
	}
	return ports
}
