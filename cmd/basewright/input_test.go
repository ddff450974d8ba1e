package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// here runs a command line in this process, with an engine that is not there.
func here(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no-engine.sock"))
	t.Setenv("BASEWRIGHT_DATA", filepath.Join(t.TempDir(), "data"))
	var b bytes.Buffer
	code = run(t.Context(), args, console{out: &b, err: &b, in: strings.NewReader("")})
	return b.String(), code
}

// TestBadInput wants one clear sentence and the contract's exit code for each
// thing that people get wrong.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const rest = `title = "x", fixes = { "PG-01" }, risk = "low", `
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no engine":                 {[]string{"doctor"}, 2, "no-engine.sock"},
		"no engine, for a monitor":  {[]string{"doctor", "--output", "nagios"}, 3, "SUPABASE UNKNOWN - "},
		"a mode, for a monitor":     {[]string{"doctor", "--output", "nagios", "--mode", "slow"}, 3, "SUPABASE UNKNOWN - "},
		"lint, for a monitor":       {[]string{"lint", dir, "--output", "nagios", "--fail-on", "bad"}, 3, "SUPABASE UNKNOWN - "},
		"settings of nothing":       {[]string{"config"}, 2, "takes an instance; see `basewright config --help`"},
		"a flag that is not one":    {[]string{"doctor", "--colour"}, 2, "see `basewright doctor --help`"},
		"an output that is not one": {[]string{"doctor", "--output", "xml"}, 2, `--output "xml" is not one of: text, json, nagios`},
		"a mode that is not one":    {[]string{"doctor", "--mode", "slow"}, 2, `--mode "slow" is not one of: quick, full, deep`},
		"a severity that is none":   {[]string{"doctor", "--fail-on", "bad"}, 2, `--fail-on "bad" is not one of`},
		"all and one":               {[]string{"doctor", "--all", "shop"}, 2, "exclude each other"},
		"a command that is not one": {[]string{"docter"}, 2, `unknown command "docter"`},
		"a code that is not one":    {[]string{"explain", "PG-99"}, 2, "`basewright check list` shows them all"},
		"repair without anything":   {[]string{"repair"}, 2, "needs an instance and a playbook"},
		"repair without a playbook": {[]string{"repair", "shop"}, 2, "needs a playbook or --finding CODE"},
		"plan and apply at once":    {[]string{"repair", "shop", "x", "--plan", "--yes"}, 2, "exclude each other"},
		"a playbook that is no file": {
			[]string{"playbook", "check", filepath.Join(dir, "none.lua")}, 2, "there is no file"},
		"a playbook that does not parse": {
			[]string{"playbook", "check", script("torn.lua", "return {\n title = \n")}, 1, "torn.lua:"},
		"a playbook with an unknown operation": {
			[]string{"playbook", "check", script("op.lua", `return { `+rest+`needs = { "format_disk" }, plan = function() return {} end }`)}, 1, "format_disk"},
		"a playbook that uses what it did not declare": {
			[]string{"playbook", "check", script("more.lua", "return { "+rest+"needs = { \"restart\" },\n plan = function() return { { op = \"stop\", service = \"auth\" } } end }")}, 1, "more.lua:2: uses the operation stop"},
		"a playbook that loops": {
			[]string{"playbook", "test", script("loop.lua", `return { `+rest+`needs = {}, plan = function() while true do end end, examples = { { given = {}, plan = {} } } }`)}, 1, "loop.lua"},
		"a playbook that eats memory": {
			[]string{"playbook", "test", script("fat.lua", `return { `+rest+`needs = {}, plan = function() local t = {} for i = 1, 1e9 do t[i] = "x" .. i end end, examples = { { given = {}, plan = {} } } }`)}, 1, "fat.lua"},
		"an operation that was not declared": {
			[]string{"playbook", "test", script("undeclared.lua", `return { `+rest+`needs = {}, plan = function() return { { op = "restart", service = "auth" } } end, examples = { { given = { services = { auth = { state = "running" } } }, plan = { "restart auth" } } } }`)}, 1, "restart"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, code := here(t, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want %d; said %q, want %q in it", code, tt.code, out, tt.want)
			}
			if n := strings.Count(strings.TrimSpace(out), "\n"); n > 1 {
				t.Errorf("%d lines where one sentence would do:\n%s", n+1, out)
			}
			if strings.Contains(out, ".go:") || strings.Contains(out, "goroutine") {
				t.Errorf("it shows our insides: %s", out)
			}
		})
	}
}

// TestHelp wants an example in the help of every command.
func TestHelp(t *testing.T) {
	var b bytes.Buffer
	root := command(&console{out: &b, err: &b})
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			continue
		}
		for _, leaf := range append(c.Commands(), c) {
			if leaf.Example == "" {
				t.Errorf("%s has no example", leaf.CommandPath())
			}
		}
	}
}

// TestBadStacks wants a clear sentence about files that Compose or nobody can
// read, and nothing changed by looking.
func TestBadStacks(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	env := filepath.Join(w.folder(stack), ".env")
	compose := filepath.Join(w.folder(stack), "docker-compose.yml")
	good := map[string][]byte{}
	for _, name := range []string{env, compose} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		good[name] = data
		t.Cleanup(func() { os.WriteFile(name, data, 0o600) })
	}
	text := string(good[env])
	tests := map[string]struct {
		file, content string
		code          int
		want          string
	}{
		"a compose file with a syntax error": {compose, "services:\n\tdb: {}\n", 1, "CFG-01"},
		"an .env with a quote left open":     {env, text + "EXTRA='open\n", 1, "never closed"},
		"an .env with a NUL byte":            {env, text + "EXTRA=\x00\n", 1, "NUL byte"},
		"an .env with Windows endings":       {env, strings.ReplaceAll(text, "\n", "\r\n"), 1, "DK-09"},
		"values with dollars and quotes":     {env, text + "EXTRA='a $b \"c\"'\nEMPTY=\nOTHER=\"x\\$y\"\n", 0, "healthy"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(tt.file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			out := p.basewright(tt.code, "doctor", stack)
			if !strings.Contains(out, tt.want) {
				t.Errorf("said %q, want %q in it", out, tt.want)
			}
			if now, _ := os.ReadFile(tt.file); string(now) != tt.content {
				t.Error("looking changed the file")
			}
			if err := os.WriteFile(tt.file, good[tt.file], 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("no .env at all", func(t *testing.T) {
		if err := os.Remove(env); err != nil {
			t.Fatal(err)
		}
		out := p.basewright(1, "doctor", stack)
		if !strings.Contains(out, "DK-05") && !strings.Contains(out, "CFG-01") {
			t.Errorf("said %q", out)
		}
		if err := os.WriteFile(env, good[env], 0o600); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a project that is not there", func(t *testing.T) {
		if out := p.basewright(2, "doctor", "no-such-shop"); !strings.Contains(out, `no Supabase project "no-such-shop"`) || !strings.Contains(out, stack) {
			t.Errorf("said %q", out)
		}
	})
	p.diagnosis(0, stack)
}
