package supabase

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/basewright/basewright/core"
)

const composeYAML = `
name: shop
services:
  auth:
    image: ${PREFIX:-supabase}/gotrue:v2.196.0
    depends_on: {db: {condition: service_healthy}}
    environment:
      GOTRUE_JWT_SECRET: ${JWT_SECRET}
      GOTRUE_SITE_URL: ${SITE_URL:-http://localhost:${PORT}}
      PRICE: 5$$
  db:
    image: supabase/postgres:15.8.1.060
    ports: ["127.0.0.1:${PORT}:5432"]
    volumes: ["./volumes/db/data:/var/lib/postgresql/data", "db-config:/etc/postgresql-custom"]
volumes: {db-config: {}}
`

func stack(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRender(t *testing.T) {
	t.Setenv("JWT_SECRET", "from-another-shell") // must not leak in
	dir := stack(t, map[string]string{"docker-compose.yml": composeYAML, ".env": "PORT=5555\n"})
	c := Render(t.Context(), Source{Dir: dir, Project: "shop"})
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	if !slices.Equal(c.Unset, []string{"JWT_SECRET"}) {
		t.Errorf("unset = %q, want JWT_SECRET only", c.Unset)
	}
	auth := c.Services[0]
	if auth.Service != core.Auth || auth.Image != "supabase/gotrue:v2.196.0" || auth.DependsOn["db"] != "service_healthy" {
		t.Errorf("auth = %+v", auth)
	}
	if auth.Env["GOTRUE_JWT_SECRET"] != "" || auth.Env["GOTRUE_SITE_URL"] != "http://localhost:5555" || auth.Env["PRICE"] != "5$" {
		t.Errorf("auth's environment is wrong: %q %q %q", auth.Env["GOTRUE_JWT_SECRET"].Reveal(), auth.Env["GOTRUE_SITE_URL"].Reveal(), auth.Env["PRICE"].Reveal())
	}
	db := c.Services[1]
	if len(db.Ports) != 1 || db.Ports[0].HostIP != "127.0.0.1" || db.Ports[0].HostPort != 5555 || db.Ports[0].ContainerPort != 5432 {
		t.Errorf("db's ports = %+v", db.Ports)
	}
	if len(db.Mounts) != 2 || db.Mounts[0].Source != filepath.Join(dir, "volumes/db/data") || db.Mounts[1].Name != "db-config" {
		t.Errorf("db's mounts = %+v", db.Mounts)
	}
}

func TestRenderProblems(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a syntax error":        {map[string]string{"docker-compose.yml": "services:\n\tdb: {}\n", ".env": ""}, "cannot be rendered"},
		"an .env that is torn":  {map[string]string{"docker-compose.yml": composeYAML, ".env": "A='hunter2\n"}, "never closed"},
		"a required variable":   {map[string]string{"docker-compose.yml": "services:\n  db: {image: 'x:${TAG:?set it}'}\n", ".env": ""}, "set it"},
		"no compose file there": {map[string]string{".env": ""}, "cannot be rendered"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Render(t.Context(), Source{Dir: stack(t, tt.files), Project: "shop"})
			if c.Err == nil || !strings.Contains(c.Err.Error(), tt.want) || core.CodeOf(c.Err) != core.Invalid {
				t.Errorf("err = %v, want %q in it", c.Err, tt.want)
			}
			if c.Err != nil && strings.Contains(c.Err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", c.Err)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	env := types.Mapping{"SET": "1", "EMPTY": ""}
	for expression, want := range map[string]string{
		"$GONE":                    "GONE",
		"${GONE}":                  "GONE",
		"$$GONE":                   "",
		"${GONE:-x}":               "",
		"${GONE:-${OTHER}}":        "OTHER",
		"${SET:-${OTHER}}":         "",
		"${EMPTY:-${OTHER}}":       "OTHER",
		"${EMPTY-${OTHER}}":        "",
		"${SET:+${OTHER}}":         "OTHER",
		`${GONE:-{"keys":[]}} $B2`: "B2",
		"${GONE:?tell}":            "",
		"a$":                       "",
	} {
		if got := strings.Join(missing(expression, env), ","); got != want {
			t.Errorf("missing(%q) = %q, want %q", expression, got, want)
		}
	}
}
