package create

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// checkOptions makes sure that a stack has what its order asks for, and no file
// of what it does not.
func checkOptions(t *testing.T, o Order, dir string, c core.Compose) {
	t.Helper()
	for name, want := range map[string]bool{
		"volumes/api/kong.yml": o.kong(), "volumes/api/kong-entrypoint.sh": o.kong(), "volumes/api/envoy/lds.template.yaml": o.envoy(),
		"docker-compose.envoy.yml": o.envoy(), "docker-compose.logs.yml": o.Logs, "volumes/logs/vector.yml": o.Logs,
	} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	image := "kong:" + map[string]string{"0.6.0": "3.9.1", "0.8.1": "3.9.3"}[o.Release]
	if o.envoy() {
		image = "envoy:v1.39.1"
	}
	for _, s := range c.Services {
		if s.Service == "" {
			t.Errorf("nobody knows what %s is", s.Name)
		}
		if s.Service != core.Gateway {
			continue
		}
		if !strings.HasSuffix(s.Image, image) || s.Name != "kong" && !slices.Contains(s.Aliases, "kong") {
			t.Errorf("the gateway is %s, called %q", s.Image, s.Aliases)
		}
		for key := range s.Env {
			if o.envoy() && strings.HasPrefix(key, "KONG_") {
				t.Errorf("Envoy is told %s", key)
			}
		}
		for _, m := range s.Mounts {
			if o.envoy() && strings.Contains(m.Target, "kong") {
				t.Errorf("Envoy mounts %s", m.Source)
			}
		}
	}
	checkMemory(t, o, dir)
}

// checkMemory wants each service bounded, or none.
func checkMemory(t *testing.T, o Order, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	limits := strings.Count(string(data), "\nMEMORY_")
	want := 0
	if o.MemoryLimits {
		want = 11
	}
	if o.MemoryLimits && o.Logs {
		want = 13
	}
	if limits != want {
		t.Errorf("%d services are bounded, want %d", limits, want)
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vars {
		if !strings.HasPrefix(v.Key, "MEMORY_") {
			continue
		}
		setting, err := supabase.SettingOf(v.Key)
		if err == nil {
			err = setting.Check(v.Value.Reveal())
		}
		if err != nil {
			t.Error(err)
		}
		if used, err := supabase.Uses(in(dir, o.composeFiles()), v.Key); err != nil || len(used) != 1 {
			t.Errorf("%s is used by %q, %v", v.Key, used, err)
		}
	}
}
