package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/basewright/basewright/core"
)

func init() { logrus.SetOutput(io.Discard) } // as main does

// stackOf writes files into a new folder and returns it.
func stackOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lintAll lints and returns the diagnoses.
func lintAll(t *testing.T, args ...string) []core.Diagnosis {
	t.Helper()
	out, code := here(t, append([]string{"lint", "--output", "json"}, args...)...)
	var said struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &said); err != nil || len(said.Diagnoses) == 0 {
		t.Fatalf("exit code %d, %v, said %s", code, err, out)
	}
	return said.Diagnoses
}

const pass = "planted-Secret-4711"

// inputs are stacks with something wrong in the files themselves.
var inputs = map[string]struct {
	files map[string]string
	args  []string // after the folder
	at    string   // inside the folder
	code  int
	want  string
}{
	"no such folder":            {nil, nil, "none", 2, "there is no folder"},
	"no compose file":           {map[string]string{"notes.txt": "x"}, nil, "", 2, "there is no compose file in"},
	"a compose file not there":  {nil, []string{"-f", "none.yml"}, "", 2, "there is no compose file"},
	"a folder for a file":       {map[string]string{"compose.yml/x": ""}, nil, "", 2, "is not a plain file"},
	"an .env that is a folder":  {map[string]string{"compose.yml": smallStack, ".env/x": ""}, nil, "", 2, "is not a plain file"},
	"--file with a file":        {map[string]string{"compose.yml": smallStack}, []string{"-f", "x"}, "compose.yml", 2, "name the folder instead"},
	"an output that is not one": {nil, []string{"--output", "xml"}, "", 2, `--output "xml" is not one of`},
	"for a monitor":             {nil, []string{"--output", "nagios"}, "none", 3, "SUPABASE UNKNOWN - there is no folder"},
	"a syntax error":            {map[string]string{"compose.yml": "services:\n\tdb: {}\n"}, nil, "", 1, "compose.yml:2: "},
	"a syntax error in overlay": {map[string]string{"compose.yml": smallStack, "b.yml": "services:\n  db: [\n"}, []string{"-f", "compose.yml", "-f", "b.yml"}, "", 1, "b.yml:"},
	"a wrong type":              {map[string]string{"compose.yml": "services:\n  db:\n    image: x\n    ports: 12\n"}, nil, "", 1, "compose.yml:4: "},
	"a required variable":       {map[string]string{"compose.yml": "services:\n  db:\n    image: ${TAG:?say which}\n"}, nil, "", 1, "compose.yml:3: "},
	"an env_file not there":     {map[string]string{"compose.yml": smallStack + "    env_file: .env-${INSTANCE_ID}\n"}, nil, "", 1, "CFG-01"},
	"an .env that does not end": {map[string]string{"compose.yml": smallStack, ".env": "A=1\nB='" + pass + "\n"}, nil, "", 1, "never closed"},
	"a secret where none is":    {map[string]string{"compose.yml": "services:\n  db:\n    image: x\n    ports: ['${DB_PASSWORD}']\n", ".env": "DB_PASSWORD=" + pass + "\n"}, nil, "", 1, "CFG-01"},
	"bytes that are not text":   {map[string]string{"compose.yml": "\xff\xfe\x00s"}, nil, "", 1, "CFG-01"},
	"an empty compose file":     {map[string]string{"compose.yml": ""}, nil, "", 1, "CFG-01"},
	"two pairs":                 {map[string]string{"docker-compose-a.yml": "name: aa\n" + smallStack, ".env-a": "JWT_SECRET=" + pass + "\n", "docker-compose-b.yml": "name: bb\n" + smallStack, ".env-b": ""}, nil, "", 1, "aa healthy full"},
	"two pairs, the second":     {map[string]string{"docker-compose-a.yml": "name: aa\n" + smallStack, ".env-a": "", "docker-compose-b.yml": "name: bb\n" + smallStack, ".env-b": ""}, nil, "", 1, "bb degraded full"},
	"a blank variable":          {map[string]string{"compose.yml": smallStack}, nil, "", 1, "DK-05"},
	"a set variable":            {map[string]string{"compose.yml": smallStack, ".env": "JWT_SECRET=" + pass + "\n"}, nil, "", 0, "!DK-05"},
	"one pair":                  {map[string]string{"docker-compose-a.yml": smallStack, ".env-a": "JWT_SECRET=" + pass + "\n"}, nil, "", 0, "!DK-05"},
	"half of a pair":            {map[string]string{"docker-compose-a.yml": smallStack, ".env-a": "JWT_SECRET=" + pass + "\n", "docker-compose.yml": smallStack}, nil, "docker-compose-a.yml", 0, "!DK-05"},
	"another .env":              {map[string]string{"compose.yml": smallStack, ".env.live": "JWT_SECRET=" + pass + "\n"}, []string{"--env-file", ".env.live"}, "", 0, "!DK-05"},
	"Portainer's":               {map[string]string{"docker-compose.yml": smallStack, "stack.env": "JWT_SECRET=" + pass + "\n"}, nil, "", 0, "!DK-05"},
	"COMPOSE_FILE":              {map[string]string{"a.yml": smallStack, "b.yml": "services: {db: {image: x, ports: 1}}\n", ".env": "COMPOSE_FILE=a.yml:b.yml\nJWT_SECRET=" + pass + "\n"}, nil, "", 1, "b.yml:1: "},
	"an override":               {map[string]string{"compose.yml": smallStack, "compose.override.yml": "name: ${P:-till}\nservices: {auth: {environment: {GOTRUE_JWT_SECRET: x}}}\n"}, nil, "", 0, "till"},
	"a template":                {map[string]string{"docker-compose-${INSTANCE_ID}.yml": "name: ${INSTANCE_ID}\n" + smallStack + "    container_name: ${INSTANCE_ID}-auth\n    volumes: ['./volumes-${INSTANCE_ID}/x:/x']\n"}, nil, "docker-compose-${INSTANCE_ID}.yml", 1, "DK-05"},
}

// TestLintInput wants one clear sentence, or CFG-01 with file and line, for what
// is wrong with the files themselves.
func TestLintInput(t *testing.T) {
	for name, tt := range inputs {
		t.Run(name, func(t *testing.T) {
			dir := stackOf(t, tt.files)
			args := append([]string{"lint", filepath.Join(dir, tt.at)}, tt.args...)
			if tt.code == 0 {
				args = append(args, "--fail-on", "critical") // other codes are other tests' business
			}
			out, code := here(t, args...)
			flat := strings.Join(strings.Fields(out), " ")
			unwanted, not := strings.CutPrefix(tt.want, "!")
			if code != tt.code || not && strings.Contains(flat, unwanted) || !not && !strings.Contains(flat, tt.want) {
				t.Errorf("exit code %d, want %d; said %q, want %q in it", code, tt.code, out, tt.want)
			}
			if code > 1 && strings.Count(strings.TrimSpace(out), "\n") > 0 {
				t.Errorf("more than one sentence:\n%s", out)
			}
			if strings.Contains(out, pass) {
				t.Errorf("a secret is shown:\n%s", out)
			}
			if strings.Contains(out, ".go:") || strings.Contains(out, "goroutine") || strings.Contains(out, "basewright-lint-") {
				t.Errorf("it shows our insides: %s", out)
			}
		})
	}
}

// TestLintPair wants paths of the stack, not of the view that Compose saw.
func TestLintPair(t *testing.T) {
	dir := stackOf(t, map[string]string{
		"docker-compose-a.yml": smallStack + "    env_file: .env-a\n    volumes: ['./volumes-a/x:/x']\n", ".env-a": "JWT_SECRET=" + strings.Repeat("x", 40) + "\n",
		"volumes-a/x": "",
	})
	stacks, err := findFolders(dir, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := stacks[0]
	o, err := s.Observe(t.Context())
	if err != nil || o.Compose.Err != nil {
		t.Fatal(err, o.Compose.Err)
	}
	if got, want := o.Compose.Services[0].Mounts[0].Source, filepath.Join(dir, "volumes-a/x"); got != want {
		t.Errorf("the mount comes from %s, want %s", got, want)
	}
	if o.Env.Path != filepath.Join(dir, ".env-a") || o.Env.Mode != 0o600 || len(o.Env.Vars) != 1 {
		t.Errorf("the variables are those of %s, mode %v, %d of them", o.Env.Path, o.Env.Mode, len(o.Env.Vars))
	}
	if _, err := s.ReadFile(t.Context(), "../x"); core.CodeOf(err) != core.Invalid {
		t.Errorf("a path out of the folder: %v", err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if f, err := s.ReadFile(t.Context(), "out"); err == nil {
		t.Errorf("a link out of the folder was followed: %d bytes", len(f.Data))
	}
}

// TestLintNeighbours wants what one stack of a folder takes from another to be
// found in both, and nothing that each has for itself.
func TestLintNeighbours(t *testing.T) {
	stack := func(id, port, name, data, volume string) string {
		return "name: " + id + "\nservices:\n  auth:\n    image: supabase/gotrue:v2.196.0\n    container_name: " + name + "\n    ports: ['" + port + ":9999']\n" +
			"  db:\n    image: supabase/postgres:15.8.1.060\n    environment: {POSTGRES_PASSWORD: $POSTGRES_PASSWORD}\n    volumes: ['" + data + ":/var/lib/postgresql/data', 'conf:" + volume + "']\nvolumes: {conf: {}}\n"
	}
	for name, row := range map[string]struct {
		second, env, want string // codes of the second stack, and of the first
	}{
		"each has its own":    {stack("bb", "9992", "b-auth", "./b", "/etc/postgresql-custom"), "two", ""},
		"one name":            {stack("bb", "9992", "a-auth", "./b", "/etc/postgresql-custom"), "two", "DK-01 auth"},
		"one port":            {stack("bb", "9991", "b-auth", "./b", "/etc/postgresql-custom"), "two", "DK-03 auth"},
		"one folder of data":  {stack("bb", "9992", "b-auth", "./a", "/etc/postgresql-custom"), "two", "DK-02 db"},
		"one secret":          {stack("bb", "9992", "b-auth", "./b", "/etc/postgresql-custom"), "one", "SEC-16 host"},
		"another mount point": {stack("bb", "9992", "b-auth", "./b", "/elsewhere"), "two", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := stackOf(t, map[string]string{
				"docker-compose-a.yml": stack("aa", "9991", "a-auth", "./a", "/etc/postgresql-custom"), ".env-a": "POSTGRES_PASSWORD=" + pass + "one\n",
				"docker-compose-b.yml": row.second, ".env-b": "POSTGRES_PASSWORD=" + pass + row.env + "\n", "a/.keep": "", "b/.keep": "",
			})
			for _, d := range lintAll(t, dir) {
				var got []string
				for _, f := range d.Findings {
					if slices.Contains([]string{"DK-01", "DK-02", "DK-03", "SEC-16"}, f.Code) {
						got = append(got, f.Code+" "+string(f.Service))
					}
				}
				if strings.Join(got, ", ") != row.want {
					t.Errorf("%s: got %v, want %q", d.Project, got, row.want)
				}
			}
		})
	}
}

// TestLintOfStack wants no finding in the files of a healthy stack.
func TestLintOfStack(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	if out := p.basewright(0, "lint", w.folder(stack), "--fail-on", "info"); !strings.Contains(out, stack+"  healthy") {
		t.Errorf("said %s", out)
	}
}

// TestLintLinksOut wants one sentence about files that lead out of the folder,
// and nothing of what they hold.
func TestLintLinksOut(t *testing.T) {
	outside := filepath.Join(stackOf(t, map[string]string{"out.env": "A B=" + pass + "\n"}), "out.env")
	for name, tt := range map[string]struct {
		link, compose string
		code          int
		want          string
	}{
		".env":               {".env", "compose.yml", 2, "is a link that leads out of the folder and is not followed"},
		"env_file":           {"x.env", "compose.yml", 2, "which env_file names, is outside the stack's folder"},
		"env_file of a pair": {"x.env", "docker-compose-a.yml", 2, "which env_file names, is outside the stack's folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := stackOf(t, map[string]string{tt.compose: smallStack + "    env_file: x.env\n", ".env-a": "JWT_SECRET=" + pass + "\n"})
			if err := os.Symlink(outside, filepath.Join(dir, tt.link)); err != nil {
				t.Fatal(err)
			}
			out, code := here(t, "lint", dir)
			if code != tt.code || !strings.Contains(strings.Join(strings.Fields(out), " "), tt.want) {
				t.Errorf("exit code %d, want %d; said %q, want %q in it", code, tt.code, out, tt.want)
			}
			for _, unwanted := range []string{pass, "statat", "escapes", "basewright-lint-"} {
				if strings.Contains(out, unwanted) {
					t.Errorf("it shows %q: %s", unwanted, out)
				}
			}
		})
	}
}
