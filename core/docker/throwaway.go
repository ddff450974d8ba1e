package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
)

var _ core.Workbench = (*Engine)(nil)

const (
	throwawayLabel = "io.basewright.throwaway" // its value is the id
	throwawayStart = 3 * time.Minute           // how long an empty database may take to be made
)

// throwaway is a database that nothing depends on.
type throwaway struct {
	host     *Host
	id, name string
}

// Throwaway implements core.Workbench.
func (e *Engine) Throwaway(ctx context.Context, id string, captured []byte) (core.Throwaway, error) {
	var c capture
	if err := json.Unmarshal(captured, &c); err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "the captured containers cannot be read", Err: err}
	}
	for _, in := range c.Containers {
		if in.ContainerJSONBase == nil || in.Config == nil || roleOfInspect(in) != core.DB {
			continue
		}
		t := &throwaway{host: e.host, name: "basewright-drill-" + strings.ToLower(id)}
		if err := t.start(ctx, id, in); err != nil {
			return nil, fmt.Errorf("start a throwaway database: %w", joinRemoval(ctx, t, err))
		}
		return t, nil
	}
	return nil, core.Errorf(core.NotFound, "the snapshot describes no database container to make a throwaway of")
}

func joinRemoval(ctx context.Context, t *throwaway, err error) error {
	if gone := t.Remove(context.WithoutCancel(ctx)); gone != nil {
		return fmt.Errorf("%w (and it could not be removed: %w)", err, gone)
	}
	return err
}

// start makes the container and waits until its database answers for good.
func (t *throwaway) start(ctx context.Context, id string, like container.InspectResponse) error {
	image := like.Image
	if _, err := t.host.api.ImageInspect(ctx, image); err != nil {
		if image = like.Config.Image; !errdefs.IsNotFound(err) {
			return t.host.wrap(ctx, "looking for the database's image", err)
		}
	}
	no := false
	config := &container.Config{
		Image: image, Cmd: like.Config.Cmd, Entrypoint: like.Config.Entrypoint, User: like.Config.User, StopSignal: like.Config.StopSignal,
		Env: strangePasswords(like.Config.Env), Labels: map[string]string{throwawayLabel: id}, Volumes: like.Config.Volumes,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{NetworkMode: "none", Init: &no, AutoRemove: false}
	if like.HostConfig != nil {
		host.ShmSize = like.HostConfig.ShmSize
	}
	made, err := t.host.api.ContainerCreate(ctx, config, host, nil, nil, t.name)
	if err != nil {
		return t.host.wrap(ctx, "creating it", err)
	}
	t.id = made.ID
	if err := t.host.api.ContainerStart(ctx, t.id, container.StartOptions{}); err != nil {
		return t.host.wrap(ctx, "starting it", err)
	}
	return t.wait(ctx)
}

// strangePasswords gives a throwaway a password of its own.
func strangePasswords(env []string) []string {
	password := rand.Text()
	out := make([]string, len(env))
	for i, line := range env {
		key, _, _ := strings.Cut(line, "=")
		if out[i] = line; strings.HasSuffix(key, "PASSWORD") {
			out[i] = key + "=" + password
		}
	}
	return out
}

// wait returns when the database takes statements. While the image's scripts
// run, another server answers for a while; the one that stays is the container's
// first process.
func (t *throwaway) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, throwawayStart)
	defer cancel()
	ask := core.Command{
		Args: []string{"psql", "-X", "-A", "-t", "-q", "-w", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "template1",
			"-c", "select split_part(pg_read_file('postmaster.pid'), E'\n', 1)"},
		Env: []string{"PGCONNECT_TIMEOUT=5"},
	}
	for {
		var out strings.Builder
		err := t.Stream(ctx, ask, nil, &out)
		if err == nil && strings.TrimSpace(out.String()) == "1" {
			return nil
		}
		in, look := t.host.look(ctx, t.id)
		if look == nil && in.State != nil && !in.State.Running {
			return core.Errorf(core.Internal, "its container ended with exit status %d while it was made", in.State.ExitCode)
		}
		select {
		case <-ctx.Done():
			return core.Errorf(core.Unreachable, "it did not answer within %s: %v", throwawayStart, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Stream implements core.Throwaway.
func (t *throwaway) Stream(ctx context.Context, c core.Command, in io.Reader, out io.Writer) error {
	return t.host.stream(ctx, t.id, "the throwaway database", c, in, out)
}

// Remove implements core.Throwaway.
func (t *throwaway) Remove(ctx context.Context) error {
	if t.id == "" {
		return nil
	}
	return t.host.removeThrowaway(ctx, t.id)
}

func (h *Host) removeThrowaway(ctx context.Context, id string) error {
	err := h.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return h.wrap(ctx, "removing a throwaway database", err)
	}
	return nil
}

// SweepThrowaways implements core.Workbench.
func (e *Engine) SweepThrowaways(ctx context.Context, alive func(id string) bool) error {
	listed, err := within(ctx, listTimeout, func(ctx context.Context) ([]container.Summary, error) {
		return e.host.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", throwawayLabel))})
	})
	if err != nil {
		return e.host.wrap(ctx, "looking for throwaway databases", err)
	}
	for _, c := range listed {
		if alive(c.Labels[throwawayLabel]) {
			continue
		}
		if err := e.host.removeThrowaway(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}
