package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// labImages are the lab's images in the place of a role's.
var labImages = map[core.Service]string{
	core.DB: "postgres:15.8.1.060", core.Auth: "gotrue:v2.196.0", core.Rest: "postgrest:v14.17", core.Gateway: "kong:3.9.3",
	core.Realtime: "realtime:v2.134.10", core.Storage: "storage-api:v1.74.0", core.Imgproxy: "imgproxy:v3.31.4", core.Meta: "postgres-meta:v0.99.0",
	core.Functions: "edge-runtime:v1.76.2", core.Pooler: "supavisor:2.9.12", core.Studio: "studio:2026.09.07-sha-7996410",
	core.Analytics: "logflare:1.43.0", core.Vector: "vector:0.53.0-alpine",
}

// published is a published layout that is brought up with the lab's images.
type published struct {
	layout, golden string
	slow           bool              // only with BASEWRIGHT_TEST_ALL=1
	files          []string          // its compose files, where they are not docker-compose.yml alone
	oidc           bool              // the last entry of kong.yml is a plugin of its own Kong image, which no other Kong has
	network        string            // what follows the project in the name of a network it expects to be there
	env            map[string]string // what its user fills in; %PROJECT% is the project
	sql            map[string]string // files of volumes/db that were others in its day
	more           map[string]string // "CODE service" to the reason why it is true while it runs, besides what lint says
}

// compose are the layout's compose files in a folder.
func (p published) compose(dir string) []string {
	var files []string
	for _, name := range p.files {
		files = append(files, filepath.Join(dir, name))
	}
	if len(files) == 0 {
		return []string{filepath.Join(dir, "docker-compose.yml")}
	}
	return files
}

// logsOf2024 made the schema in the one database there was.
const logsOf2024 = "\\set pguser `echo \"$POSTGRES_USER\"`\n\ncreate schema if not exists _analytics;\nalter schema _analytics owner to :pguser;\n"

var running = map[string]published{
	"2023, without a pooler": {layout: "corpus/hongthaipham-2023", golden: "corpus-hongthaipham", more: map[string]string{
		"AUTH-08 auth":   ".env.example names upstream's placeholder for a mail server and has sign-ups wait for a mail",
		"DK-15 host":     "its compose file leaves logs without a bound",
		"SEC-09 gateway": "its kong.yml is of 2023, when the anon key read the API's description",
		"ST-05 storage":  "the lab's storage is of 2026 and asks for STORAGE_PUBLIC_URL, which files of 2023 do not set",
	}},
	"2024, Caddy and MinIO": {layout: "corpus/nocloud-2024", golden: "corpus-nocloud", slow: true,
		sql: map[string]string{"logs": logsOf2024}, more: map[string]string{
			"AUTH-08 auth":     ".env.example names upstream's placeholder for a mail server and has sign-ups wait for a mail",
			"DK-15 host":       "its compose file leaves logs without a bound",
			"LOG-09 analytics": "its health check is curl without -f",
			"SEC-09 gateway":   "its kong.yml is of 2024, when the anon key read the API's description",
			"ST-05 storage":    "the lab's storage is of 2026 and asks for STORAGE_PUBLIC_URL, which files of 2024 do not set",
			"VEC-04 vector":    "its vector.yml takes every container but itself, and other stacks may be on the engine",
		}},
	"2025, several stacks by an override": {layout: "corpus/andrybicio-2025", golden: "corpus-andrybicio", slow: true,
		files: []string{"docker-compose.yml", "docker-compose.override.yml"}, network: "_nginx_proxy",
		env: map[string]string{"PROJECT_NAME": "%PROJECT%"}, oidc: true, more: map[string]string{
			"AUTH-08 auth":     ".env.example names upstream's placeholder for a mail server and has sign-ups wait for a mail",
			"DK-15 host":       "its compose files leave logs without a bound",
			"LOG-09 analytics": "its health check is curl without -f",
			"SEC-09 gateway":   "its kong.yml is of 2025, when the anon key read the API's description",
			"SEC-14 gateway":   "the plugin that guards its dashboard is cut out, for no other Kong has it",
			"GW-06 realtime":   "its override renames realtime's container, and its kong.yml asks for the old name",
			"ST-05 storage":    "the lab's storage is of 2026 and asks for STORAGE_PUBLIC_URL, which files of 2025 do not set",
			"VEC-04 vector":    "its vector.yml takes every container but itself, and other stacks may be on the engine",
		}},
	"2026, volumes by name and MinIO": {layout: "corpus/easypanel-2026", golden: "corpus-easypanel", slow: true,
		env: map[string]string{"JWT_SECRET": "%SECRET%", "ANON_KEY": "%ANON%", "SERVICE_ROLE_KEY": "%SERVICE%"}, more: map[string]string{
			"DK-15 host":     "its compose file leaves logs without a bound",
			"SEC-09 gateway": "its kong.yml lets the anon key read the API's description",
		}},
}

// settings fills in what the user of a layout has to, and gives Vector the names of
// the containers, which differ from the layout's by the project.
func settings(t *testing.T, dir, project string, p published) {
	t.Helper()
	path := filepath.Join(dir, ".env")
	text, err := os.ReadFile(path)
	must(t, err)
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if key, _, _ := strings.Cut(line, "="); p.env[key] != "" {
			lines[i] = key + "=" + strings.ReplaceAll(p.env[key], "%PROJECT%", project)
		}
	}
	must(t, os.WriteFile(path, []byte(fill(t, strings.Join(lines, "\n"), ".env")), 0o600))
	rewrite(t, filepath.Join(dir, "volumes/logs/vector.yml"), "supabase-", project+"-")
	if p.oidc {
		path = filepath.Join(dir, "volumes/api/kong.yml")
		text, err = os.ReadFile(path)
		must(t, err)
		before, _, found := strings.Cut(string(text), "      - name: oidc\n")
		if !found {
			t.Fatalf("%s has no such plugin", path)
		}
		must(t, os.WriteFile(path, []byte(before), 0o644))
	}
}

// rewrite replaces text in a file, if it is there.
func rewrite(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	must(t, err)
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, new)), 0o644))
}

// outsideNetwork makes a network that a layout expects somebody else to have made.
func outsideNetwork(t *testing.T, h *docker.Host, name string) {
	t.Helper()
	if err := h.Client().NetworkRemove(t.Context(), name); err != nil && !errdefs.IsNotFound(err) { // of a killed run
		t.Fatal(err)
	}
	made, err := h.Client().NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge"})
	must(t, err)
	t.Cleanup(func() {
		if err := h.Client().NetworkRemove(context.WithoutCancel(t.Context()), made.ID); err != nil {
			t.Error(err)
		}
	})
}

// labFiles puts the newest release's SQL, functions and scripts where the test data has none.
func labFiles(t *testing.T, dir string, sql map[string]string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "volumes/db/data"), 0o755)) // empty: the database is made anew
	releases := configs.Releases()
	release, err := configs.Release(releases[len(releases)-1])
	must(t, err)
	names := []string{"volumes/pooler/pooler.exs", "volumes/api/kong-entrypoint.sh", "volumes/functions/main/index.ts", "volumes/functions/hello/index.ts"}
	for _, name := range []string{"realtime", "webhooks", "roles", "jwt", "_supabase", "logs", "pooler"} {
		names = append(names, "volumes/db/"+name+".sql")
	}
	for _, name := range names {
		data, err := fs.ReadFile(release, name)
		must(t, err)
		if text := sql[strings.TrimSuffix(filepath.Base(name), ".sql")]; text != "" {
			data = []byte(text)
		}
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, data, 0o644))
	}
}

// overlays are what a role needs besides the lab's image: no shell, which the
// stand-ins do not have, and what their versions ask for.
var overlays = map[core.Service]string{
	core.Gateway: "    entrypoint: !reset null\n    command: [kong, docker-start]\n",
	// Studio of today listens where HOSTNAME says.
	core.Studio:    "    environment: {HOSTNAME: 0.0.0.0}\n    healthcheck: {test: [CMD, node, -e, \"fetch('http://localhost:3000/api/platform/profile')\"], interval: 5s, timeout: 10s, retries: 12}\n",
	core.Realtime:  "    networks: {default: {aliases: [%NAME%]}}\n    entrypoint: !reset null\n    command: [realtime]\n    environment: {METRICS_JWT_SECRET: \"${JWT_SECRET}\", APP_NAME: realtime, SEED_SELF_HOST: \"true\", RUN_JANITOR: \"true\"}\n    healthcheck: {test: [CMD, tcpcheck, \"127.0.0.1:4000\"], interval: 5s, retries: 12}\n",
	core.Pooler:    "    command: [supavisor]\n",
	core.Functions: "    healthcheck: {test: [CMD, tcpcheck, \"127.0.0.1:9000\"], interval: 5s, retries: 12}\n",
	core.Meta:      "    healthcheck: {start_period: 40s}\n", // the one real Node program: a busy machine takes that long to load it
	// One layout has a restart policy that the engine refuses; two wait for MinIO, which the lab has not.
	core.Storage: "    restart: unless-stopped\n    depends_on: !override {db: {condition: service_healthy}, rest: {condition: service_started}, imgproxy: {condition: service_started}}\n",
}

// mapped writes an overlay that gives each service of a role the lab's image,
// a name of its own and no ports, and leaves out what the lab has no image for.
func mapped(t *testing.T, dir, project string, files []string) string {
	t.Helper()
	c := supabase.Render(t.Context(), supabase.Source{Dir: dir, Project: project, Compose: files})
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	text := "name: " + project + "\nservices:\n"
	for _, s := range c.Services {
		image := labImages[s.Service]
		if image == "" {
			text += "  " + s.Name + ":\n    profiles: [elsewhere]\n"
			continue
		}
		name := s.ContainerName
		if !strings.Contains(name, project) {
			name = strings.ReplaceAll(name, "supabase", project)
		}
		text += "  " + s.Name + ":\n    image: " + imagePrefix() + "/" + image + "\n    container_name: " + name + "\n    ports: !override []\n"
		text += strings.ReplaceAll(overlays[s.Service], "%NAME%", s.ContainerName)
	}
	path := filepath.Join(dir, "docker-compose.lab.yml")
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}
