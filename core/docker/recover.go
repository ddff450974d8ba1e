package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// Recover implements core.Engine. What is as it was captured is left alone;
// what is not makes room first, then comes back, and at last gets its state.
// Volumes are never removed.
func (e *Engine) Recover(ctx context.Context, captured []byte, leave ...string) error {
	var want capture
	if err := json.Unmarshal(captured, &want); err != nil {
		return &core.Error{Code: core.Invalid, Message: "the captured containers cannot be read", Err: err}
	}
	if want.Version != captureVersion || want.Project != e.instance.Project {
		return core.Errorf(core.Invalid, "the captured containers are of %q, version %d, not of %q", want.Project, want.Version, e.instance.Project)
	}
	release, err := hold(ctx, e.host.end.host+" "+e.instance.Project)
	if err != nil {
		return err
	}
	defer release()
	defer e.forget()
	now, err := e.take(ctx)
	if err != nil {
		return err
	}
	left := func(in container.InspectResponse) bool { return slices.Contains(leave, in.Config.Labels[serviceLabel]) }
	r := recovery{host: e.host, want: slices.DeleteFunc(want.Containers, left), now: slices.DeleteFunc(now.Containers, left), ids: map[string]string{}}
	for _, step := range []func(context.Context) error{r.matchAll, r.makeRoom,
		func(ctx context.Context) error { return r.remakeNetworks(ctx, want.Networks) }, r.remakeAll, r.settleAll} {
		if err := step(ctx); err != nil {
			return e.host.wrap(ctx, "recovering the containers of "+e.instance.Project, err)
		}
	}
	return nil
}

// recovery is one run of Recover.
type recovery struct {
	host      *Host
	want, now []container.InspectResponse
	ids       map[string]string // captured ID to the ID that stands for it now
}

// matchAll finds the containers that still stand for captured ones: those that
// are the same, and those that an earlier Recover made.
func (r *recovery) matchAll(context.Context) error {
	for _, w := range r.want {
		for _, n := range r.now {
			if n.ID == w.ID || same(r.shape(w), shapeOf(n)) {
				r.ids[w.ID] = n.ID
				break
			}
		}
	}
	return nil
}

// shape returns the shape of a captured container, with references to others
// turned to those that stand for them now.
func (r *recovery) shape(w container.InspectResponse) shape {
	s := shapeOf(w)
	turn := func(mode string) string {
		if id, ok := r.ids[strings.TrimPrefix(mode, "container:")]; ok && strings.HasPrefix(mode, "container:") {
			return "container:" + id
		}
		return mode
	}
	s.Host.NetworkMode = container.NetworkMode(turn(string(s.Host.NetworkMode)))
	s.Host.PidMode = container.PidMode(turn(string(s.Host.PidMode)))
	s.Host.IpcMode = container.IpcMode(turn(string(s.Host.IpcMode)))
	return s
}

// makeRoom removes the containers of the instance that stand for no captured
// one, with all but their volumes.
func (r *recovery) makeRoom(ctx context.Context) error {
	for _, n := range r.now {
		if slices.Contains(slices.Collect(maps.Values(r.ids)), n.ID) {
			continue
		}
		_ = r.host.api.ContainerStop(ctx, n.ID, grace(describe(n))) // removal by force is next
		err := r.host.api.ContainerRemove(ctx, n.ID, container.RemoveOptions{Force: true})
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove %s: %w", trimName(n.Name), err)
		}
	}
	return nil
}

// remakeNetworks creates the networks that are gone.
func (r *recovery) remakeNetworks(ctx context.Context, networks []network.Inspect) error {
	for _, n := range networks {
		_, err := r.host.api.NetworkInspect(ctx, n.Name, network.InspectOptions{})
		if err == nil {
			continue
		}
		if !errdefs.IsNotFound(err) {
			return err
		}
		ipam := n.IPAM
		_, err = r.host.api.NetworkCreate(ctx, n.Name, network.CreateOptions{Driver: n.Driver, Scope: n.Scope, EnableIPv6: &n.EnableIPv6,
			IPAM: &ipam, Internal: n.Internal, Attachable: n.Attachable, Options: n.Options, Labels: n.Labels})
		if err != nil {
			return fmt.Errorf("create network %s: %w", n.Name, err)
		}
	}
	return nil
}

// remakeAll creates what is missing. Containers that share the network of
// another come after all others.
func (r *recovery) remakeAll(ctx context.Context) error {
	missing := slices.DeleteFunc(slices.Clone(r.want), func(w container.InspectResponse) bool { return r.ids[w.ID] != "" })
	slices.SortStableFunc(missing, func(a, b container.InspectResponse) int { return borrows(a) - borrows(b) })
	for _, w := range missing {
		id, err := r.remake(ctx, r.shape(w))
		if err != nil {
			return fmt.Errorf("create %s: %w", trimName(w.Name), err)
		}
		r.ids[w.ID] = id
	}
	return nil
}

func borrows(w container.InspectResponse) int {
	if w.HostConfig.NetworkMode.IsContainer() || w.HostConfig.PidMode.IsContainer() || w.HostConfig.IpcMode.IsContainer() {
		return 1
	}
	return 0
}

// remake creates one container and puts it on its networks.
func (r *recovery) remake(ctx context.Context, s shape) (string, error) {
	config := *s.Config
	var err error
	if config.Image, err = r.image(ctx, s); err != nil {
		return "", err
	}
	if s.Host.NetworkMode.IsContainer() {
		config.ExposedPorts = nil
	}
	// Engines before 25 take one network at creation; the others follow.
	first := firstNetwork(s)
	start := &network.NetworkingConfig{}
	if first != "" {
		start.EndpointsConfig = map[string]*network.EndpointSettings{first: s.Networks[first]}
	}
	made, err := r.host.api.ContainerCreate(ctx, &config, s.Host, start, nil, s.Name)
	if err != nil {
		return "", err
	}
	return made.ID, r.rejoin(ctx, made.ID, s, map[string]*network.EndpointSettings{first: s.Networks[first]})
}

// firstNetwork names the network that a container is created on.
func firstNetwork(s shape) string {
	if mode := string(s.Host.NetworkMode); s.Networks[mode] != nil {
		return mode
	}
	if len(s.Networks) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(s.Networks)))
}

// image chooses how to name the image: by the reference, as people read it,
// while that means the image it meant then, else by its ID, else by the
// reference whatever it means.
func (r *recovery) image(ctx context.Context, s shape) (string, error) {
	if found, err := r.host.api.ImageInspect(ctx, s.Config.Image); err == nil && found.ID == s.ImageID {
		return s.Config.Image, nil
	}
	if _, err := r.host.api.ImageInspect(ctx, s.ImageID); err == nil || !errdefs.IsNotFound(err) {
		return s.ImageID, err
	}
	return s.Config.Image, nil
}

// settleAll gives what stands for the captured containers its name, networks
// and running state, those first on which others depend.
func (r *recovery) settleAll(ctx context.Context) error {
	for _, w := range r.want {
		if err := r.settle(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", trimName(w.Name), err)
		}
	}
	return nil
}

func (r *recovery) settle(ctx context.Context, w container.InspectResponse) error {
	now, err := r.host.look(ctx, r.ids[w.ID])
	if err != nil {
		return err
	}
	want, is := r.shape(w), shapeOf(now)
	if want.Name != is.Name {
		if err := r.host.api.ContainerRename(ctx, now.ID, want.Name); err != nil {
			return err
		}
	}
	if err := r.rejoin(ctx, now.ID, want, is.Networks); err != nil {
		return err
	}
	return r.resume(ctx, now, w.State)
}

// rejoin makes the networks of a container what they were.
func (r *recovery) rejoin(ctx context.Context, id string, want shape, is map[string]*network.EndpointSettings) error {
	for name, n := range is {
		if w := want.Networks[name]; n != nil && (w == nil || !sameEndpoint(w, n)) {
			if err := r.host.api.NetworkDisconnect(ctx, name, id, true); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
	}
	for name, w := range want.Networks {
		if n := is[name]; n != nil && sameEndpoint(w, n) {
			continue
		}
		if err := r.host.api.NetworkConnect(ctx, name, id, w); err != nil {
			return fmt.Errorf("connect to %s: %w", name, err)
		}
	}
	return nil
}

func sameEndpoint(a, b *network.EndpointSettings) bool {
	one := func(n *network.EndpointSettings) shape {
		return shape{Config: &container.Config{}, Networks: map[string]*network.EndpointSettings{"": n}}
	}
	return same(one(a), one(b))
}

// resume brings a container into the state it had. One that was being started
// over and over is started once; its restart policy does the rest.
func (r *recovery) resume(ctx context.Context, now container.InspectResponse, was *container.State) error {
	want := cmp.Or(was, &container.State{})
	id, api := now.ID, r.host.api
	ran := want.Running || want.Restarting
	runs := now.State.Running || now.State.Restarting
	switch {
	case ran && !runs:
		if err := api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
			return err
		}
	case !ran && runs:
		return api.ContainerStop(ctx, id, grace(describe(now)))
	}
	switch {
	case want.Paused && !now.State.Paused:
		return api.ContainerPause(ctx, id)
	case now.State.Paused && !want.Paused:
		return api.ContainerUnpause(ctx, id)
	}
	return nil
}
