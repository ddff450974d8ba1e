package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

// settingFaults are wrong settings of single services, in the compose file or in
// .env, with which their containers were made anew.
func settingFaults() []fault {
	compose := func(old, new string) []swap { return []swap{{composeFile, old, new}} }
	return []fault{
		edited("RT-07", "The compose file is older than the image of realtime and lacks METRICS_JWT_SECRET.", dies(core.Realtime, "METRICS_JWT_SECRET"),
			compose("      API_JWT_SECRET: ${JWT_SECRET}\n      SECRET_KEY_BASE: ${SECRET_KEY_BASE}\n      METRICS_JWT_SECRET: ${JWT_SECRET}\n", "      API_JWT_SECRET: ${JWT_SECRET}\n      SECRET_KEY_BASE: ${SECRET_KEY_BASE}\n"), core.Realtime),
		edited("RT-08", "The compose file lacks APP_NAME of realtime.", dies(core.Realtime, "APP_NAME not available"),
			compose("      APP_NAME: realtime\n", ""), core.Realtime),
		environ("AUTH-09", "Sign-up needs a mail, and the mail server refuses connections.", nil,
			map[string]string{"ENABLE_EMAIL_AUTOCONFIRM": "false", "SMTP_HOST": "imgproxy", "SMTP_PORT": "2525"}, core.Auth),
		edited("SEC-12", "postgres-meta works as superuser, as before June 2026.", answers("/pg/schemas", "SERVICE_ROLE_KEY", 200, ""), compose("PG_META_DB_USER: postgres", "PG_META_DB_USER: supabase_admin"), core.Meta),
		edited("IMG-01", "imgproxy mounts another folder than storage.", nil,
			compose("      - ./volumes/storage:/var/lib/storage\n    healthcheck:\n      test: [\"CMD\", \"imgproxy\"", "      - ./volumes/snippets:/var/lib/storage\n    healthcheck:\n      test: [\"CMD\", \"imgproxy\""), core.Imgproxy),
		edited("ST-05", "Storage does not know its public URL, as in compose files of before November 2025.", nil,
			compose("      STORAGE_PUBLIC_URL: ${SUPABASE_PUBLIC_URL}\n      REQUEST_ALLOW_X_FORWARDED_PATH: \"true\"\n", ""), core.Storage),
		{code: "AUTH-13", does: "Auth signs with asymmetric keys, and only PostgREST was given what verifies them.", save: saveFiles(composeFile, ".env"),
			apply: signingKeys, shows: containerEnv(core.Auth, "GOTRUE_JWT_KEYS=["), mend: writeBackAnd(core.Auth, core.Rest)},
		edited("SVC-03", "imgproxy's health check asks for something that it does not have.", unhealthy(core.Imgproxy),
			compose("      test: [\"CMD\", \"imgproxy\", \"health\"]\n      timeout: 5s\n      interval: 5s\n      retries: 3\n", "      test: [\"CMD\", \"wget\", \"-q\", \"--spider\", \"http://localhost:5001/no/such/image\"]\n      timeout: 5s\n      interval: 1s\n      retries: 1\n"), core.Imgproxy),
		edited("GW-10", "Only one of the four new API keys reaches the gateway.", nil,
			compose("      SUPABASE_SECRET_KEY: ${SUPABASE_SECRET_KEY:-}\n      ANON_KEY_ASYMMETRIC", "      SUPABASE_SECRET_KEY: sb_secret_of_the_lab\n      ANON_KEY_ASYMMETRIC"), core.Gateway),
		edited("GW-03", "kong.yml is mounted where Kong reads it, past the script that fills in the keys.",
			answers("/auth/v1/settings", "ANON_KEY", 401, ""),
			compose("./volumes/api/kong.yml:/home/kong/temp.yml:ro", "./volumes/api/kong.yml:/usr/local/kong/kong.yml:ro"), core.Gateway),
		edited("GW-18", "The gateway's configuration lost the route of functions.", nil,
			[]swap{{gatewayConfig, "          - /functions/v1/\n", "          - /functions/v0/\n"}}, core.Gateway),
		{code: "UPG-07", does: "A variable of the compose file is missing in .env, and imgproxy was made without it.", save: saveEnv("IMGPROXY_AUTO_WEBP"),
			apply: loseFromEnv("IMGPROXY_AUTO_WEBP", core.Imgproxy), shows: envLacks("IMGPROXY_AUTO_WEBP="), mend: restoreEnvAnd(core.Imgproxy)},
		{code: "DK-27", does: "A variable of rest was left unresolved by whatever created its container.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.alter(ctx, core.Rest, func(c *container.Config, _ *container.HostConfig) {
					for i, kv := range c.Env {
						if strings.HasPrefix(kv, "PGRST_DB_MAX_ROWS=") {
							c.Env[i] = "PGRST_DB_MAX_ROWS=${PGRST_DB_MAX_ROWS:-${ROWS}}"
						}
					}
				})
			}, shows: containerEnv(core.Rest, "PGRST_DB_MAX_ROWS=${"), mend: remakeAnd(core.Rest)},
		{code: "SVC-01", does: "The container of imgproxy was removed.",
			apply: func(ctx context.Context, b *bench, _ saved) error { return b.remove(ctx, core.Imgproxy) },
			shows: isGone(core.Imgproxy), mend: func(context.Context, *bench, saved) error { return nil }},
	}
}

// signingKeys does the first half of what upstream's add-new-auth-keys.sh asks for.
func signingKeys(ctx context.Context, b *bench, s saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	point, err := key.PublicKey.Bytes() // a 4, and both coordinates of 32 bytes
	if err != nil {
		return err
	}
	private, err := key.Bytes()
	if err != nil {
		return err
	}
	text := base64.RawURLEncoding.EncodeToString
	shared := fmt.Sprintf(`{"kty":"oct","alg":"HS256","k":"%s"}`, text([]byte(env["JWT_SECRET"])))
	public := fmt.Sprintf(`"kty":"EC","crv":"P-256","alg":"ES256","kid":"lab","x":"%s","y":"%s"`, text(point[1:33]), text(point[33:]))
	err = b.setEnv(map[string]string{
		"JWT_KEYS": fmt.Sprintf(`[{%s,"d":"%s"},%s]`, public, text(private), shared),
		"JWT_JWKS": fmt.Sprintf(`{"keys":[{%s},%s]}`, public, shared),
	})
	if err != nil {
		return err
	}
	issuer := "      GOTRUE_JWT_ISSUER: ${API_EXTERNAL_URL}\n"
	if err := b.swapAll(saved{composeFile: s[composeFile]}, []swap{{composeFile, issuer, issuer + "      GOTRUE_JWT_KEYS: ${JWT_KEYS}\n"}}); err != nil {
		return err
	}
	return b.recreateAll(ctx, []core.Service{core.Auth, core.Rest})
}

// loseFromEnv takes a variable out of .env and recreates a service without it.
func loseFromEnv(key string, services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, s saved) error {
		if err := dropFromEnv(key+"=")(ctx, b, s); err != nil {
			return err
		}
		return b.recreateAll(ctx, services)
	}
}

func envLacks(text string) shower {
	return func(_ context.Context, b *bench) (bool, string) {
		data, err := os.ReadFile(b.path(".env"))
		return err == nil && !strings.Contains(string(data), text), ".env lacks " + text
	}
}

// containerEnv waits until a service's container has a variable that begins with
// text.
func containerEnv(s core.Service, text string) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		for _, kv := range c.Config.Env {
			if strings.HasPrefix(kv, text) {
				return c.State.Running, string(s) + " runs with " + text
			}
		}
		return false, string(s) + " does not run with " + text
	}
}

func isGone(s core.Service) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		_, err := b.container(ctx, s)
		return core.CodeOf(err) == core.NotFound && err != nil, string(s) + " has no container"
	}
}
