package main

import (
	"encoding/base64"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/configs"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// rendered is a stack's folder as render would write it, without an engine.
func rendered(t *testing.T) stack {
	t.Helper()
	s := stack{name: "lab-x", dir: t.TempDir()}
	keys, err := supabase.NewSecrets(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := renderEnv(settings{Name: s.name, Prefix: "lab", Subnet: "10.213.0.0/24", Ports: ports{1, 2, 3}, Secrets: keys})
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(s.path(".env"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.renderFiles(); err != nil {
		t.Fatal(err)
	}
	return s
}

func envOf(t *testing.T, s stack) map[string]string {
	t.Helper()
	env, err := s.env()
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestComposeUsesOnlyVariablesOfEnv(t *testing.T) {
	s := rendered(t)
	env := envOf(t, s)
	text, err := os.ReadFile(s.path(composeFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{(\w+)(:-)?`).FindAllStringSubmatch(string(text), -1) {
		if _, ok := env[m[1]]; !ok && m[2] == "" {
			t.Errorf("the compose file uses %s, which .env does not have", m[1])
		}
	}
}

func TestComposeServicesAreTheLabs(t *testing.T) {
	text, err := configs.Lab.ReadFile("lab/stack/" + composeFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image         string
			ContainerName string `yaml:"container_name"`
			Restart       string
			Labels        map[string]string
			Ports         []string
			Logging       struct{ Options map[string]string }
		}
		Networks, Volumes map[string]struct{ Labels map[string]string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 11 {
		t.Errorf("%d services, want 11", len(file.Services))
	}
	for name, s := range file.Services {
		if s.Labels[label] != "1" || s.Logging.Options["max-size"] == "" || s.Restart != "unless-stopped" {
			t.Errorf("%s lacks the lab's label, log rotation or restart policy", name)
		}
		if !strings.Contains(s.ContainerName, "${STACK_NAME}") {
			t.Errorf("the name %s of %s is not the stack's own", s.ContainerName, name)
		}
		if !knownImage(s.Image) {
			t.Errorf("no recipe makes %s of %s", s.Image, name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond loopback", name, p)
			}
		}
	}
	for name, v := range file.Volumes {
		if v.Labels[label] != "1" {
			t.Errorf("volume %s lacks the lab's label", name)
		}
	}
	if file.Networks["default"].Labels[label] != "1" {
		t.Error("the network lacks the lab's label")
	}
}

func knownImage(image string) bool {
	return slices.ContainsFunc(recipes(), func(r recipe) bool {
		return image == "${"+imageVariable(r.name)+":-"+r.ref("${IMAGE_PREFIX}")+"}"
	})
}

func TestRenderedFilesParse(t *testing.T) {
	s := rendered(t)
	var routes struct {
		Services []struct {
			Name, URL string
			Routes    []struct{ Paths []string }
		}
	}
	text, err := os.ReadFile(s.path(gatewayConfig))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &routes); err != nil {
		t.Fatal(err)
	}
	for _, r := range routes.Services {
		if r.URL == "" || len(r.Routes) == 0 || len(r.Routes[0].Paths) == 0 {
			t.Errorf("route %s leads nowhere", r.Name)
		}
	}
	info, err := os.Stat(s.path(".env"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf(".env has mode %o, want 600", info.Mode().Perm())
	}
}

func TestSecretsHaveUpstreamsFormats(t *testing.T) {
	env := envOf(t, rendered(t))
	for key, length := range map[string]int{"POSTGRES_PASSWORD": 32, "DASHBOARD_PASSWORD": 32, "JWT_SECRET": 40, "SECRET_KEY_BASE": 64,
		"REALTIME_DB_ENC_KEY": 16, "VAULT_ENC_KEY": 32, "PG_META_CRYPTO_KEY": 32, "LOGFLARE_PUBLIC_ACCESS_TOKEN": 32,
		"S3_PROTOCOL_ACCESS_KEY_ID": 32, "S3_PROTOCOL_ACCESS_KEY_SECRET": 64} {
		if len(env[key]) != length {
			t.Errorf("%s has %d characters, want %d", key, len(env[key]), length)
		}
	}
	if _, err := base64.StdEncoding.DecodeString(env["JWT_SECRET"]); err != nil {
		t.Errorf("JWT_SECRET: %v", err)
	}
	for key, role := range map[string]string{"ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service_role"} {
		token := core.Secret(env[key])
		if !supabase.SignedBy(token, core.Secret(env["JWT_SECRET"])) {
			t.Errorf("%s is not signed with JWT_SECRET", key)
		}
		k, err := supabase.ReadKey(token)
		if err != nil {
			t.Fatal(err)
		}
		if k.Role != role || k.Issuer != "supabase" || k.ExpiresAt.Sub(k.IssuedAt) < 5*365*24*time.Hour {
			t.Errorf("%s is for %s by %s until %s", key, k.Role, k.Issuer, k.ExpiresAt)
		}
	}
}

func TestTwoStacksShareNoSecret(t *testing.T) {
	a, b := envOf(t, rendered(t)), envOf(t, rendered(t))
	for key, value := range a {
		if len(value) >= 16 && value == b[key] && regexp.MustCompile(`SECRET|PASSWORD|_KEY|TOKEN`).MatchString(key) {
			t.Errorf("%s is the same in both", key)
		}
	}
}

func TestSubnetIsFree(t *testing.T) {
	taken := []netip.Prefix{netip.MustParsePrefix("10.213.0.0/24"), netip.MustParsePrefix("10.213.2.0/23")}
	for _, want := range []string{"10.213.1.0/24", "10.213.4.0/24"} {
		got, err := pickSubnet(taken, 0)
		if err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		taken = append(taken, netip.MustParsePrefix(want))
	}
	if _, err := pickSubnet([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 0); err == nil {
		t.Error("found a network where all are taken")
	}
}

func TestOverrides(t *testing.T) {
	got, err := overrides([]string{"HOME=/", "LAB_IMAGE_STORAGE_API=x/storage:1"})
	if err != nil || got["LAB_IMAGE_STORAGE_API"] != "x/storage:1" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := overrides([]string{"LAB_IMAGE_GOTRU=x"}); core.CodeOf(err) != core.Invalid {
		t.Errorf("an unknown image gives %v", err)
	}
}

func TestStackNames(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	for name, ok := range map[string]bool{"lab-a": true, "../etc": false, "": false, "A": false, "a/b": false} {
		if _, err := l.stack(name); (err == nil) != ok {
			t.Errorf("stack(%q): %v", name, err)
		}
	}
	if _, err := l.known("lab-a"); core.CodeOf(err) != core.NotFound {
		t.Errorf("a stack that was never made gives %v", err)
	}
	if err := os.MkdirAll(filepath.Join(l.dir, "stacks", "lab-a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := l.names(); !slices.Equal(got, []string{"lab-a"}) {
		t.Errorf("names are %v", got)
	}
}
