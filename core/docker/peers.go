package docker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/basewright/basewright/core"
)

// discovery is what Discover saw, and when.
type discovery struct {
	at        time.Time
	instances []core.Instance
	listed    map[string][]container.Summary // by project

	once  sync.Once
	peers []core.Peer
}

// neighbours returns the instances on the engine but the one of project. The
// list is Discover's; only the .env of each is read, once for all who ask.
func (h *Host) neighbours(ctx context.Context, project string) ([]core.Peer, error) {
	seen, err := h.lastDiscovery(ctx)
	if err != nil {
		return nil, err
	}
	seen.once.Do(func() {
		ctx := context.WithoutCancel(ctx) // it is for all who ask
		for _, i := range seen.instances {
			p := core.Peer{Instance: i}
			var o core.Observation
			e := h.Open(i)
			e.observeEnv(ctx, e.folder(ctx), &o)
			p.Env = o.Env
			for _, l := range seen.listed[i.Project] {
				if e.owns(l.Labels) {
					p.Containers = append(p.Containers, outline(l))
				}
			}
			seen.peers = append(seen.peers, p)
		}
	})
	return slices.DeleteFunc(slices.Clone(seen.peers), func(p core.Peer) bool { return p.Instance.Project == project }), nil
}

// lastDiscovery returns what Discover saw a moment ago, or has it look.
func (h *Host) lastDiscovery(ctx context.Context) (*discovery, error) {
	if seen := h.discovered.Load(); seen != nil && time.Since(seen.at) < factsAge {
		return seen, nil
	}
	if _, err := h.Discover(ctx); err != nil {
		return nil, err
	}
	return h.discovered.Load(), nil
}

// outline describes a container by what a list says of it. Aliases are not in a
// list; compose gives every container its service's name as one.
func outline(l container.Summary) core.Container {
	c := core.Container{ID: l.ID, Image: l.Image, State: l.State, Service: roleOf(l.Labels, l.Image), ComposeService: l.Labels[serviceLabel]}
	if len(l.Names) > 0 {
		c.Name = trimName(l.Names[0])
	}
	for _, p := range l.Ports {
		c.Ports = append(c.Ports, core.Port{HostIP: p.IP, HostPort: int(p.PublicPort), ContainerPort: int(p.PrivatePort), Proto: p.Type})
	}
	slices.SortFunc(c.Ports, func(a, b core.Port) int {
		return cmp.Or(cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.ContainerPort, b.ContainerPort), cmp.Compare(a.HostIP, b.HostIP))
	})
	if l.NetworkSettings != nil {
		for _, name := range slices.Sorted(maps.Keys(l.NetworkSettings.Networks)) {
			if n := l.NetworkSettings.Networks[name]; n != nil {
				c.Networks = append(c.Networks, core.Endpoint{Network: name, IP: n.IPAddress, Aliases: []string{c.ComposeService}})
			}
		}
	}
	for _, m := range l.Mounts {
		c.Mounts = append(c.Mounts, core.Mount{Type: string(m.Type), Name: m.Name, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW})
	}
	return c
}

// dateVolumes fills in when the volumes of the database were made.
func (e *Engine) dateVolumes(ctx context.Context, s *sight) {
	mounts := slices.Clone(s.Mounts) // they are shared with the first part
	for i, m := range mounts {
		if m.Type != "volume" || m.Name == "" {
			continue
		}
		if v, err := within(ctx, inspectTimeout, func(ctx context.Context) (volume.Volume, error) { return e.host.api.VolumeInspect(ctx, m.Name) }); err == nil {
			mounts[i].CreatedAt = instant(v.CreatedAt)
		}
	}
	s.Mounts = mounts
}
