package supabase

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPlaces wants the line that counts for each part of a service: of several
// files the last, through anchors, merges and lists.
func TestPlaces(t *testing.T) {
	dir := stack(t, map[string]string{
		"a.yml": `x-base: &base
  restart: always
  environment: &env {SHARED: "1"}
services:
  auth:
    <<: *base
    image: supabase/gotrue:v1
    environment:
      <<: *env
      SITE_URL: ${SITE_URL}
    depends_on: [db]
  db:
    image: supabase/postgres:15
    environment:
      - POSTGRES_PASSWORD=${POSTGRES_PASSWORD:-x}
    ports:
      - 127.0.0.1:${PORT:-5432}:5432/tcp
      - target: 9000
    volumes:
      - ${D:-./a:b}:/var/lib/postgresql/data:Z
      - type: bind
        source: ./x
        target: /x
`,
		"b.yml": "include: [c.yml]\nservices:\n  auth:\n    container_name: ${INSTANCE_ID}-auth\n    image: supabase/gotrue:v2\n",
		"c.yml": "services:\n  mail:\n    image: mail:1\n",
	})
	c := Render(t.Context(), Source{Dir: dir, Compose: []string{filepath.Join(dir, "a.yml"), filepath.Join(dir, "b.yml")}, Project: "shop"})
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	for path, want := range map[string]string{
		"auth":                                "file:b.yml:3",
		"auth/image":                          "file:b.yml:5",
		"auth/restart":                        "file:a.yml:2",
		"auth/environment/SITE_URL":           "file:a.yml:10",
		"auth/environment/SHARED":             "file:a.yml:3",
		"auth/environment/ELSEWHERE":          "file:a.yml:8",
		"auth/depends_on/db":                  "file:a.yml:11",
		"db/environment/POSTGRES_PASSWORD":    "file:a.yml:15",
		"db/ports/5432":                       "file:a.yml:17",
		"db/ports/9000":                       "file:a.yml:18",
		"db/volumes//var/lib/postgresql/data": "file:a.yml:20",
		"db/volumes//x":                       "file:a.yml:21",
		"mail/image":                          "file:c.yml:3",
		"${SITE_URL}":                         "file:a.yml:10",
		"gone":                                "compose",
	} {
		if got := c.Place(strings.Split(path, "/")...); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
	if !slices.Equal(c.Unset, []string{"INSTANCE_ID", "SITE_URL"}) || !slices.Equal(c.Structure, []string{"INSTANCE_ID"}) {
		t.Errorf("unset are %q, of which %q shape the project", c.Unset, c.Structure)
	}
}

// TestSpareServices wants to know which services are not meant to run on.
func TestSpareServices(t *testing.T) {
	files := map[string]string{
		"compose.yml": `services:
  kong: {image: kong:2.8.1, profiles: [disabled]}
  api-gw: {image: 'envoyproxy/envoy:v1.39.1', networks: {default: {aliases: [kong, envoy]}}, entrypoint: [/bin/sh, x.sh], command: [-c, y]}
  vector: {image: 'timberio/vector:0.53.0', profiles: [logs]}
  pooler: {image: 'supabase/supavisor:2', scale: 0}
  init: {image: 'supabase/postgres:15'}
  db: {image: 'supabase/postgres:15', depends_on: {init: {condition: service_completed_successfully}}}
`,
		".env": "COMPOSE_PROFILES=logs, other\n",
	}
	c := Render(t.Context(), Source{Dir: stack(t, files), Project: "shop"})
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	var spare []string
	for _, s := range c.Services {
		if s.Optional || s.Job {
			spare = append(spare, s.Name)
		}
		if s.Name == "api-gw" && (!slices.Equal(s.Aliases, []string{"envoy", "kong"}) || !slices.Equal(s.Command, []string{"/bin/sh", "x.sh", "-c", "y"})) {
			t.Errorf("%+v", s)
		}
	}
	if !slices.Equal(spare, []string{"init", "kong", "pooler"}) {
		t.Errorf("not meant to run: %q", spare)
	}
}

func TestFilesOf(t *testing.T) {
	for label, want := range map[string]string{
		"":                                  "",
		"/srv/a/docker-compose.yml":         "/srv/a/docker-compose.yml",
		"/srv/a/c.yml,/srv/a/d.yaml":        "/srv/a/c.yml|/srv/a/d.yaml",
		"/srv/a,b/c.yml,/srv/a,b/d.yml":     "/srv/a,b/c.yml|/srv/a,b/d.yml",
		"/srv/a/c.yml,d.yml,":               "/srv/a/c.yml|d.yml",
		"/srv/a/compose,/srv/a/overlay":     "/srv/a/compose|/srv/a/overlay",
		"/srv/it, is/a.yml,/srv/it, is/b,c": "/srv/it, is/a.yml|/srv/it, is/b,c",
	} {
		if got := strings.Join(FilesOf(label), "|"); got != want {
			t.Errorf("%q is %q, want %q", label, got, want)
		}
	}
}

// TestPairedEnv wants the .env-ID of one of several stacks in a folder, also
// when the folder has an .env.
func TestPairedEnv(t *testing.T) {
	dir := stack(t, map[string]string{"docker-compose-a.yml": "services: {db: {image: '${TAG}'}}\n", ".env-a": "TAG=a\n", ".env": "TAG=other\n", "docker-compose-b.yml": ""})
	at := func(name string) []string { return []string{filepath.Join(dir, name)} }
	if got := PairedEnv(dir, at("docker-compose-a.yml")); got != ".env-a" {
		t.Errorf("got %q", got)
	}
	for name, files := range map[string][]string{"half a pair": at("docker-compose-b.yml"), "none": nil, "several": append(at("docker-compose-a.yml"), dir+"/x.yml"), "elsewhere": {"/srv/docker-compose-a.yml"}} {
		if got := PairedEnv(dir, files); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	c := Render(t.Context(), Source{Dir: dir, Compose: at("docker-compose-a.yml"), Env: filepath.Join(dir, ".env-a"), Project: "x"})
	if c.Err != nil || c.Services[0].Image != "a" {
		t.Errorf("%+v", c)
	}
}

func TestEnvKeys(t *testing.T) {
	if !slices.IsSorted(envKeys) || !EnvKey("POSTGRES_PASSWORD") || EnvKey("MFA_ENABLED") || EnvKey("") {
		t.Error("the list is not sorted, or not right")
	}
}
