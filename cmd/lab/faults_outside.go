package main

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

// outsideFaults are those of ports, URLs, keys and images: of what the stack is
// to the world around it.
func outsideFaults() []fault {
	compose := func(old, new string) []swap { return []swap{{composeFile, old, new}} }
	return []fault{
		edited("SEC-05", "imgproxy, which only storage needs, is published on every address.", publishedOn(core.Imgproxy, "0.0.0.0"),
			compose("  imgproxy:\n    <<: *lab\n", "  imgproxy:\n    <<: *lab\n    ports: [\"5001\"]\n"), core.Imgproxy),
		edited("SEC-07", "Studio is published past the gateway.", publishedOn(core.Studio, "0.0.0.0"),
			compose("  studio:\n    <<: *lab\n", "  studio:\n    <<: *lab\n    ports: [\"3000\"]\n"), core.Studio),
		edited("SEC-11", "The gateway's admin port is published.", publishedOn(core.Gateway, "0.0.0.0"),
			compose("      - 127.0.0.1:${KONG_HTTP_PORT}:8000/tcp\n", "      - 127.0.0.1:${KONG_HTTP_PORT}:8000/tcp\n      - \"8001\"\n"), core.Gateway),
		{code: "SEC-06", does: "The gateway is published on every address, and the public URL is plain HTTP.", save: saveFiles(composeFile, ".env"),
			apply: func(ctx context.Context, b *bench, s saved) error {
				if err := b.swapAll(s, compose("- 127.0.0.1:${KONG_HTTP_PORT}:8000/tcp", "- ${KONG_HTTP_PORT}:8000/tcp")); err != nil {
					return err
				}
				return b.moveTo(ctx, "http://api.shop.com", "http://api.shop.com/auth/v1", "http://shop.com")
			}, shows: publishedOn(core.Gateway, "0.0.0.0"), mend: writeBackAnd()},
		urls("AUTH-07", "The public URL names a port that the gateway does not publish.", "http://localhost:1", "", ""),
		urls("AUTH-14", "Sign-ins end on localhost, and the stack has a public name.", "https://api.shop.com", "https://api.shop.com/auth/v1", ""),

		keys("REST-03", "Both API keys have expired.", func(m minter) (string, string) {
			return m("anon", "supabase", -6*year), m("service_role", "supabase", -6*year)
		}),
		keys("SEC-03", "The API keys end in a month.", func(m minter) (string, string) {
			return m("anon", "supabase", -5*year+30*24*time.Hour), m("service_role", "supabase", -5*year+30*24*time.Hour)
		}),
		keys("SEC-19", "The two API keys were swapped.", func(m minter) (string, string) {
			return m("service_role", "supabase", 0), m("anon", "supabase", 0)
		}),

		tagged("SEC-18", "Auth is older than the last release with security fixes.", core.Auth, "gotrue", "v2.184.0"),
		tagged("STU-02", "Studio is one of the releases with a known hole.", core.Studio, "studio", "2025.12.09-sha-434634f"),
		tagged("UPG-09", "postgres-meta is years older than the other images.", core.Meta, "postgres-meta", "v0.79.5"),
	}
}

const year = 365 * 24 * time.Hour

// moveTo gives the stack other URLs, as after a move to another name.
func (b *bench) moveTo(ctx context.Context, public, external, site string) error {
	values := map[string]string{}
	for key, v := range map[string]string{"SUPABASE_PUBLIC_URL": public, "API_EXTERNAL_URL": external, "SITE_URL": site} {
		if v != "" {
			values[key] = v
		}
	}
	if err := b.setEnv(values); err != nil {
		return err
	}
	return b.up(ctx)
}

// urls is a fault of the URLs; one that is empty stays.
func urls(code, does, public, external, site string) fault {
	return fault{code: code, does: does, save: saveEnv("SUPABASE_PUBLIC_URL", "API_EXTERNAL_URL", "SITE_URL"),
		apply: func(ctx context.Context, b *bench, _ saved) error { return b.moveTo(ctx, public, external, site) },
		shows: envHolds("SUPABASE_PUBLIC_URL=" + public), mend: restoreEnvAnd()}
}

// minter signs a key of a role and an issuer with the stack's own secret, as if
// it had been made some time from now.
type minter func(role, issuer string, from time.Duration) string

// keys is a fault of both API keys, which every service is then given. A repair
// may make a new secret, too.
func keys(code, does string, make func(minter) (anon, service string)) fault {
	return fault{code: code, does: does, save: saveEnv("JWT_SECRET", "ANON_KEY", "SERVICE_ROLE_KEY"), shows: gatewayHasKeys, mend: restoreEnvAnd(),
		apply: func(ctx context.Context, b *bench, _ saved) error {
			env, err := b.env()
			if err != nil {
				return err
			}
			anon, service := make(func(role, issuer string, from time.Duration) string {
				return signed(env["JWT_SECRET"], role, issuer, time.Now().Add(from))
			})
			if err := b.setEnv(map[string]string{"ANON_KEY": anon, "SERVICE_ROLE_KEY": service}); err != nil {
				return err
			}
			return ignoreStart(b.up(ctx))
		}}
}

// gatewayHasKeys waits until the gateway runs with the key of .env.
func gatewayHasKeys(ctx context.Context, b *bench) (bool, string) {
	env, err := b.env()
	if err != nil {
		return false, err.Error()
	}
	done, _ := containerEnv(core.Gateway, "SUPABASE_ANON_KEY="+env["ANON_KEY"])(ctx, b)
	return done, "the gateway has the key of .env"
}

// tagged is a fault of a service's image: an older tag, under which the lab's
// own image stands in for the original.
func tagged(code, does string, s core.Service, name, tag string) fault {
	key := imageVariable(name)
	ref := func(b *bench) string { return b.lab.prefix + "/" + name + ":" + tag }
	f := environOf(code, does, nil, func(b *bench) (map[string]string, error) { return map[string]string{key: ref(b)}, nil }, s)
	apply, mend := f.apply, f.mend
	f.apply = func(ctx context.Context, b *bench, s saved) error {
		if err := b.api.ImageTag(ctx, b.lab.imageOf(name), ref(b)); err != nil {
			return fmt.Errorf("tag the image of %s: %w", name, err)
		}
		return apply(ctx, b, s)
	}
	f.mend = func(ctx context.Context, b *bench, s saved) error {
		if err := mend(ctx, b, s); err != nil {
			return err
		}
		// Another stack may still run it.
		if _, err := b.api.ImageRemove(ctx, ref(b), image.RemoveOptions{}); err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
			return err
		}
		return nil
	}
	return f
}

// signed is an API key as upstream signs them, of any issuer and age.
func signed(secret, role, issuer string, at time.Time) string {
	claims := jwt.MapClaims{"role": role, "iss": issuer, "iat": at.Unix(), "exp": at.Add(5 * year).Unix()}
	key, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		panic(err) // HS256 takes any secret
	}
	return key
}
