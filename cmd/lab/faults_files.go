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

const poolerScript = "volumes/pooler/pooler.exs"

// fileFaults are those of the stack's files and of settings that services go on
// working with.
func fileFaults() []fault {
	return []fault{
		{code: "DK-09", does: "The pooler's start script went through Windows, so its lines end in CR LF and the pooler dies at start.",
			save: saveFiles(poolerScript), apply: windowsScript, shows: dies(core.Pooler, "carriage return"), mend: restoreFilesAnd(core.Pooler)},
		{code: "DK-10", does: "Only root can read kong.yml.",
			apply: modeOf(gatewayConfig, 0o600), shows: modeIs(gatewayConfig, 0o600), mend: modeOf(gatewayConfig, 0o644)},
		{code: "DK-15", does: "imgproxy's log may grow without end.",
			save: saveFiles(composeFile), apply: endlessLog, shows: logIsEndless(core.Imgproxy), mend: restoreFilesAnd(core.Imgproxy)},
		{code: "RT-03", does: "REALTIME_DB_ENC_KEY in .env is not 16 characters long, so realtime dies at start.",
			save: saveEnv("REALTIME_DB_ENC_KEY"), apply: shortRealtimeKey, shows: dies(core.Realtime, "key size"), mend: restoreEnvAnd(core.Realtime)},
		{code: "AUTH-10", does: "The stack has a public URL, and links in mails still lead to localhost.",
			save: saveEnv("SUPABASE_PUBLIC_URL", "SITE_URL"), apply: publicURL, shows: envHolds("SUPABASE_PUBLIC_URL=https://api.example.com"), mend: restoreEnvAnd()},
		{code: "SEC-02", does: "The stack runs with the JWT secret and API keys that upstream publishes.",
			save: saveEnv("JWT_SECRET", "ANON_KEY", "SERVICE_ROLE_KEY"), apply: demoKeys, shows: envHolds("JWT_SECRET=your-super-secret-jwt"), mend: restoreEnvAnd()},
		{code: "SEC-15", does: "Edge functions run without a token.",
			save: saveEnv("FUNCTIONS_VERIFY_JWT"), apply: openFunctions, shows: envHolds("FUNCTIONS_VERIFY_JWT=false"), mend: restoreEnvAnd(core.Functions)},
	}
}

func windowsScript(ctx context.Context, b *bench, s saved) error {
	if err := os.WriteFile(b.path(poolerScript), []byte(strings.ReplaceAll(s[poolerScript], "\n", "\r\n")), 0o644); err != nil {
		return err
	}
	return b.restart(ctx, core.Pooler)
}

func modeOf(name string, mode os.FileMode) func(context.Context, *bench, saved) error {
	return func(_ context.Context, b *bench, _ saved) error { return os.Chmod(b.path(name), mode) }
}

func modeIs(name string, mode os.FileMode) func(context.Context, *bench) (bool, string) {
	return func(_ context.Context, b *bench) (bool, string) {
		info, err := os.Stat(b.path(name))
		if err != nil {
			return false, err.Error()
		}
		return info.Mode().Perm() == mode, fmt.Sprintf("%s has the mode %04o", name, info.Mode().Perm())
	}
}

// endlessLog takes the lab's common settings from imgproxy, and leaves it those
// that are not about its log.
func endlessLog(ctx context.Context, b *bench, s saved) error {
	own := "  imgproxy:\n    restart: unless-stopped\n    labels:\n      " + label + ": \"1\"\n"
	compose := strings.Replace(s[composeFile], "  imgproxy:\n    <<: *lab\n", own, 1)
	if compose == s[composeFile] {
		return errors.New("the compose file does not declare imgproxy as expected")
	}
	if err := os.WriteFile(b.path(composeFile), []byte(compose), 0o644); err != nil {
		return err
	}
	return b.recreate(ctx, core.Imgproxy)
}

func logIsEndless(s core.Service) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		size := c.HostConfig.LogConfig.Config["max-size"]
		return c.State.Running && size == "", fmt.Sprintf("the log of %s may grow to %q", s, size)
	}
}

func shortRealtimeKey(ctx context.Context, b *bench, s saved) error {
	if err := b.setEnv(map[string]string{"REALTIME_DB_ENC_KEY": s["REALTIME_DB_ENC_KEY"][:8]}); err != nil {
		return err
	}
	return b.recreate(ctx, core.Realtime)
}

func publicURL(ctx context.Context, b *bench, _ saved) error {
	if err := b.setEnv(map[string]string{"SUPABASE_PUBLIC_URL": "https://api.example.com", "SITE_URL": "https://www.example.com"}); err != nil {
		return err
	}
	return b.up(ctx)
}

func openFunctions(ctx context.Context, b *bench, _ saved) error {
	if err := b.setEnv(map[string]string{"FUNCTIONS_VERIFY_JWT": "false"}); err != nil {
		return err
	}
	return b.recreate(ctx, core.Functions)
}

func demoKeys(ctx context.Context, b *bench, _ saved) error {
	const secret = "your-super-secret-jwt-token-with-at-least-32-characters-long"
	anon, err := mint("anon", secret, time.Now())
	if err != nil {
		return err
	}
	service, err := mint("service_role", secret, time.Now())
	if err != nil {
		return err
	}
	if err := b.setEnv(map[string]string{"JWT_SECRET": secret, "ANON_KEY": anon, "SERVICE_ROLE_KEY": service}); err != nil {
		return err
	}
	return b.up(ctx)
}
