package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/registry"
	"github.com/docker/docker/api/types/volume"

	"github.com/basewright/basewright/core"
)

// Survey tells what is taken on the host: ports, also those of containers that
// do not run, networks, names, and what compose projects left.
func (h *Host) Survey(ctx context.Context) (core.Survey, error) {
	known, err := h.engineFacts(ctx)
	if err != nil {
		return core.Survey{}, err
	}
	s := core.Survey{
		EngineID: known.host.EngineID, Local: known.host.Local, Ports: map[int]string{}, Networks: map[netip.Prefix]string{},
		Containers: map[string]string{}, Projects: map[string]string{},
	}
	for _, part := range []func(context.Context, *core.Survey) error{h.surveyVolumes, h.surveyNetworks, h.surveyContainers} {
		if err := part(ctx, &s); err != nil {
			return core.Survey{}, err
		}
	}
	if !s.Local {
		return s, nil
	}
	s.MemoryAvailable = memoryAvailable()
	s.Disk = core.Disk{Holds: "Docker's data", Path: known.root}
	return s, measure(&s.Disk)
}

func (h *Host) surveyVolumes(ctx context.Context, s *core.Survey) error {
	list, err := within(ctx, listTimeout, func(ctx context.Context) (volume.ListResponse, error) {
		return h.api.VolumeList(ctx, volume.ListOptions{})
	})
	if err != nil {
		return h.wrap(ctx, "listing volumes", err)
	}
	for _, v := range list.Volumes {
		if p := v.Labels[projectLabel]; p != "" {
			s.Projects[p] = "a volume " + v.Name
		}
	}
	return nil
}

func (h *Host) surveyNetworks(ctx context.Context, s *core.Survey) error {
	list, err := within(ctx, listTimeout, func(ctx context.Context) ([]network.Summary, error) {
		return h.api.NetworkList(ctx, network.ListOptions{})
	})
	if err != nil {
		return h.wrap(ctx, "listing networks", err)
	}
	for _, n := range list {
		if p := n.Labels[projectLabel]; p != "" {
			s.Projects[p] = "a network " + n.Name
		}
		for _, c := range n.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				s.Networks[p.Masked()] = "network " + n.Name
			}
		}
	}
	if !s.Local {
		return nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("listing the addresses of this host: %w", err)
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.IsSingleIP() {
			s.Networks[p.Masked()] = "an interface of this host"
		}
	}
	return nil
}

// surveyContainers asks each container that does not run for the ports that it
// would take: the list has only those of running ones.
func (h *Host) surveyContainers(ctx context.Context, s *core.Survey) error {
	all, err := h.list(ctx)
	if err != nil {
		return h.wrap(ctx, "listing containers", err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, c := range all {
		name := firstName(c.Names)
		mu.Lock()
		s.Containers[name] = c.Labels[projectLabel]
		if p := c.Labels[projectLabel]; p != "" {
			s.Projects[p] = "a container " + name
		}
		for _, p := range c.Ports {
			if p.PublicPort != 0 {
				s.Ports[int(p.PublicPort)] = name
			}
		}
		mu.Unlock()
		if c.State == container.StateRunning {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			info, err := h.look(ctx, c.ID)
			if err != nil || info.HostConfig == nil {
				return // gone since the list
			}
			mu.Lock()
			defer mu.Unlock()
			for _, bindings := range info.HostConfig.PortBindings {
				for _, b := range bindings {
					if n, err := strconv.Atoi(b.HostPort); err == nil && n != 0 {
						s.Ports[n] = name + ", which does not run"
					}
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func firstName(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return trimName(names[0])
}

// registryTimeout is how long a registry may take to say whether it has an image.
const registryTimeout = 20 * time.Second

// onEngine returns nil when an image is on the engine.
func (h *Host) onEngine(ctx context.Context, ref string) error {
	_, err := within(ctx, inspectTimeout, func(ctx context.Context) (string, error) {
		i, err := h.api.ImageInspect(ctx, ref)
		return i.ID, err
	})
	return err
}

// Obtainable returns nil when an image is on the engine, or a registry says that
// it has it.
func (h *Host) Obtainable(ctx context.Context, ref string) error {
	err := h.onEngine(ctx, ref)
	if err == nil {
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return h.wrap(ctx, "looking for the image "+ref, err)
	}
	_, err = within(ctx, registryTimeout, func(ctx context.Context) (registry.DistributionInspect, error) {
		return h.api.DistributionInspect(ctx, ref, "")
	})
	switch {
	case err == nil:
		return nil
	case errdefs.IsNotFound(err) || errdefs.IsPermissionDenied(err) || errdefs.IsUnauthorized(err):
		return core.Errorf(core.NotFound, "it is not on this engine, and its registry does not have it; pull it from a mirror and give that prefix")
	}
	return core.Errorf(core.Unreachable, "it is not on this engine, and its registry cannot be asked; pull or load it first, or give the prefix of a mirror")
}
