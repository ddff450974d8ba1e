package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	// labelStack marks a helper container with the stack that it serves.
	labelStack = "io.basewright.lab.stack"
)

func (l *lab) downCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "down NAME... | --all", Short: "Remove stacks with their data",
		Long: "Remove stacks: containers, networks, volumes and the folder. Only what carries the label io.basewright.lab=1\n" +
			"is touched. --all removes every stack of the lab on this engine, also what a killed run left.",
		RunE: func(c *cobra.Command, names []string) error {
			switch {
			case all && len(names) > 0, !all && len(names) == 0:
				return &usageError{errors.New("name the stacks to remove, or say --all")}
			case all:
				return l.downAll(c.Context())
			}
			return l.down(c.Context(), names)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every stack of the lab")
	return c
}

func (l *lab) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use: "clean", Short: "Remove every stack, the lab's images and the demo's state",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.clean(c.Context()) },
	}
}

// thing is something on an engine that may be the lab's to remove.
type thing struct {
	kind, id, name string
	labels         map[string]string
	remove         func(context.Context) error
}

// ofStack reports whether a thing is the lab's and belongs to the stack; an
// empty name means any stack. Without the lab's label nothing ever is.
func (t thing) ofStack(name string) bool {
	if t.labels[label] != "1" {
		return false
	}
	return name == "" || t.labels[projectLabel] == name || t.labels[labelStack] == name
}

// things lists what carries the lab's label, in the order of removal.
func things(ctx context.Context, api *client.Client) ([]thing, error) {
	mine := filters.NewArgs(filters.Arg("label", label+"=1"))
	var out []thing
	containers, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		out = append(out, thing{"container", c.ID, firstName(c.Names), c.Labels, func(ctx context.Context) error {
			return api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		}})
	}
	networks, err := api.NetworkList(ctx, network.ListOptions{Filters: mine})
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		out = append(out, thing{"network", n.ID, n.Name, n.Labels, func(ctx context.Context) error { return api.NetworkRemove(ctx, n.ID) }})
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: mine})
	if err != nil {
		return nil, err
	}
	for _, v := range volumes.Volumes {
		out = append(out, thing{"volume", v.Name, v.Name, v.Labels, func(ctx context.Context) error { return api.VolumeRemove(ctx, v.Name, true) }})
	}
	return out, nil
}

func firstName(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0][1:]
}

// removeThings removes what belongs to the stack and returns how much that was.
func (l *lab) removeThings(ctx context.Context, name string) (int, error) {
	api, err := l.api(ctx)
	if err != nil {
		return 0, err
	}
	all, err := things(ctx, api)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, t := range all {
		if !t.ofStack(name) {
			continue
		}
		if err := t.remove(ctx); err != nil && !errdefs.IsNotFound(err) {
			return removed, fmt.Errorf("remove %s %s: %w", t.kind, t.name, err)
		}
		removed++
	}
	return removed, nil
}

func (l *lab) down(ctx context.Context, names []string) error {
	for _, name := range names {
		s, err := l.stack(name)
		if err != nil {
			return err
		}
		n, err := l.removeThings(ctx, name)
		if err != nil {
			return err
		}
		_, missing := os.Stat(s.dir)
		if err := l.removeFolder(ctx, s); err != nil {
			return fmt.Errorf("remove %s: %w", s.dir, err)
		}
		if n == 0 && missing != nil {
			return &core.Error{Code: core.NotFound, Message: "there is no stack " + name, Hint: "lab list shows those that are there"}
		}
		l.say("%s is removed", name)
	}
	return nil
}

// downAll removes every stack, known by its folder or only by its labels.
func (l *lab) downAll(ctx context.Context) error {
	n, err := l.removeThings(ctx, "")
	if err != nil {
		return err
	}
	names := l.names()
	for _, name := range names {
		if err := l.removeFolder(ctx, stack{name: name, dir: filepath.Join(l.dir, "stacks", name)}); err != nil {
			return err
		}
	}
	l.say("the lab is empty: %d containers, networks and volumes and %d folders are removed", n, len(names))
	return nil
}

// removeFolder removes a stack's folder. The database's files in it belong to
// the database's user, so somebody other than root needs a container for that.
func (l *lab) removeFolder(ctx context.Context, s stack) error {
	err := os.RemoveAll(s.dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := l.removeAsRoot(ctx, s); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

func (l *lab) removeAsRoot(ctx context.Context, s stack) error {
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	c, err := api.ContainerCreate(ctx, &container.Config{
		Image: recipes()[0].ref(l.prefix), Entrypoint: []string{"busybox", "rm", "-rf", "/stack/volumes"},
		Labels: map[string]string{label: "1", labelStack: s.name},
	}, &container.HostConfig{Binds: []string{s.dir + ":/stack"}, NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		return err
	}
	defer api.ContainerRemove(context.WithoutCancel(ctx), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err := api.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		return err
	}
	ended, failed := api.ContainerWait(ctx, c.ID, container.WaitConditionNotRunning)
	select {
	case err := <-failed:
		return err
	case <-ended:
		return nil
	}
}

// clean removes the stacks, the images that the lab built itself, and what
// Basewright kept of the demo, whose snapshots hold the stacks' secrets.
func (l *lab) clean(ctx context.Context) error {
	if err := l.downAll(ctx); err != nil {
		return err
	}
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	list, err := api.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelInputs))})
	if err != nil {
		return err
	}
	removed := 0
	for _, i := range list {
		for _, ref := range append(i.RepoTags, i.ID) {
			if ref == "<none>:<none>" {
				continue
			}
			_, err := api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
			if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
				return fmt.Errorf("remove image %s: %w", ref, err)
			}
		}
		removed++
	}
	l.say("%d images are removed", removed)
	if _, err := os.Stat(filepath.Join(l.data(), "basewright.db")); err == nil {
		if err := os.RemoveAll(l.data()); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(l.dir, "stacks"))
}
