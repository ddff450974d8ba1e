package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/supabase"
)

// engineErasing is the engine, from which an instance is gone when the test begins,
// should a killed run have left it, and when it ends.
func engineErasing(t *testing.T, name string) *docker.Host {
	t.Helper()
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	erase(t, host, name)
	t.Cleanup(func() {
		erase(t, host, name)
		host.Close()
	})
	return host
}

// erase takes all that the engine has of an instance off it.
func erase(t testing.TB, host *docker.Host, name string) {
	t.Helper()
	if err := host.Erase(context.Background(), core.Instance{ID: name, Project: name}, time.Time{}); err != nil {
		t.Error(err)
	}
}

// TestCreate makes an instance with the program alone: refused with every
// problem at once, killed in the middle with nothing left, and then for good.
func TestCreate(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	p := w.person(t)
	name := strings.TrimSuffix(stackNames[0], "-a") + "-made"
	images := []string{"--images", imagePrefix(), "--postgres", "15"}
	root := filepath.Join(t.TempDir(), "instances")
	order := append([]string{"instance", "create", name, "--root", root}, images...)
	host := engineErasing(t, name)

	refused := p.basewright(1, "instance", "create", name, "--yes", "--port", "80", "--url", "http://0.0.0.0", "--images", "nobody.invalid/nothing")
	for _, want := range []string{"gateway port: ports below 1024", `url: "http://0.0.0.0" is every address`, "nothing was done"} {
		if !strings.Contains(refused, want) {
			t.Errorf("the refusal does not say %q:\n%s", want, refused)
		}
	}
	p.nothingOf(host, name, root)

	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=action-2-up.do.after:kill"}, append(order, "--yes")...)
	if code != -1 {
		t.Fatalf("it was not killed: exit code %d\n%s", code, out)
	}
	if s, err := host.Survey(t.Context()); err != nil || s.Projects[name] == "" {
		t.Fatalf("it was killed before it had made anything: %v", err)
	}
	p.basewright(0, "change", "recover")
	p.nothingOf(host, name, root)

	p.basewright(0, append(order, "--plan")...)
	p.nothingOf(host, name, root)

	made := p.basewright(0, append(order, "--yes", "--dashboard-user", "ana")...)
	if !strings.Contains(made, name+" is running: http://127.0.0.1:") || !strings.Contains(made, "committed") {
		t.Errorf("it does not say that it runs:\n%s", made)
	}
	if d := p.diagnosis(0, name); d.Status != core.Healthy || len(d.Findings) > 0 {
		t.Errorf("a new instance is %s: %+v", d.Status, d.Findings)
	}
	again := p.basewright(1, append(order, "--yes")...)
	if !strings.Contains(again, "there is already an instance "+name) {
		t.Errorf("a second one of that name: %s", again)
	}
	secrets := p.madeSecrets(filepath.Join(root, name))
	p.lives(host, name, filepath.Join(root, name))
	p.noSecrets(secrets)
	p.noSecrets(p.madeSecrets(filepath.Join(root, name)))
	p.basewright(0, "audit", "verify")
}

// nothingOf makes sure that nothing of an instance is left.
func (p *person) nothingOf(host *docker.Host, name, root string) {
	p.t.Helper()
	s, err := host.Survey(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if left := s.Projects[name]; left != "" {
		p.t.Fatalf("%s of %s is left", left, name)
	}
	entries, err := os.ReadDir(root)
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		p.t.Fatalf("the folder %s is left", e.Name())
	}
}

// madeSecrets reads what must never be seen outside the instance's .env.
func (p *person) madeSecrets(dir string) map[string]string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".env"))
	if err != nil {
		p.t.Fatal(err)
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		p.t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, v := range vars {
		if r, err := supabase.RecipeOf(v.Key); v.Value != "" && (err != nil || r != supabase.DefaultRecipe) {
			secrets[v.Key] = v.Value.Reveal()
		}
	}
	if len(secrets) < 12 {
		p.t.Fatalf("only %d secrets in .env", len(secrets))
	}
	return secrets
}

// BenchmarkCreate makes an instance of the lab's images and measures how long it takes
// until a sign-up has proven that it runs.
func BenchmarkCreate(b *testing.B) {
	host, err := docker.Connect(b.Context(), "")
	if err != nil {
		b.Skip(err)
	}
	defer host.Close()
	w, err := theWorld()
	if err != nil {
		b.Fatal(err)
	}
	name := prefix + "-timed"
	for b.Loop() {
		dir := b.TempDir()
		start := time.Now()
		out, code := w.run("basewright", []string{"BASEWRIGHT_DATA=" + dir}, "instance", "create", name, "--yes", "--root", filepath.Join(dir, "instances"), "--images", imagePrefix(), "--postgres", "15")
		b.ReportMetric(time.Since(start).Seconds(), "s-to-running")
		erase(b, host, name)
		switch {
		case code == exitFound && strings.Contains(out, "image "):
			b.Skip("the lab's images are not there; `make demo` makes them")
		case code != 0:
			b.Fatalf("exit code %d\n%s", code, out)
		}
	}
}
