package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

const gatewayConfig = "volumes/api/kong.yml"

// dockerFaults are those of containers, ports, .env and mounts.
func dockerFaults() []fault {
	return []fault{
		{code: "DK-03", does: "Another container takes the gateway's port, so the gateway is created and cannot start.",
			apply: takePort, shows: stateIs(core.Gateway, "created", "port is already allocated"), mend: freePort},
		{code: "DK-05", does: "JWT_SECRET is gone from .env and auth was recreated with an empty one, so it dies at start.",
			save: saveEnv("JWT_SECRET"), apply: loseVariable, shows: dies(core.Auth, "non-empty []byte key required"), mend: restoreEnvAnd(core.Auth)},
		{code: "DK-07", does: "SITE_URL was changed in .env and auth only restarted, so it still runs with the old value.",
			save: saveEnv("SITE_URL"), apply: editAndRestart, shows: envDiffers(core.Auth, "GOTRUE_SITE_URL", "SITE_URL"), mend: restoreEnvAnd()},
		{code: "DK-08", does: "kong.yml is an empty folder, as Docker makes when the file is missing, so the gateway cannot read its routes.",
			save: saveFiles(gatewayConfig), apply: folderForFile, shows: dies(core.Gateway, "directory", "expected an object"), mend: restoreFilesAnd(core.Gateway)},
		{code: "DK-11", does: "The database listens on no address and is unhealthy, so everything that waits for it stays created.",
			apply: gateDependants, shows: stateIs(core.Auth, "created", ""), mend: remakeAnd(core.DB)},
		{code: "DK-12", does: "meta gets less memory than it needs and is killed by the kernel.",
			apply: starve, shows: killedByKernel(core.Meta), mend: remakeAnd(core.Meta)},
		{code: "DK-13", does: "imgproxy is started with a command that does not exist in it and restarts for ever.",
			apply: breakCommand, shows: dies(core.Imgproxy, ""), mend: remakeAnd(core.Imgproxy)},
	}
}

func takePort(ctx context.Context, b *bench, _ saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	if err := b.remove(ctx, core.Gateway); err != nil {
		return err
	}
	made, err := b.api.ContainerCreate(ctx, &container.Config{
		Image: b.lab.imageOf("imgproxy"), Labels: map[string]string{label: "1", labelStack: b.name},
		ExposedPorts: nat.PortSet{"8000/tcp": {}}, Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}, &container.HostConfig{PortBindings: nat.PortMap{"8000/tcp": {{HostIP: "127.0.0.1", HostPort: env["KONG_HTTP_PORT"]}}}},
		nil, nil, "port-taker-of-"+b.name)
	if err != nil {
		return err
	}
	if err := b.api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return err
	}
	if err := b.up(ctx); err == nil {
		return errors.New("the gateway started although its port is taken")
	}
	return nil
}

func freePort(ctx context.Context, b *bench, _ saved) error { return b.removeHelpers(ctx) }

// removeHelpers removes the containers that serve faults of this stack.
func (b *bench) removeHelpers(ctx context.Context) error {
	list, err := b.api.ContainerList(ctx, container.ListOptions{All: true, Filters: labels(label+"=1", labelStack+"="+b.name)})
	for _, c := range list {
		err = errors.Join(err, b.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	return err
}

func loseVariable(ctx context.Context, b *bench, _ saved) error {
	data, err := os.ReadFile(b.path(".env"))
	if err != nil {
		return err
	}
	if err := replaceFile(b.path(".env"), supabase.UnsetEnv(data, "JWT_SECRET"), 0o600); err != nil {
		return err
	}
	return b.recreate(ctx, core.Auth)
}

func editAndRestart(ctx context.Context, b *bench, s saved) error {
	if err := b.setEnv(map[string]string{"SITE_URL": s["SITE_URL"] + "/app"}); err != nil {
		return err
	}
	return b.restart(ctx, core.Auth)
}

func folderForFile(ctx context.Context, b *bench, _ saved) error {
	if err := b.remove(ctx, core.Gateway); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(b.path(gatewayConfig)), os.Mkdir(b.path(gatewayConfig), 0o755)); err != nil {
		return err
	}
	return ignoreStart(b.up(ctx))
}

// ignoreStart drops the error of a start that fails on purpose.
func ignoreStart(err error) error {
	if core.CodeOf(err) == core.Unreachable || core.CodeOf(err) == core.Internal {
		return nil
	}
	return err
}

func gateDependants(ctx context.Context, b *bench, _ saved) error {
	err := b.alter(ctx, core.DB, func(c *container.Config, _ *container.HostConfig) {
		c.Cmd = append(c.Cmd, "-c", "listen_addresses=")
		if c.Healthcheck != nil {
			c.Healthcheck.Retries = 2
		}
	})
	if err != nil {
		return err
	}
	for _, s := range []core.Service{core.Auth, core.Rest, core.Realtime, core.Storage, core.Meta, core.Pooler} {
		if err := b.remove(ctx, s); err != nil {
			return err
		}
	}
	return ignoreStart(b.up(ctx))
}

func starve(ctx context.Context, b *bench, _ saved) error {
	err := b.alter(ctx, core.Meta, func(_ *container.Config, h *container.HostConfig) {
		h.Memory, h.MemorySwap = 6<<20, 6<<20
		h.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyOnFailure, MaximumRetryCount: 1}
	})
	if err != nil && !strings.Contains(err.Error(), "OOM") && !strings.Contains(err.Error(), "oom") {
		return err
	}
	return nil
}

func breakCommand(ctx context.Context, b *bench, _ saved) error {
	return b.alter(ctx, core.Imgproxy, func(c *container.Config, _ *container.HostConfig) {
		c.Entrypoint, c.Cmd = []string{"labservice"}, []string{"imgproxi"}
	})
}

// The ways in which a fault shows.

// stateIs waits for a container's state and, when text is given, for the
// engine's own error to hold it.
func stateIs(s core.Service, state, text string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		said := fmt.Sprintf("%s is %s", s, c.State.Status)
		if text != "" {
			said += ": " + c.State.Error
		}
		return c.State.Status == state && strings.Contains(c.State.Error, text), said
	}
}

// dies waits until a service has ended at least twice, saying one of texts.
func dies(s core.Service, texts ...string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		said := fmt.Sprintf("%s is %s after %d restarts", s, c.State.Status, c.RestartCount)
		if c.RestartCount < 2 {
			return false, said
		}
		log := b.logs(ctx, s)
		for _, t := range texts {
			if strings.Contains(log, t) {
				return true, said + " and says: " + around(log, t)
			}
		}
		return false, said
	}
}

// around returns the piece of a log that holds text, or its last line.
func around(log, text string) string {
	const before, length = 100, 260
	if text == "" {
		return fmt.Sprintf("%q", lastLine([]byte(log)))
	}
	at := max(strings.Index(log, text), 0)
	start := max(at-before, strings.LastIndexByte(log[:at], '\n')+1)
	piece, _, _ := strings.Cut(log[start:], "\n")
	if len(piece) > length {
		piece = piece[:length] + "…"
	}
	return piece
}

func killedByKernel(s core.Service) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		return c.State.OOMKilled && c.State.Status == "exited", fmt.Sprintf("%s is %s, exit code %d, killed by the kernel: %t", s, c.State.Status, c.State.ExitCode, c.State.OOMKilled)
	}
}

// envDiffers waits until a container runs with another value than .env has.
func envDiffers(s core.Service, variable, key string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		env, err := b.env()
		if err != nil {
			return false, err.Error()
		}
		for _, kv := range c.Config.Env {
			if value, ok := strings.CutPrefix(kv, variable+"="); ok {
				return value != env[key], fmt.Sprintf("%s of %s is not %s of .env", variable, s, key)
			}
		}
		return false, string(s) + " has no " + variable
	}
}
