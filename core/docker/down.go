package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// Down implements core.Dismantler.
func (e *Engine) Down(ctx context.Context) error {
	release, err := hold(ctx, e.host.end.host+" "+e.instance.Project)
	if err != nil {
		return err
	}
	defer release()
	defer e.forget()
	doing := "removing the containers of " + e.instance.Project
	listed, err := e.listed(ctx)
	if err != nil {
		return e.host.wrap(ctx, doing, err)
	}
	own := slices.DeleteFunc(listed, func(c container.Summary) bool { return !e.owns(c.Labels) })
	networks, err := e.ownNetworks(ctx, own)
	if err != nil {
		return e.host.wrap(ctx, doing, err)
	}
	for _, c := range own {
		if err := e.host.takeDown(ctx, c.ID); err != nil {
			return e.host.wrap(ctx, doing, err)
		}
	}
	for _, id := range networks {
		if err := absentIsFine(e.host.api.NetworkRemove(ctx, id)); err != nil {
			return e.host.wrap(ctx, "removing a network of "+e.instance.Project, err)
		}
	}
	return nil
}

// Alone implements core.Dismantler.
func (e *Engine) Alone(ctx context.Context) error {
	listed, err := e.listed(ctx)
	if err == nil {
		_, err = e.ownNetworks(ctx, slices.DeleteFunc(listed, func(c container.Summary) bool { return !e.owns(c.Labels) }))
	}
	return e.host.wrap(ctx, "looking who is on the networks of "+e.instance.Project, err)
}

// takeDown stops a container gracefully and removes it. Volumes stay, also those
// without a name.
func (h *Host) takeDown(ctx context.Context, id string) error {
	if err := absentIsFine(h.api.ContainerStop(ctx, id, container.StopOptions{})); err != nil {
		return err
	}
	return absentIsFine(h.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}))
}

// ownNetworks returns the networks that compose made for the project. One that a
// container is on which is not among own is a Conflict.
func (e *Engine) ownNetworks(ctx context.Context, own []container.Summary) ([]string, error) {
	list, err := e.host.api.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", projectLabel+"="+e.instance.Project))})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, l := range list {
		n, err := e.host.api.NetworkInspect(ctx, l.ID, network.InspectOptions{})
		if absentIsFine(err) != nil {
			return nil, err
		}
		for id, on := range n.Containers {
			if !slices.ContainsFunc(own, func(c container.Summary) bool { return c.ID == id }) {
				return nil, &core.Error{
					Code: core.Conflict, Message: fmt.Sprintf("%s, which is none of %s, is on its network %s", on.Name, e.instance.Project, n.Name),
					Hint: fmt.Sprintf("take it off first: docker network disconnect %s %s", n.Name, on.Name),
				}
			}
		}
		ids = append(ids, l.ID)
	}
	return ids, nil
}
