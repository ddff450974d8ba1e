package checks

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// scene is a healthy stack of every service, with its files and what its
// database answers, to be spoiled by a row.
type scene struct {
	core.Inspector // what a rule must not use is nil
	o              *core.Observation
	files          map[string]string // "" is a directory
	modes          map[string]fs.FileMode
	rows           [][]string
}

func (s *scene) ReadFile(_ context.Context, name string) (core.File, error) {
	text, ok := s.files[name]
	switch {
	case !ok:
		return core.File{}, fmt.Errorf("read %s: %w", name, fs.ErrNotExist)
	case text == "":
		return core.File{}, core.Errorf(core.Invalid, "%s is not a plain file", name)
	}
	mode := fs.FileMode(0o644)
	if m, ok := s.modes[name]; ok {
		mode = m
	}
	return core.File{Name: name, Data: []byte(text), Mode: mode}, nil
}

// Query gives the first question all rows, since a clue does not say where it
// came from.
func (s *scene) Query(_ context.Context, _, sql string) ([][]string, error) {
	if !strings.Contains(sql, schemaSQL) {
		return nil, nil
	}
	return s.rows, nil
}

const secret32 = "0123456789abcdef0123456789abcdef"

var sceneImages = map[core.Service]string{
	core.DB: "supabase/postgres:15.8.1.060", core.Auth: "supabase/gotrue:v2.196.0", core.Rest: "postgrest/postgrest:v14.17",
	core.Gateway: "kong/kong:3.9.3", core.Realtime: "supabase/realtime:v2.134.10", core.Storage: "supabase/storage-api:v1.74.0",
	core.Imgproxy: "darthsim/imgproxy:v3.31.4", core.Meta: "supabase/postgres-meta:v0.99.0", core.Functions: "supabase/edge-runtime:v1.76.2",
	core.Pooler: "supabase/supavisor:2.9.12", core.Analytics: "supabase/logflare:1.43.0", core.Vector: "timberio/vector:0.53.0-alpine",
	core.Studio: "supabase/studio:2026.09.07-sha-7996410",
}

func sceneEnv(anon, service core.Secret) map[core.Service]map[string]core.Secret {
	return map[core.Service]map[string]core.Secret{
		core.Auth:      {"GOTRUE_JWT_SECRET": secret32 + "x", "API_EXTERNAL_URL": "https://api.shop.com/auth/v1", "GOTRUE_SITE_URL": "https://shop.com"},
		core.Rest:      {"PGRST_DB_SCHEMAS": "public,graphql_public", "PGRST_JWT_SECRET": secret32 + "x"},
		core.Gateway:   {"SUPABASE_ANON_KEY": anon, "SUPABASE_SERVICE_KEY": service, "KONG_DECLARATIVE_CONFIG": "/usr/local/kong/kong.yml", "JWT_ISSUER": "https://api.shop.com/auth/v1"},
		core.Realtime:  {"DB_ENC_KEY": "0123456789abcdef", "SECRET_KEY_BASE": secret32 + secret32, "METRICS_JWT_SECRET": "m"},
		core.Storage:   {"ANON_KEY": anon, "SERVICE_KEY": service, "STORAGE_BACKEND": "file", "FILE_STORAGE_BACKEND_PATH": "/var/lib/storage", "ENABLE_IMAGE_TRANSFORMATION": "true", "STORAGE_PUBLIC_URL": "https://api.shop.com"},
		core.Meta:      {"PG_META_DB_USER": "postgres", "CRYPTO_KEY": secret32},
		core.Functions: {"VERIFY_JWT": "true", "SUPABASE_URL": "http://kong:8000"},
		core.Pooler:    {"VAULT_ENC_KEY": secret32, "POSTGRES_HOST": "db", "POOLER_TENANT_ID": "shop"},
		core.Analytics: {"LOGFLARE_PUBLIC_ACCESS_TOKEN": "t", "DB_PASSWORD": "hunter2", "POSTGRES_BACKEND_URL": "postgresql://supabase_admin:hunter2@db:5432/_supabase"},
		core.Vector:    {"LOGFLARE_PUBLIC_ACCESS_TOKEN": "t", "DOCKER_HOST": "tcp://socket-proxy:2375"},
		core.Studio:    {"PG_META_CRYPTO_KEY": secret32, "SUPABASE_URL": "http://kong:8000"},
	}
}

var sceneMounts = map[core.Service][]core.Mount{
	core.DB:        {{Type: "bind", Source: "/srv/shop/volumes/db/data", Target: "/var/lib/postgresql/data"}, {Type: "bind", Source: "/srv/shop/volumes/db/roles.sql", Target: "/docker-entrypoint-initdb.d/99-roles.sql"}},
	core.Gateway:   {{Type: "bind", Source: "/srv/shop/volumes/api/kong.yml", Target: "/home/kong/temp.yml"}},
	core.Storage:   {{Type: "bind", Source: "/srv/shop/volumes/storage", Target: "/var/lib/storage"}},
	core.Imgproxy:  {{Type: "bind", Source: "/srv/shop/volumes/storage", Target: "/var/lib/storage"}},
	core.Functions: {{Type: "bind", Source: "/srv/shop/volumes/functions", Target: "/home/deno/functions"}},
	core.Vector:    {{Type: "bind", Source: "/srv/shop/volumes/logs/vector.yml", Target: "/etc/vector/vector.yml"}},
}

func newScene(t *testing.T) *scene {
	t.Helper()
	anon, err := supabase.MintKey("anon", secret32+"x", now)
	if err != nil {
		t.Fatal(err)
	}
	service, _ := supabase.MintKey("service_role", secret32+"x", now)
	s := &scene{o: &core.Observation{At: now, Instance: core.Instance{ID: "shop", Project: "shop", Dir: "/srv/shop"}, Host: core.HostFacts{Local: true, Projects: 1, EngineVersion: "28.0.1"}}}
	s.files = map[string]string{
		"docker-compose.yml": "services: {}\n", ".env": "A=1\n", "volumes/api/kong.yml": "key: $SUPABASE_ANON_KEY\n", "volumes/functions/main/index.ts": "serve()",
		"volumes/logs/vector.yml": "transforms:\n  route:\n    kong: '.appname == \"shop-kong\"'\nx-api-key: ${LOGFLARE_PUBLIC_ACCESS_TOKEN}\nsources:\n  logs:\n    type: docker_logs\n", "volumes/db/data/PG_VERSION": "15\n", "volumes/db/roles.sql": "--",
	}
	s.modes = map[string]fs.FileMode{}
	envs := sceneEnv(anon, service)
	for i, role := range core.Services {
		c := core.Container{
			ID: "id-" + string(role), Name: "shop-" + string(role), Service: role, ComposeService: string(role), Image: sceneImages[role], State: "running", Health: "healthy",
			StartedAt: now.Add(-time.Hour), Env: map[string]core.Secret{}, Labels: map[string]string{}, LogDriver: "json-file", LogMaxSize: "10m", Mounts: slices.Clone(sceneMounts[role]),
			Networks: []core.Endpoint{{Network: "shop_default", IP: fmt.Sprintf("172.20.0.%d", i+2), Aliases: []string{string(role)}}},
		}
		if role == core.Gateway {
			c.Name, c.Networks[0].Aliases = "shop-kong", []string{"kong"}
		}
		if role == core.Functions {
			c.Command = []string{"start", "--main-service", "/home/deno/functions/main"}
		}
		d := core.ComposeService{Name: string(role), Service: role, Image: c.Image, ContainerName: c.Name, Env: map[string]core.Secret{}, DependsOn: map[string]string{}, Mounts: slices.Clone(c.Mounts)}
		for k, v := range envs[role] {
			c.Env[k], d.Env[k] = v, v
		}
		s.o.Containers, s.o.Compose.Services = append(s.o.Containers, c), append(s.o.Compose.Services, d)
	}
	s.dotenv("SUPABASE_PUBLIC_URL", "https://api.shop.com")
	s.rows = [][]string{{"schemas", "public", "", ""}}
	return s
}

func (s *scene) container(role core.Service) *core.Container {
	return &s.o.Containers[slices.IndexFunc(s.o.Containers, func(c core.Container) bool { return c.Service == role })]
}

func (s *scene) declared(role core.Service) *core.ComposeService {
	return &s.o.Compose.Services[slices.IndexFunc(s.o.Compose.Services, func(c core.ComposeService) bool { return c.Service == role })]
}

// env sets a variable in a container and in the files.
func (s *scene) env(role core.Service, key, v string) {
	s.container(role).Env[key], s.declared(role).Env[key] = core.Secret(v), core.Secret(v)
}

func (s *scene) dotenv(key, v string) {
	s.o.Env.Vars = append(s.o.Env.Vars, core.EnvVar{Key: key, Value: core.Secret(v), Line: len(s.o.Env.Vars) + 1})
}

func (s *scene) image(role core.Service, image string) {
	s.container(role).Image, s.declared(role).Image = image, image
}

func (s *scene) port(role core.Service, ip string, host, inside int) {
	s.container(role).Ports = append(s.container(role).Ports, core.Port{HostIP: ip, HostPort: host, ContainerPort: inside, Proto: "tcp"})
}

// logs has a running service say something.
func (s *scene) logs(role core.Service, text string) {
	s.container(role).Logs = []core.LogLine{{At: now.Add(-time.Minute), Text: text}}
}

// dies has a service end with last words.
func (s *scene) dies(role core.Service, text string) {
	c := s.container(role)
	c.State, c.StartedAt, c.Logs = "restarting", now.Add(-time.Second), []core.LogLine{{At: now, Text: text}}
}

func (s *scene) sql(row ...string) {
	for len(row) < 4 {
		row = append(row, "")
	}
	s.rows = append(s.rows, row)
}

// rulesOf are the checkers whose rows are in TestRules.
func rulesOf() []core.Checker {
	return slices.DeleteFunc(All(), func(c core.Checker) bool {
		mine := strings.HasPrefix(c.ID, "security.") && c.ID != "security.mcp" || strings.HasPrefix(c.ID, "isolation.") || strings.HasPrefix(c.ID, "configuration.") && c.ID != "configuration.environment"
		return !mine && c.ID != "database.catalog" && c.ID != "logs.known"
	})
}

// told runs the rules and lists what they find, each as "CODE service".
func (s *scene) told(t *testing.T) []string {
	t.Helper()
	got := []string{}
	for _, c := range rulesOf() {
		found, err := c.Check(t.Context(), core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")})
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		for _, f := range found {
			text := fmt.Sprintf("%+v", f)
			if len(f.Evidence) == 0 || f.Title == "" || f.Severity == "" || f.Explanation == "" || strings.Contains(text, secret32) || strings.Contains(text, "hunter2") {
				t.Errorf("%s lacks proof or words, or shows a secret: %+v", f.Code, f)
			}
			got = append(got, f.Code+" "+string(f.Service))
		}
	}
	slices.Sort(got)
	return slices.Compact(got)
}
