package checks

import "github.com/basewright/basewright/core"

var settingRows = []ruleRow{
	{"POOL-03 pooler", func(s *scene) { s.env(core.Pooler, "VAULT_ENC_KEY", "short") }, func(s *scene) { s.env(core.Pooler, "VAULT_ENC_KEY", "") }},
	{"RT-03 realtime", func(s *scene) { s.env(core.Realtime, "DB_ENC_KEY", "short") }, func(s *scene) { s.env(core.Realtime, "DB_ENC_KEY", "") }},
	{"RT-07 realtime", func(s *scene) {
		delete(s.container(core.Realtime).Env, "METRICS_JWT_SECRET")
		s.container(core.Realtime).State = "restarting"
	}, func(s *scene) { delete(s.container(core.Realtime).Env, "METRICS_JWT_SECRET") }},
	{"RT-08 realtime", func(s *scene) {
		s.env(core.Realtime, "SECRET_KEY_BASE", "short")
		s.container(core.Realtime).State = "restarting"
	}, func(s *scene) { s.env(core.Realtime, "SECRET_KEY_BASE", "short") }},
	{"PG-02 db", func(s *scene) {
		s.dotenv("POSTGRES_PASSWORD", "p@ss")
		s.env(core.Auth, "GOTRUE_DB_DATABASE_URL", "postgres://supabase_auth_admin:p@ss@db:5432/postgres")
	}, func(s *scene) { s.dotenv("POSTGRES_PASSWORD", "p@ss") }},
	{"FN-01 functions", func(s *scene) { delete(s.files, "volumes/functions/main/index.ts") }, func(s *scene) {
		delete(s.files, "volumes/functions/main/index.ts")
		s.files["volumes/functions/main/index.js"] = "serve()"
	}},
	{"AUTH-13 auth", func(s *scene) { s.env(core.Auth, "GOTRUE_JWT_KEYS", `[{"kty":"EC"}]`) }, func(s *scene) {
		s.env(core.Auth, "GOTRUE_JWT_KEYS", `[{"kty":"EC"}]`)
		for role, key := range map[core.Service]string{core.Rest: "PGRST_JWT_SECRET", core.Realtime: "API_JWT_JWKS", core.Storage: "JWT_JWKS", core.Functions: "SUPABASE_JWKS"} {
			s.env(role, key, `{"keys":[]}`)
		}
	}},
	{"META-01 studio", func(s *scene) { s.env(core.Meta, "CRYPTO_KEY", "other") }, func(s *scene) { s.env(core.Meta, "CRYPTO_KEY", "") }},
	{"IMG-01 imgproxy", func(s *scene) { s.container(core.Imgproxy).Mounts[0].Source = "/srv/other" }, func(s *scene) {
		s.container(core.Imgproxy).Mounts[0].Source = "/srv/other"
		s.env(core.Storage, "STORAGE_BACKEND", "s3")
	}},
	{"ST-05 storage", func(s *scene) { s.env(core.Storage, "STORAGE_PUBLIC_URL", "") }, func(s *scene) {
		s.env(core.Storage, "STORAGE_PUBLIC_URL", "")
		s.image(core.Storage, "supabase/storage-api:v1.25.7")
	}},
	{"ST-12 storage", func(s *scene) { s.declared(core.Storage).Env["STORAGE_BACKEND"] = "s3" }, nil},
	{"GW-01 gateway", func(s *scene) { s.files["volumes/api/kong.yml"] = "services:\n  - a: \"x\"/y\n" }, func(s *scene) { s.files["volumes/api/kong.yml"] = "services:\n  - a: \"x/y\"\n" }},
	{"GW-01 gateway", func(s *scene) { // valid only without its quotes
		s.files["volumes/api/kong.yml"] = "services:\n  - a: \"$SUPABASE_ANON_KEY\"/y\n"
		s.container(core.Gateway).Command = []string{"bash", "-c", `eval "echo \"$(cat ~/temp.yml)\"" > ~/kong.yml`}
	}, nil},
	{"GW-01 gateway", func(s *scene) {
		s.files["volumes/api/kong.yml"] = "plugins:\n  - name: oidc\n"
		s.env(core.Gateway, "KONG_PLUGINS", "cors, acl")
		s.container(core.Gateway).State = "restarting"
	}, func(s *scene) {
		s.files["volumes/api/kong.yml"] = "plugins:\n  - name: acl\n"
		s.env(core.Gateway, "KONG_PLUGINS", "cors, acl")
	}},
	{"GW-06 gateway", func(s *scene) {
		s.o.Containers = nil
		s.files["volumes/api/kong.yml"] = "services: [{url: 'http://supabase-auth:9999'}]\n"
	}, func(s *scene) {
		s.o.Containers = nil
		s.files["volumes/api/kong.yml"] = "services: [{url: 'http://auth:9999'}, {url: 'http://n8n:5678'}, {url: 'http://supabase-auth.lan'}]\n"
	}},
	{"GW-03 gateway", func(s *scene) { s.container(core.Gateway).Mounts[0].Target = "/usr/local/kong/kong.yml" }, func(s *scene) {
		s.container(core.Gateway).Mounts[0].Target = "/usr/local/kong/kong.yml"
		s.files["volumes/api/kong.yml"] = "# $SUPABASE_ANON_KEY\nservices: []\n"
	}},
	{"GW-09 gateway", func(s *scene) { s.image(core.Gateway, "envoyproxy/envoy:v1.39.1") }, nil},
	{"GW-10 gateway", func(s *scene) { s.env(core.Gateway, "SUPABASE_SECRET_KEY", "sb_secret_x") }, func(s *scene) {
		for _, k := range newKeys {
			s.env(core.Gateway, k, "x")
		}
	}},
	{"UPG-03 functions", func(s *scene) {
		s.container(core.Gateway).Networks[0].Aliases = []string{"api-gw"}
		s.env(core.Studio, "SUPABASE_URL", "http://api-gw:8000")
	}, nil},
}
