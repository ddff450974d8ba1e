package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/core"
)

// gatewayFaults are those of the API gateway and of the way behind it.
func gatewayFaults() []fault {
	return []fault{
		{code: "GW-01", does: "kong.yml is no valid YAML, so the gateway restarts for ever.",
			save: saveFiles(gatewayConfig), apply: spoilRoutes, shows: dies(core.Gateway, "declarative"), mend: restoreFilesAnd(core.Gateway)},
		{code: "GW-04", does: "The gateway was started with another anon key than .env has, so clients get 401.",
			apply: otherAnonKey, shows: answers("/auth/v1/settings", "ANON_KEY", 401, ""), mend: remakeAnd(core.Gateway)},
		{code: "GW-06", does: "auth has lost its name on the network, so the gateway cannot resolve it.",
			apply: loseName, shows: answers("/auth/v1/health", "ANON_KEY", 503, "name resolution failed"), mend: remakeAnd(core.Auth)},
		{code: "GW-07", does: "auth is stopped.",
			apply: func(ctx context.Context, b *bench, _ saved) error { return b.engine().Stop(ctx, core.Auth) },
			shows: stateIs(core.Auth, "exited", ""), mend: func(context.Context, *bench, saved) error { return nil }},
		{code: "REST-02", does: "The API keys in .env and in the gateway are signed with another secret than the services have.",
			save: saveEnv("ANON_KEY", "SERVICE_ROLE_KEY"), apply: foreignKeys,
			shows: answers("/auth/v1/admin/users", "SERVICE_ROLE_KEY", 403, "signature"), mend: restoreEnvAnd()},
	}
}

func spoilRoutes(ctx context.Context, b *bench, s saved) error {
	broken := strings.Replace(s[gatewayConfig], "services:\n", "services\n", 1)
	if err := os.WriteFile(b.path(gatewayConfig), []byte(broken), 0o644); err != nil {
		return err
	}
	return b.recreate(ctx, core.Gateway)
}

func otherAnonKey(ctx context.Context, b *bench, _ saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	other, err := mint("anon", env["JWT_SECRET"], time.Now().AddDate(0, 0, -7))
	if err != nil {
		return err
	}
	return b.with(ctx, core.Gateway, map[string]string{"ANON_KEY": other})
}

// loseName puts auth on its network again, without the name of its service and
// without the name of its container.
func loseName(ctx context.Context, b *bench, _ saved) error {
	c, err := b.container(ctx, core.Auth)
	if err != nil {
		return err
	}
	for name, e := range c.NetworkSettings.Networks {
		if err := b.api.NetworkDisconnect(ctx, e.NetworkID, c.ID, true); err != nil {
			return err
		}
		if err := b.api.NetworkConnect(ctx, e.NetworkID, c.ID, &network.EndpointSettings{Aliases: []string{"auth-old"}}); err != nil {
			return fmt.Errorf("put auth on %s again: %w", name, err)
		}
	}
	if err := b.api.ContainerRestart(ctx, c.ID, container.StopOptions{}); err != nil {
		return err
	}
	return b.restart(ctx, core.Gateway) // it remembers names for minutes
}

func foreignKeys(ctx context.Context, b *bench, _ saved) error {
	secret := base64Of(30)
	anon, err := mint("anon", secret, time.Now())
	if err != nil {
		return err
	}
	service, err := mint("service_role", secret, time.Now())
	if err != nil {
		return err
	}
	if err := b.setEnv(map[string]string{"ANON_KEY": anon, "SERVICE_ROLE_KEY": service}); err != nil {
		return err
	}
	return b.up(ctx)
}

// answers waits until the gateway answers a client with a status and a text.
func answers(path, key string, status int, text string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		a, err := b.get(ctx, path, key)
		if err != nil {
			return false, err.Error()
		}
		return a.status == status && strings.Contains(a.body, text), "GET " + path + ": " + a.short()
	}
}
