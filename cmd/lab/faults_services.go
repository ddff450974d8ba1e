package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	composeFile   = "docker-compose.yml"
	mainFunction  = "volumes/functions/main/index.ts"
	hostnameLine  = "      HOSTNAME: \"0.0.0.0\"\n"
	tenantName    = "realtime-dev.supabase-realtime"
	realtimeNames = "    networks:\n      default:\n        aliases:\n          - " + tenantName + "\n"
)

// serviceFaults are those of the other services.
func serviceFaults() []fault {
	return []fault{
		{code: "RT-01", does: "realtime was renamed without its realtime-dev prefix, so no tenant matches the name it is called by; it stays healthy.",
			save: saveFiles(composeFile, gatewayConfig), apply: renameRealtime,
			shows: answers("/realtime/v1/api/ping", "ANON_KEY", 401, "Tenant not found"), mend: restoreFilesAnd(core.Realtime, core.Gateway)},
		{code: "RT-04", does: "realtime keeps the tenant of before a rotation, since it is told to write none at its start.",
			save: saveFiles(composeFile), apply: keepTenant, shows: containerEnv(core.Realtime, "SEED_SELF_HOST=false"), mend: restoreFilesAnd(core.Realtime)},
		{code: "SVC-04", does: "auth hangs: it takes connections and never answers (its process is halted).",
			apply: send(core.Auth, "STOP"), shows: hangs("/auth/v1/health"), mend: send(core.Auth, "CONT")},
		{code: "ST-10", does: "storage was started with another JWT secret than .env has, so it accepts nobody's token.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.with(ctx, core.Storage, map[string]string{"JWT_SECRET": base64Of(30)})
			},
			shows: answers("/storage/v1/bucket", "SERVICE_ROLE_KEY", 400, "ignature"), mend: remakeAnd(core.Storage)},
		{code: "POOL-03", does: "VAULT_ENC_KEY in .env is not 32 characters long, so the pooler dies at start.",
			save: saveEnv("VAULT_ENC_KEY"), apply: shortVaultKey, shows: dies(core.Pooler, "Unknown cipher or invalid key size"), mend: restoreEnvAnd(core.Pooler)},
		{code: "FN-01", does: "The main function is missing, so the edge runtime cannot boot.",
			save: saveFiles(mainFunction), apply: loseMain, shows: dies(core.Functions, "entrypoint"), mend: restoreFilesAnd(core.Functions)},
		{code: "STU-01", does: "Studio listens on its container's address only (no HOSTNAME), so its health check fails.",
			save: saveFiles(composeFile), apply: loseHostname, shows: unhealthy(core.Studio), mend: restoreFilesAnd(core.Studio)},
	}
}

// keepTenant has realtime write its tenant with another secret, and then start
// with the stack's own without writing it.
func keepTenant(ctx context.Context, b *bench, s saved) error {
	const row = `select jwt_secret from _realtime.tenants where external_id = 'realtime-dev';`
	before, err := b.sql(ctx, "postgres", row)
	if err != nil {
		return err
	}
	if err := b.with(ctx, core.Realtime, map[string]string{"JWT_SECRET": base64Of(30)}); err != nil {
		return err
	}
	err = poll(ctx, showTimeout, func(ctx context.Context) (bool, string) {
		now, err := b.sql(ctx, "postgres", row)
		return err == nil && now != "" && now != before, "realtime has not written its tenant"
	})
	if err != nil {
		return err
	}
	if err := b.swapAll(s, []swap{{composeFile, "      SEED_SELF_HOST: \"true\"\n", "      SEED_SELF_HOST: \"false\"\n"}}); err != nil {
		return err
	}
	return b.recreate(ctx, core.Realtime)
}

// send sends a signal to the process of a service, if it runs.
func send(s core.Service, name string) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error {
		c, err := b.container(ctx, s)
		if err != nil || !c.State.Running {
			return err
		}
		return b.api.ContainerKill(ctx, c.ID, name)
	}
}

// hangs waits for a request that gets no answer within a second.
func hangs(path string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if a, err := b.get(ctx, path, "ANON_KEY"); err == nil {
			return false, "GET " + path + ": " + a.short()
		}
		return true, "GET " + path + ": no answer within a second"
	}
}

// renameRealtime does what somebody does who finds the name inconsistent: a
// tidy container name, and the gateway pointed to it.
func renameRealtime(ctx context.Context, b *bench, s saved) error {
	compose := strings.Replace(s[composeFile], "container_name: realtime-dev.${STACK_NAME}-realtime", "container_name: ${STACK_NAME}-realtime", 1)
	compose = strings.Replace(compose, realtimeNames, "", 1)
	routes := strings.ReplaceAll(s[gatewayConfig], tenantName, b.name+"-realtime")
	if compose == s[composeFile] || routes == s[gatewayConfig] {
		return errors.New("the stack's files do not name realtime as expected")
	}
	err := errors.Join(os.WriteFile(b.path(composeFile), []byte(compose), 0o644), os.WriteFile(b.path(gatewayConfig), []byte(routes), 0o644))
	if err != nil {
		return err
	}
	if err := b.recreate(ctx, core.Realtime); err != nil {
		return err
	}
	return b.recreate(ctx, core.Gateway)
}

func shortVaultKey(ctx context.Context, b *bench, s saved) error {
	if err := b.setEnv(map[string]string{"VAULT_ENC_KEY": s["VAULT_ENC_KEY"][:24]}); err != nil {
		return err
	}
	return b.recreate(ctx, core.Pooler)
}

func loseMain(ctx context.Context, b *bench, _ saved) error {
	if err := os.Remove(b.path(mainFunction)); err != nil {
		return err
	}
	return b.restart(ctx, core.Functions)
}

func loseHostname(ctx context.Context, b *bench, s saved) error {
	compose := strings.Replace(s[composeFile], hostnameLine, "", 1)
	if compose == s[composeFile] {
		return errors.New("the compose file does not set HOSTNAME as expected")
	}
	if err := os.WriteFile(b.path(composeFile), []byte(compose), 0o644); err != nil {
		return err
	}
	return b.recreate(ctx, core.Studio)
}

func unhealthy(s core.Service) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		if c.State.Health == nil {
			return false, fmt.Sprintf("%s has no health check", s)
		}
		return c.State.Health.Status == "unhealthy", fmt.Sprintf("%s is %s", s, c.State.Health.Status)
	}
}
