package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostile are stacks made to mislead, hold or flood whoever looks at them. Each
// is made by a function, since most are no plain files.
var hostile = map[string]struct {
	spoil func(t *testing.T, dir string)
	args  []string
	code  int    // with --fail-on critical
	want  string // in what is said; a leading ! is what must not be
}{
	".env is a pipe":            {func(t *testing.T, dir string) { must(t, syscall.Mkfifo(filepath.Join(dir, ".env"), 0o600)) }, nil, 2, "is not a plain file"},
	".env is a device":          {func(t *testing.T, dir string) { must(t, os.Symlink("/dev/zero", filepath.Join(dir, ".env"))) }, nil, 2, "leads out of the folder"},
	".env is a folder":          {func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, ".env"), 0o700)) }, nil, 2, "is not a plain file"},
	".env links to /etc/shadow": {func(t *testing.T, dir string) { must(t, os.Symlink("/etc/shadow", filepath.Join(dir, ".env"))) }, nil, 2, "leads out of the folder"},
	".env links to itself":      {func(t *testing.T, dir string) { must(t, os.Symlink(".env", filepath.Join(dir, ".env"))) }, nil, 2, "cannot be read"},
	".env is 50 MB":             {func(t *testing.T, dir string) { big(t, filepath.Join(dir, ".env"), 50<<20) }, nil, 2, "is larger than 4 MiB"},
	"a value of 1 MB":           {func(t *testing.T, dir string) { put(t, dir, ".env", "JWT_SECRET="+strings.Repeat("x", 1<<20)+"\n") }, nil, 0, "CFG-01"},
	"a NUL":                     {func(t *testing.T, dir string) { put(t, dir, ".env", "JWT_SECRET="+pass+"\x00\n") }, nil, 0, "NUL byte at offset 30"},
	"a byte order mark":         {func(t *testing.T, dir string) { put(t, dir, ".env", "\xef\xbb\xbfJWT_SECRET="+pass+"\n") }, nil, 0, "!DK-05"},
	"no final newline":          {func(t *testing.T, dir string) { put(t, dir, ".env", "A=1\nJWT_SECRET="+pass) }, nil, 0, "!DK-05"},
	"cut within a key":          {func(t *testing.T, dir string) { put(t, dir, ".env", "A=1\nJWT_SEC") }, nil, 0, "nothing sets JWT_SECRET"},
	"cut within quotes":         {func(t *testing.T, dir string) { put(t, dir, ".env", "A=1\nJWT_SECRET=\""+pass) }, nil, 0, "never closed"},
	"Windows line endings":      {func(t *testing.T, dir string) { put(t, dir, ".env", "A=1\r\nJWT_SECRET="+pass+"\r\n") }, nil, 0, "DK-09"},
	"a key twice, last empty":   {func(t *testing.T, dir string) { put(t, dir, ".env", "JWT_SECRET="+pass+"\nJWT_SECRET=\n") }, nil, 0, "DK-05"},
	"variables upon variables":  {func(t *testing.T, dir string) { put(t, dir, ".env", growing()) }, nil, 0, "that is not a .env"},
	"compose.yml is a pipe": {func(t *testing.T, dir string) {
		must(t, os.Remove(filepath.Join(dir, "compose.yml")))
		must(t, syscall.Mkfifo(filepath.Join(dir, "compose.yml"), 0o600))
	}, nil, 2, "is not a plain file"},
	"compose.yml is a device":   {func(t *testing.T, dir string) {}, []string{"-f", "/dev/zero"}, 2, "is not a plain file"},
	"compose.yml is 50 MB":      {func(t *testing.T, dir string) { big(t, filepath.Join(dir, "compose.yml"), 50<<20) }, nil, 2, "is larger than 4 MiB"},
	"COMPOSE_FILE leads upward": {func(t *testing.T, dir string) { put(t, dir, ".env", "COMPOSE_FILE=../../../../../../etc/shadow\n") }, nil, 2, "outside the stack's folder"},
	"compose.yml links out": {func(t *testing.T, dir string) {
		must(t, os.Remove(filepath.Join(dir, "compose.yml")))
		must(t, os.Symlink("/etc/shadow", filepath.Join(dir, "compose.yml")))
	}, nil, 2, "outside the stack's folder"},
	"a file that is none of a stack": {func(*testing.T, string) {}, []string{"-f", "/etc/shadow"}, 0, "CFG-01"},
	"a mount that is a pipe": {func(t *testing.T, dir string) {
		put(t, dir, "compose.yml", "services:\n  kong:\n    image: kong:2.8.1\n    volumes: ['./kong.yml:/home/kong/temp.yml']\n")
		must(t, syscall.Mkfifo(filepath.Join(dir, "kong.yml"), 0o600))
	}, nil, 1, "DK-08"},
	"a mount that links out": {func(t *testing.T, dir string) {
		put(t, dir, "compose.yml", "services:\n  kong:\n    image: kong:2.8.1\n    volumes: ['./kong.yml:/home/kong/temp.yml']\n")
		must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "kong.yml")))
	}, nil, 0, "!root:"},
	"a kong.yml of 50 MB": {func(t *testing.T, dir string) {
		put(t, dir, "compose.yml", "services:\n  kong:\n    image: kong:2.8.1\n    volumes: ['./kong.yml:/home/kong/temp.yml']\n")
		big(t, filepath.Join(dir, "kong.yml"), 50<<20)
	}, nil, 0, "healthy"},
	"aliases upon aliases in kong.yml": {func(t *testing.T, dir string) {
		put(t, dir, "compose.yml", "services:\n  kong:\n    image: kong:2.8.1\n    volumes: ['./kong.yml:/home/kong/temp.yml']\n")
		text := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
		for i := 1; i < 12; i++ {
			prev, next := string(rune('a'+i-1)), string(rune('a'+i))
			text += next + "0: &" + next + "0 [" + strings.TrimSuffix(strings.Repeat("*"+prev+"0, ", 9), ", ") + "]\n"
		}
		put(t, dir, "kong.yml", text+"services: *l0\n")
	}, nil, 0, "!GW-01"},
	"names that command, mark up and climb": {func(t *testing.T, dir string) {
		put(t, dir, "compose.yml", strings.ReplaceAll(nasty, "\\e", "\\x1b"))
		put(t, dir, ".env", "A="+strings.NewReplacer("'", "", "$", "$$").Replace(nastyText)+"\n")
	}, nil, 0, "CFG-02"},
}

const (
	nastyText = "<script>alert(1)</script>\"><img src=x onerror=y>{{.}}'; DROP TABLE x;--$(id)`id`;reboot ../../etc/passwd %2e%2e/ =cmd|x \u202egnp.exe __proto__"
	nasty     = `services:
  auth:
    image: "supabase/gotrue:v1<script>alert(1)</script>\e]52;c;aGk=\a\e[2J\u202e"
    container_name: "../../$$(id);reboot<img src=x onerror=y>\e[31m|\u202e"
    restart: "no\n{{.}}\r\nfake line: ok\e[0m"
    environment: {GOTRUE_JWT_SECRET: x, API_EXTERNAL_URL: "javascript:alert(1)\e[1m"}
    labels: {com.docker.compose.project: "another", x: "` + "`id`" + `"}
`
)

// growing is a .env whose values double from line to line.
func growing() string {
	text := "A0=" + strings.Repeat("x", 100) + "\n"
	for i := 1; i < 30; i++ {
		text += "A" + string(rune('0'+i%10)) + "=$A" + string(rune('0'+(i-1)%10)) + "$A" + string(rune('0'+(i-1)%10)) + "\n"
	}
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

// big makes a file of a size, most of which is no block on the disk.
func big(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	must(t, f.Truncate(size))
	must(t, f.Close())
}

// TestLintHostile wants each hostile stack survived in every form of output:
// the right exit code, nothing of a file outside, no secret, no control
// character, and an end.
func TestLintHostile(t *testing.T) {
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			dir := stackOf(t, map[string]string{"compose.yml": smallStack})
			tt.spoil(t, dir)
			for _, output := range []string{"text", "json", "nagios", "html"} {
				args := append([]string{"lint", dir, "--output", output, "--fail-on", "critical"}, tt.args...)
				done := time.AfterFunc(time.Minute, func() { panic(name + ": it blocks") })
				out, code := here(t, args...)
				done.Stop()
				if output != "nagios" && code != tt.code {
					t.Errorf("%s: exit code %d, want %d: %s", output, code, tt.code, out)
				}
				flat := strings.Join(strings.Fields(out), " ")
				if want, not := strings.CutPrefix(tt.want, "!"); output == "text" && strings.Contains(flat, want) == not {
					t.Errorf("said %q, want %q", out, tt.want)
				}
				harmless(t, output, out)
			}
		})
	}
}

// harmless wants text that came from outside to be text and nothing else.
func harmless(t *testing.T, output, out string) {
	t.Helper()
	for _, bad := range []string{pass, "\x1b", "\u202e", "\x00", "\a", "root:", ".go:", "goroutine"} {
		if strings.Contains(out, bad) {
			t.Errorf("%s shows %q: %.2000s", output, bad, out)
		}
	}
	if output == "html" && (strings.Contains(out, "<script>alert") || strings.Contains(out, "<img src=x")) {
		t.Errorf("%s lets mark-up through: %s", output, out)
	}
	if output == "nagios" && strings.Count(strings.TrimSpace(out), "\n") > 0 {
		t.Errorf("more than one line: %q", out)
	}
}
