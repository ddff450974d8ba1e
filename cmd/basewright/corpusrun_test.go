package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

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

// running are published layouts that are brought up with the lab's images, and
// what is true of them then besides what lint says.
var running = map[string]struct {
	layout, golden string
	more           map[string]string // "CODE service" to the reason
}{
	"2023, without a pooler": {"corpus/hongthaipham-2023", "corpus-hongthaipham", map[string]string{
		"AUTH-08 auth":   ".env.example names upstream's placeholder for a mail server and has sign-ups wait for a mail",
		"DK-15 host":     "its compose file leaves logs without a bound",
		"SEC-09 gateway": "its kong.yml is of 2023, when the anon key read the API's description",
		"ST-05 storage":  "the lab's storage is of 2026 and asks for STORAGE_PUBLIC_URL, which files of 2023 do not set",
	}},
}

// TestCorpusRuns brings published layouts up and wants doctor to say nothing of
// them that is not true.
func TestCorpusRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker Engine; left out by -short")
	}
	h, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Skip(err)
	}
	defer h.Close()
	if out, err := exec.Command("go", "run", "../lab", "images").CombinedOutput(); err != nil {
		t.Fatalf("lab images: %v\n%s", err, out)
	}
	for name, tt := range running {
		t.Run(name, func(t *testing.T) {
			dir := layout(t, tt.layout)
			labFiles(t, dir)
			completeMounts(t, dir, nil)
			project := cmp.Or(os.Getenv("BASEWRIGHT_TEST_PREFIX"), "test") + "-corpus"
			files := []string{filepath.Join(dir, "docker-compose.yml"), mapped(t, dir, project)}
			t.Cleanup(func() {
				if err := h.Down(context.WithoutCancel(t.Context()), project, true); err != nil {
					t.Error(err)
				}
			})
			err := h.Up(t.Context(), dir, project, files, 3*time.Minute)
			for try := 0; err != nil && try < 3; try++ { // a slow machine needs longer than their health checks wait
				err = h.Up(t.Context(), dir, project, files, 3*time.Minute)
			}
			if err != nil {
				said, _ := theDoctor(t, project)
				t.Fatalf("%v\n%s", err, said)
			}
			known := readGolden(t, filepath.Join("testdata/golden", tt.golden+".txt")).want
			untrue := untold(t, project, known, tt.more)
			for end := time.Now().Add(time.Minute); len(untrue) > 0 && time.Now().Before(end); {
				untrue = untold(t, project, known, tt.more) // services without a health check were still starting
			}
			for _, what := range untrue {
				t.Errorf("%s: is it true?", what)
			}
			adopts(t, h, project, dir)
		})
	}
}

// adopts adopts a project and wants nothing of it touched: no file, and no container
// as the engine describes it.
func adopts(t *testing.T, h *docker.Host, project, dir string) {
	t.Helper()
	t.Setenv("BASEWRIGHT_DATA", filepath.Join(t.TempDir(), "data"))
	before := untouchable(t, h, project, dir)
	for _, args := range [][]string{{"instance", "adopt", project}, {"doctor", project}, {"instance", "audit"}, {"instance", "show", project}} {
		var b bytes.Buffer
		if code := run(t.Context(), args, console{out: &b, err: &b, in: strings.NewReader("")}); code == exitNoSight {
			t.Fatalf("%q: %s", args, b.String())
		}
	}
	after := untouchable(t, h, project, dir)
	for what, was := range before {
		if after[what] != was {
			t.Errorf("adopting changed %s:\nbefore %s\nafter  %s", what, was, after[what])
		}
	}
	if len(before) < 15 || len(after) != len(before) {
		t.Errorf("%d things were looked at, then %d", len(before), len(after))
	}
}

// untouchable is docker inspect of every container, but for what its health check
// wrote, and mode, time and size of every file outside of the data.
func untouchable(t *testing.T, h *docker.Host, project, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	list, err := h.Client().ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+project))})
	must(t, err)
	for _, c := range list {
		in, err := h.Client().ContainerInspect(t.Context(), c.ID)
		must(t, err)
		in.State.Health, in.ExecIDs = nil, nil
		slices.SortFunc(in.Mounts, func(a, b container.MountPoint) int { return cmp.Compare(a.Destination, b.Destination) }) // which come in any order
		text, err := json.Marshal(in)
		must(t, err)
		all["container "+in.Name] = string(text)
	}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/volumes/db/data/") || strings.Contains(path, "/volumes/storage/") {
			return err
		}
		info, err := d.Info()
		all["file "+path] = fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		return err
	}))
	return all
}

// untold lists what doctor finds, or cannot look at, and nobody gave a reason for.
func untold(t *testing.T, project string, known, more map[string]string) []string {
	t.Helper()
	out, code := theDoctor(t, project)
	var said struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &said); err != nil || len(said.Diagnoses) != 1 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	var untrue []string
	for _, f := range said.Diagnoses[0].Findings {
		if known[fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Service)] == "" && more[f.Code+" "+string(f.Service)] == "" {
			untrue = append(untrue, fmt.Sprintf("%s %s %q %v", f.Code, f.Service, f.Title, f.Evidence))
		}
	}
	for _, u := range said.Diagnoses[0].Unknowns {
		untrue = append(untrue, fmt.Sprintf("could not look: %v", u))
	}
	return untrue
}

// theDoctor runs the program on one project.
func theDoctor(t *testing.T, project string) (string, int) {
	t.Helper()
	t.Setenv("BASEWRIGHT_DATA", filepath.Join(t.TempDir(), "data"))
	var b bytes.Buffer
	code := run(t.Context(), []string{"doctor", project, "--output", "json"}, console{out: &b, err: &b, in: strings.NewReader("")})
	return b.String(), code
}

// labFiles puts the lab's SQL and functions where the test data has none.
func labFiles(t *testing.T, dir string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "volumes/db/data"), 0o755)) // empty: the database is made anew
	releases := configs.Releases()
	release, err := configs.Release(releases[len(releases)-1])
	must(t, err)
	for _, name := range []string{"realtime", "webhooks", "roles", "jwt", "_supabase", "logs", "pooler"} {
		data, err := fs.ReadFile(release, "volumes/db/"+name+".sql")
		must(t, err)
		path := filepath.Join(dir, "volumes/db", name+".sql")
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, data, 0o644))
	}
}

// mapped writes an overlay that gives each service of a role the lab's image,
// a name and ports of its own, and no shell, which the stand-ins do not have.
func mapped(t *testing.T, dir, project string) string {
	t.Helper()
	prefix := cmp.Or(os.Getenv("LAB_PREFIX"), "basewright-lab")
	c := supabase.Render(t.Context(), supabase.Source{Dir: dir, Project: project, Compose: []string{filepath.Join(dir, "docker-compose.yml")}})
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	text := "name: " + project + "\nservices:\n"
	for _, s := range c.Services {
		image := labImages[s.Service]
		if image == "" {
			continue
		}
		text += "  " + s.Name + ":\n    image: " + prefix + "/" + image + "\n    container_name: " + strings.ReplaceAll(s.ContainerName, "supabase", project) + "\n    ports: !override []\n"
		if s.Service == core.Gateway {
			text += "    entrypoint: !reset null\n    command: [kong, docker-start]\n"
		}
		if s.Service == core.Studio { // Studio of today listens where HOSTNAME says
			text += "    environment: {HOSTNAME: 0.0.0.0}\n    healthcheck: {test: [CMD, node, -e, \"fetch('http://localhost:3000/api/platform/profile')\"], interval: 5s, timeout: 10s, retries: 12}\n"
		}
		if s.Service == core.Realtime {
			text += "    networks: {default: {aliases: [" + s.ContainerName + "]}}\n    entrypoint: !reset null\n    command: [realtime]\n    environment: {METRICS_JWT_SECRET: \"${JWT_SECRET}\", APP_NAME: realtime, SEED_SELF_HOST: \"true\", RUN_JANITOR: \"true\"}\n    healthcheck: {test: [CMD, tcpcheck, \"127.0.0.1:4000\"], interval: 5s, retries: 12}\n"
		}
	}
	path := filepath.Join(dir, "docker-compose.lab.yml")
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}
