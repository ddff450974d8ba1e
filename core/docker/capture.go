package docker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"github.com/basewright/basewright/core"
)

// capture is what Capture writes: the engine's own words, so that nothing is
// lost that a later version may need.
type capture struct {
	Version    int                         `json:"version"`
	Project    string                      `json:"project"`
	Containers []container.InspectResponse `json:"containers"`
	Networks   []network.Inspect           `json:"networks"`
}

const captureVersion = 1

// Capture implements core.Engine.
func (e *Engine) Capture(ctx context.Context) ([]byte, error) {
	c, err := e.take(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// take describes the containers as they are, and the networks they are on.
func (e *Engine) take(ctx context.Context) (capture, error) {
	doing := "describing the containers of " + e.instance.Project
	c := capture{Version: captureVersion, Project: e.instance.Project}
	listed, err := e.listed(ctx)
	if err != nil {
		return c, e.host.wrap(ctx, doing, err)
	}
	listed = slices.DeleteFunc(listed, func(l container.Summary) bool { return !e.owns(l.Labels) })
	c.Containers = make([]container.InspectResponse, len(listed))
	work, wctx := errgroup.WithContext(ctx)
	work.SetLimit(parallel)
	for i, l := range listed {
		work.Go(func() (err error) {
			c.Containers[i], err = e.host.look(wctx, l.ID)
			if errdefs.IsNotFound(err) {
				c.Containers[i], err = container.InspectResponse{}, nil
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return c, e.host.wrap(ctx, doing, err)
	}
	c.Containers = slices.DeleteFunc(c.Containers, func(in container.InspectResponse) bool {
		return in.ContainerJSONBase == nil || in.Config == nil || in.HostConfig == nil
	})
	slices.SortFunc(c.Containers, func(a, b container.InspectResponse) int {
		return cmp.Or(rank(roleOfInspect(a))-rank(roleOfInspect(b)), cmp.Compare(a.Name, b.Name))
	})
	c.Networks, err = e.networks(ctx, c.Containers)
	return c, e.host.wrap(ctx, doing, err)
}

func roleOfInspect(in container.InspectResponse) core.Service {
	return roleOf(in.Config.Labels, in.Config.Image)
}

// networks describes the networks that containers are on, except the engine's
// own, which are always there.
func (e *Engine) networks(ctx context.Context, cs []container.InspectResponse) ([]network.Inspect, error) {
	var found []network.Inspect
	for _, name := range networkNames(cs) {
		n, err := within(ctx, inspectTimeout, func(ctx context.Context) (network.Inspect, error) {
			return e.host.api.NetworkInspect(ctx, name, network.InspectOptions{})
		})
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n.Containers = nil
		found = append(found, n)
	}
	return found, nil
}

func networkNames(cs []container.InspectResponse) []string {
	var names []string
	for _, c := range cs {
		if c.NetworkSettings == nil {
			continue
		}
		for name := range c.NetworkSettings.Networks {
			if !slices.Contains([]string{"bridge", "host", "none"}, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// shape is what two containers have in common when one is as good as the other:
// all that was wanted of them, and nothing of what the engine gave them, such as
// IDs and addresses.
type shape struct {
	Name     string
	ImageID  string
	Config   *container.Config
	Host     *container.HostConfig
	Networks map[string]*network.EndpointSettings
}

// shapeOf takes the shape of a container. The values are copies.
func shapeOf(in container.InspectResponse) shape {
	s := shape{Name: trimName(in.Name), ImageID: in.Image, Networks: map[string]*network.EndpointSettings{}}
	config, host := *in.Config, *in.HostConfig
	short := shortID(in.ID)
	if config.Hostname == short || host.NetworkMode.IsContainer() || host.NetworkMode.IsHost() {
		config.Hostname = ""
	}
	keepVolumes(&host, in.Mounts)
	s.Config, s.Host = &config, &host
	if in.NetworkSettings == nil || host.NetworkMode.IsContainer() {
		return s
	}
	for name, n := range in.NetworkSettings.Networks {
		if n != nil {
			s.Networks[name] = endpointShape(n, short)
		}
	}
	return s
}

func shortID(id string) string { return id[:min(12, len(id))] }

// endpointShape keeps what was asked for on a network. The engine adds the short
// ID to the aliases itself.
func endpointShape(n *network.EndpointSettings, short string) *network.EndpointSettings {
	aliases := slices.DeleteFunc(slices.Clone(n.Aliases), func(a string) bool { return a == short })
	slices.Sort(aliases)
	return &network.EndpointSettings{IPAMConfig: n.IPAMConfig, Links: n.Links, Aliases: slices.Compact(aliases),
		DriverOpts: n.DriverOpts, GwPriority: n.GwPriority}
}

// keepVolumes names the anonymous volumes among the mounts, so that a container
// made anew finds its data.
func keepVolumes(host *container.HostConfig, mounts []container.MountPoint) {
	host.Mounts, host.Binds = slices.Clone(host.Mounts), slices.Clone(host.Binds)
	for _, m := range mounts {
		if m.Type != mount.TypeVolume || m.Name == "" || bound(host.Binds, m.Destination) {
			continue
		}
		i := slices.IndexFunc(host.Mounts, func(w mount.Mount) bool { return w.Target == m.Destination })
		if i >= 0 {
			host.Mounts[i].Source = cmp.Or(host.Mounts[i].Source, m.Name)
			continue
		}
		mode := "rw"
		if !m.RW {
			mode = "ro"
		}
		host.Binds = append(host.Binds, m.Name+":"+m.Destination+":"+mode)
	}
	slices.Sort(host.Binds)
}

// bound reports whether one of the binds is on target.
func bound(binds []string, target string) bool {
	return slices.ContainsFunc(binds, func(b string) bool {
		parts := strings.Split(b, ":")
		return len(parts) > 1 && parts[1] == target
	})
}

// same reports whether two shapes are equal, where nothing and empty are.
func same(a, b shape) bool {
	return bytes.Equal(canonical(a), canonical(b))
}

func canonical(s shape) []byte {
	config := *s.Config
	config.Image = "" // the ID counts; a tag may have moved since
	s.Config = &config
	data, _ := json.Marshal(s)
	var tree any
	_ = json.Unmarshal(data, &tree) // it was made a line above
	data, _ = json.Marshal(prune(tree))
	return data
}

// prune drops what is empty from a decoded JSON value.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if child = prune(child); child == nil {
				delete(v, key)
			} else {
				v[key] = child
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	}
	return v
}
