package docker

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/basewright/basewright/core"
)

// instanceLabel is on all that a release's compose file makes.
const instanceLabel = "io.basewright.instance"

// Erase removes the containers, networks and volumes that the creation of an
// instance made since a moment: what carries its project and its label and is
// not older. It is for creations that failed and for nothing else, since
// volumes go with their data. What is not there is no error.
func (h *Host) Erase(ctx context.Context, inst core.Instance, since time.Time) error {
	release, err := hold(ctx, h.end.host+" "+inst.Project)
	if err != nil {
		return err
	}
	defer release()
	ours := filters.NewArgs(filters.Arg("label", projectLabel+"="+inst.Project), filters.Arg("label", instanceLabel+"="+inst.ID))
	since = since.Add(-time.Second).Truncate(time.Second) // the engine's times are whole seconds
	for _, part := range []func(context.Context, filters.Args, time.Time) error{h.eraseContainers, h.eraseNetworks, h.eraseVolumes} {
		if err := part(ctx, ours, since); err != nil {
			return h.wrap(ctx, "removing what was made of "+inst.Project, err)
		}
	}
	return nil
}

func (h *Host) eraseContainers(ctx context.Context, ours filters.Args, since time.Time) error {
	list, err := h.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return err
	}
	errs := make([]error, len(list))
	for i, c := range list {
		if time.Unix(c.Created, 0).Before(since) {
			continue
		}
		errs[i] = absentIsFine(h.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	return errors.Join(errs...)
}

func (h *Host) eraseNetworks(ctx context.Context, ours filters.Args, since time.Time) error {
	list, err := h.api.NetworkList(ctx, network.ListOptions{Filters: ours})
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range list {
		if !n.Created.Before(since) {
			errs = append(errs, absentIsFine(h.api.NetworkRemove(ctx, n.ID)))
		}
	}
	return errors.Join(errs...)
}

func (h *Host) eraseVolumes(ctx context.Context, ours filters.Args, since time.Time) error {
	list, err := h.api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range list.Volumes {
		if made, err := time.Parse(time.RFC3339, v.CreatedAt); err == nil && !made.Before(since) {
			errs = append(errs, absentIsFine(h.api.VolumeRemove(ctx, v.Name, false)))
		}
	}
	return errors.Join(errs...)
}

func absentIsFine(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
