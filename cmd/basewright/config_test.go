package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// TestConfig changes settings of a real stack: only what uses a setting is
// recreated, a value that does not work is taken back byte for byte, and a
// secret is seen nowhere.
func TestConfig(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	p, stack := w.person(t), w.borrow(t)
	env := filepath.Join(w.folder(stack), ".env")
	original, before := p.file(env), p.containers(stack)
	const password = "a-new-pl4nted-dashboard-password"

	if out := p.basewright(0, "config", stack, "get", "POSTGRES_PASSWORD", "DISABLE_SIGNUP"); !strings.Contains(out, "POSTGRES_PASSWORD=••• (") || !strings.Contains(out, "DISABLE_SIGNUP=false") {
		t.Errorf("it shows:\n%s", out)
	}
	p.basewright(0, "config", stack, "diff")
	if out := p.basewright(2, "config", stack, "set", "DISABLE_SINGUP=true", "--yes"); !strings.Contains(out, "there is no setting") {
		t.Errorf("an unknown setting: %s", out)
	}
	if out := p.basewright(1, "config", stack, "set", "POSTGRES_PASSWORD=something-else", "--yes"); !strings.Contains(out, "align-database-passwords") {
		t.Errorf("a locked setting: %s", out)
	}

	first := receipt(t, p.basewright(0, "config", stack, "set", "DISABLE_SIGNUP=true", "--yes"))
	after := p.containers(stack)
	for service, id := range before {
		if (after[service] != id) != (service == core.Auth) {
			t.Errorf("%s was %s, and is %s", service, id[:12], after[service][:12])
		}
	}
	want := bytes.Replace(original, []byte("DISABLE_SIGNUP=false"), []byte("DISABLE_SIGNUP=true"), 1)
	if got := p.file(env); !bytes.Equal(got, want) {
		t.Error("the .env has other changes than the one line")
	}

	out := p.basewright(1, "config", stack, "set", "KONG_HTTP_PORT="+p.otherPort(stack), "--yes")
	if !strings.Contains(out, "rolled_back") || !strings.Contains(out, "port") {
		t.Errorf("a port that is taken:\n%s", out)
	}
	if got := p.file(env); !bytes.Equal(got, want) {
		t.Error("the .env is not what it was before the edit that failed")
	}

	second := p.setFromInput(stack, "dashboard_password="+password+"\n")
	if got := p.setting(env, "DASHBOARD_PASSWORD"); got != password {
		t.Errorf("the password is %q", got)
	}
	p.noSecrets(map[string]string{"DASHBOARD_PASSWORD": password})

	p.basewright(0, "change", "undo", second)
	p.basewright(0, "change", "undo", first)
	if inAll.now() {
		p.editsFiles(stack)
	}
	if got := p.file(env); !bytes.Equal(got, original) {
		t.Error("undone, the .env is not what it was")
	}
	if d := p.diagnosis(0, stack); d.Status != core.Healthy {
		t.Errorf("at the end it is %s", d.Status)
	}
}

// editsFiles gives files of a stack another text: one that works stays until it is
// undone, one that Compose reads and the stack does not live with is taken back
// byte for byte, one that nobody could read is refused.
func (p *person) editsFiles(stack string) {
	p.t.Helper()
	kong, env := filepath.Join(p.folder(stack), "volumes/api/kong.yml"), filepath.Join(p.folder(stack), ".env")
	routes, vars := p.file(kong), p.file(env)
	text := filepath.Join(p.t.TempDir(), "text")
	edit := func(code int, file, with string) string {
		if err := os.WriteFile(text, []byte(with), 0o600); err != nil {
			p.t.Fatal(err)
		}
		return p.basewright(code, "config", stack, "edit", file, "--from", text, "--yes")
	}
	good := receipt(p.t, edit(0, "volumes/api/kong.yml", string(routes)+"# our own\n"))
	if got := string(p.file(kong)); got != string(routes)+"# our own\n" {
		p.t.Error("kong.yml has not the text that it was given")
	}
	p.basewright(0, "change", "undo", good)
	for file, bad := range map[string]string{
		"volumes/api/kong.yml": "_format_version: '2.1'\nservices: []\n",
		".env":                 strings.Replace(string(vars), "POSTGRES_HOST=db\n", "POSTGRES_HOST=nowhere\n", 1),
	} {
		if out := edit(1, file, bad); !strings.Contains(out, "rolled_back") {
			p.t.Errorf("a %s that the stack does not live with:\n%s", file, out)
		}
	}
	if out := edit(2, "docker-compose.yml", "services: ["); !strings.Contains(out, "Compose could not read") {
		p.t.Errorf("a compose file that is none:\n%s", out)
	}
	if !bytes.Equal(routes, p.file(kong)) || !bytes.Equal(vars, p.file(env)) {
		p.t.Error("a file is not what it was before")
	}
	p.settles(stack)
}

// settles looks at a stack until it is well: meta has no health check, so nobody
// waits for it after it was recreated.
func (p *person) settles(stack string) {
	p.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if _, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, "doctor", stack); code == 0 {
			return
		}
	}
	p.t.Errorf("%s is not well after two minutes", stack)
}

func (p *person) file(name string) []byte {
	p.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

func (p *person) setting(env, key string) string {
	p.t.Helper()
	vars, err := supabase.ParseEnv(p.file(env))
	if err != nil {
		p.t.Fatal(err)
	}
	v, _ := core.EnvFile{Vars: vars}.Lookup(key)
	return v.Reveal()
}

// containers returns the container of each service.
func (p *person) containers(stack string) map[core.Service]string {
	p.t.Helper()
	host, err := docker.Connect(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	defer host.Close()
	instances, err := host.Discover(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	instance, err := pick(instances, stack)
	if err != nil {
		p.t.Fatal(err)
	}
	obs, err := host.Open(instance).Observe(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	ids := map[core.Service]string{}
	for _, c := range obs.Containers {
		ids[c.Service] = c.ID
	}
	return ids
}

// otherPort is the gateway's port of another stack.
func (p *person) otherPort(stack string) string {
	for _, other := range stackNames {
		if other != stack {
			return p.setting(filepath.Join(p.folder(other), ".env"), "KONG_HTTP_PORT")
		}
	}
	return ""
}

// setFromInput sets what it is given as standard input, and returns the change.
func (p *person) setFromInput(stack, lines string) string {
	p.t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "basewright"), "config", stack, "set", "--stdin", "--yes")
	cmd.Env = append(os.Environ(), "BASEWRIGHT_DATA="+p.data)
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.CombinedOutput()
	p.said.Write(out)
	if err != nil {
		p.t.Fatalf("config set --stdin: %v\n%s", err, out)
	}
	return receipt(p.t, string(out))
}

// receipt returns the id of the committed change that out tells of.
func receipt(t *testing.T, out string) string {
	t.Helper()
	m := regexp.MustCompile(`Receipt (\w+)  committed`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no receipt of a committed change in:\n%s", out)
	}
	return m[1]
}
