package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// served is the real program serving a data folder in a process of its own.
type served struct {
	t     testing.TB
	data  string
	url   string
	cmd   *exec.Cmd
	out   *lockedBuffer
	token string
}

// lockedBuffer takes what a process prints.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// programOnce builds the program that the serve tests run.
var programOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "basewright-serve-")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "built")
	if out, err := exec.Command("go", "build", "-o", built, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return installed(built)
})

// installed returns a copy of a program that was built just now, written in small
// pieces like a package's. The kernel has what the linker wrote in pages of 2 MiB,
// and counts these whole as the program's memory.
func installed(built string) (_ string, err error) {
	from, err := os.Open(built)
	if err != nil {
		return "", err
	}
	defer from.Close()
	path := filepath.Join(filepath.Dir(built), "basewright")
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o700) //nolint:gosec // a program
	if err != nil {
		return "", err
	}
	pieces := struct{ io.Writer }{to} // without it the kernel copies the file by itself, at once
	_, err = io.CopyBuffer(pieces, struct{ io.Reader }{from}, make([]byte, 32<<10))
	return path, errors.Join(err, to.Close(), os.Remove(built))
}

// startServe starts the agent on a port that is free and waits until it is ready
// or says why it is not.
func startServe(t testing.TB, data string, env ...string) *served {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts the program; left out by -short")
	}
	program, err := programOnce()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), env...)
	return startCommand(t, data, cmd)
}

// startCommand is startServe by a command that somebody made.
func startCommand(t testing.TB, data string, cmd *exec.Cmd) *served {
	t.Helper()
	s := &served{t: t, data: data, out: &lockedBuffer{}, cmd: cmd}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.kill() })
	s.waitIn(time.Millisecond, time.Minute, func() bool { // BenchmarkAgent measures how long it takes
		m := regexp.MustCompile(`answers at (http://\S+)`).FindStringSubmatch(s.out.String())
		if m != nil {
			s.url = m[1]
		}
		return m != nil
	})
	return s
}

// wait waits for something that the process does, for so long at most.
func (s *served) wait(most time.Duration, done func() bool) {
	s.t.Helper()
	s.waitIn(50*time.Millisecond, most, done)
}

// waitIn is wait that looks again after a pause.
func (s *served) waitIn(pause, most time.Duration, done func() bool) {
	s.t.Helper()
	for range most / pause {
		if done() {
			return
		}
		time.Sleep(pause) // nothing tells when another process is so far
	}
	s.t.Fatalf("it did not come about in %s:\n%s", most, s.out)
}

func (s *served) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// stop asks it to stop and wants a clean end.
func (s *served) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("it ended with %v:\n%s", err, s.out)
	}
}

// ready waits until the state is open.
func (s *served) ready() *served {
	s.t.Helper()
	s.wait(time.Minute, func() bool {
		code, body := s.get("/readyz", "")
		return code == http.StatusOK && strings.Contains(body, `"state":"ok"`)
	})
	return s
}

func (s *served) get(path, token string) (int, string) {
	code, body, err := s.ask(http.MethodGet, path, token, "")
	if err != nil {
		return 0, err.Error()
	}
	return code, body
}

func (s *served) ask(method, path, token, body string) (int, string, error) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := loadClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// loadClient keeps its connections, as a browser does.
var loadClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}, Timeout: 2 * time.Minute}

// login is the body of a login with the password that the first start printed.
func (s *served) login() string {
	s.t.Helper()
	m := regexp.MustCompile(`with the password (\S+)`).FindStringSubmatch(s.out.String())
	if m == nil {
		s.t.Fatalf("no password was printed:\n%s", s.out)
	}
	return fmt.Sprintf(`{"username":"admin","password":%q}`, m[1])
}

// logIn logs in with the password that the first start printed.
func (s *served) logIn() string {
	s.t.Helper()
	code, body, err := s.ask(http.MethodPost, "/api/login", "", s.login())
	var out struct{ Token string }
	if err != nil || code != http.StatusOK || json.Unmarshal([]byte(body), &out) != nil {
		s.t.Fatalf("login: %d %s %v", code, body, err)
	}
	return out.Token
}

const noEngine = "DOCKER_HOST=unix:///nonexistent/basewright.sock"

func TestServeWithoutAnEngine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServe(t, data, noEngine).ready()
	token := s.logIn()
	if code, body := s.get("/readyz", ""); code != http.StatusOK || !strings.Contains(body, `"degraded"`) || !strings.Contains(body, "no Docker Engine answers") {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, body := s.get("/api/discover", token); code != http.StatusServiceUnavailable || !strings.Contains(body, "no Docker Engine answers") {
		t.Errorf("discover: %d %s", code, body)
	}
	if code, _ := s.get("/api/instances", token); code != http.StatusOK {
		t.Errorf("instances: %d", code)
	}
	second, err := exec.Command(s.cmd.Path, "serve", "--data", data, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(second), "another Basewright already serves") {
		t.Errorf("a second agent: %v %s", err, second)
	}
	for _, e := range must2(os.ReadDir(data)) {
		info, err := e.Info()
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v %v", e.Name(), info.Mode(), err)
		}
	}
	s.stop()
	again := startServe(t, data, noEngine)
	again.wait(time.Minute, func() bool { // by itself: nobody has asked /readyz
		_, page := again.get("/settings", token)
		return strings.Contains(page, "No Docker Engine answers") && strings.Contains(page, "unix:///nonexistent/basewright.sock")
	})
	if strings.Contains(again.out.String(), "password") {
		t.Errorf("the password is printed again:\n%s", again.out)
	}
	if code, _ := again.get("/api/me", token); code != http.StatusOK {
		t.Errorf("the login did not outlast a restart: %d", code)
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestServeWithADamagedDatabase(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, "basewright.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, data, noEngine)
	s.wait(time.Minute, func() bool { _, body := s.get("/readyz", ""); return strings.Contains(body, "is damaged") })
	if code, body := s.get("/api/instances", ""); code != http.StatusServiceUnavailable || !strings.Contains(body, path+" is damaged") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := s.get("/healthz", ""); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	if err := os.Rename(path, path+".bad"); err != nil { // a person mends it
		t.Fatal(err)
	}
	s.ready().logIn()
}

// TestLoad asks 10,000 times, 200 at once, reading and writing, and kills the
// agent in the middle. No answer is a failure of the agent, 503 neither, as 200 at
// once are no crowd; and no audit entry that was confirmed is lost.
func TestLoad(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServe(t, data, noEngine).ready()
	token := s.logIn()
	var confirmed atomic.Int64
	var made sync.Map // names of the tokens whose making was confirmed
	load := func(s *served, from, n int64, mayDie bool) {
		var next atomic.Int64
		next.Store(from)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				for i := next.Add(1); i <= from+n; i = next.Add(1) {
					method, path, body := mixed(i)
					code, answer, err := s.ask(method, path, token, body)
					switch {
					case err != nil && mayDie:
					case err != nil:
						t.Errorf("%s %s: %v", method, path, err)
					case code >= 500 || code == http.StatusUnauthorized:
						t.Errorf("%s %s: %d %s", method, path, code, answer)
					case method == http.MethodPost && code == http.StatusCreated:
						confirmed.Add(1)
						made.Store(tokenName(i), true)
					}
				}
			})
		}
		wg.Wait()
	}
	load(s, 0, 10_000, false)
	if confirmed.Load() < 500 {
		t.Errorf("only %d writes came through", confirmed.Load())
	}
	entries := verified(t, s, token)
	if entries < confirmed.Load() {
		t.Errorf("%d writes were confirmed, the audit log has %d entries", confirmed.Load(), entries)
	}
	t.Logf("%d writes confirmed, %d audit entries, %d MiB resident", confirmed.Load(), entries, resident(t, s))
	if mib := resident(t, s); mib > 300 {
		t.Errorf("%d MiB resident", mib)
	}
	done := make(chan bool)
	go func() { load(s, 10_000, 4_000, true); close(done) }()
	before := confirmed.Load()
	s.wait(time.Minute, func() bool { return confirmed.Load() > before+50 })
	s.kill() // SIGKILL, in the middle
	<-done
	again := startServe(t, data, noEngine).ready()
	verified(t, again, token)
	wantLogged(t, again, token, &made)
	if code, body := again.get("/api/tokens", token); code != http.StatusOK || strings.Count(body, `"id"`) < int(confirmed.Load()) {
		t.Errorf("after the kill: %d, and fewer tokens than the %d that were confirmed", code, confirmed.Load())
	}
}

// wantLogged wants an entry of the audit log for each token whose making was
// confirmed.
func wantLogged(t *testing.T, s *served, token string, made *sync.Map) {
	t.Helper()
	_, export := s.get("/api/audit/export", token)
	logged := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(export)); ; {
		var e core.AuditEntry
		if err := d.Decode(&e); err != nil {
			break
		}
		logged[e.Detail] = logged[e.Detail] || e.Action == "token.add"
	}
	made.Range(func(name, _ any) bool {
		if !logged[name.(string)] {
			t.Errorf("the audit log does not hold %s, which was confirmed", name)
		}
		return true
	})
}

// tokenName is what the i-th request calls its token.
func tokenName(i int64) string { return fmt.Sprintf("t%d", i) }

// mixed is the i-th request of the load: mostly reading, some writing, some
// wrong.
func mixed(i int64) (method, path, body string) {
	switch i % 10 {
	case 0:
		return http.MethodPost, "/api/tokens", fmt.Sprintf(`{"name":%q,"verbs":["read"]}`, tokenName(i))
	case 1:
		return http.MethodGet, "/api/audit?limit=5", ""
	case 2:
		return http.MethodGet, "/api/instances", ""
	case 3:
		return http.MethodGet, "/api/instances/ghost", ""
	case 4:
		return http.MethodPost, "/api/users", `{"name":`
	case 5:
		return http.MethodGet, "/api/schedules", ""
	case 6:
		return http.MethodGet, "/api/openapi.json", ""
	case 7:
		return http.MethodPut, "/api/users/ghost/grants/shop", `{"role":"viewer"}`
	case 8:
		return http.MethodGet, "/metrics", ""
	}
	return http.MethodGet, "/api/me", ""
}

// verified wants the audit log whole and returns its length.
func verified(t *testing.T, s *served, token string) int64 {
	t.Helper()
	code, body := s.get("/api/audit/verify", token)
	var out struct {
		Success bool
		Message string
		Entries int64
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || code != http.StatusOK || !out.Success {
		t.Fatalf("audit verify: %d %s", code, body)
	}
	return out.Entries
}

// resident returns the memory of the process in MiB.
func resident(t testing.TB, s *served) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(string(b))
	if _, err := fmt.Sscan(m[1], &kib); err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

func TestBackupOfTheStateByCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backup")
	data := filepath.Join(t.TempDir(), "data")
	var out, errs bytes.Buffer
	do := func(want int, args ...string) string {
		t.Helper()
		out.Reset()
		errs.Reset()
		if code := run(context.Background(), append([]string{"--data", data}, args...), console{out: &out, err: &errs, in: strings.NewReader("a long enough password\n")}); code != want {
			t.Fatalf("%v: %d, want %d: %s%s", args, code, want, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	do(0, "user", "add", "ana", "--role", "admin", "--password-stdin")
	do(2, "user", "add", "ana", "--role", "admin", "--password-stdin")
	if text := do(2, "user", "add", "ana", "--role", "admin"); strings.Contains(text, "Password") {
		t.Errorf("it tells a password that nobody has: %s", text)
	}
	do(0, "state", "backup", dir)
	do(2, "state", "backup", dir)
	do(0, "user", "add", "bob", "--role", "viewer", "--instance", "shop", "--password-stdin")
	do(0, "state", "check")
	do(0, "state", "check", dir)
	if text := do(0, "user", "list"); !strings.Contains(text, "viewer on shop") {
		t.Errorf("%s", text)
	}
	token := strings.TrimSpace(do(0, "token", "create", "cron", "--user", "ana", "--verb", "diagnose"))
	if text := do(0, "token", "list"); !strings.Contains(text, "cron") || strings.Contains(text, token) {
		t.Errorf("%s", text)
	}
	do(0, "token", "rotate-key")
	keys, err := os.ReadFile(filepath.Join(data, "signing-keys"))
	must(t, err)
	do(0, "token", "rotate-key")
	if now, err := os.ReadFile(filepath.Join(data, "signing-keys")); err != nil || bytes.Equal(now, keys) {
		t.Errorf("the key that signs logins is the old one, %v", err)
	}
	do(2, "user", "disable", "ana")
	do(2, "schedule", "add", "shop", "@daily", "--user", "ana")
	do(0, "schedule", "add", "*", "@daily", "--kind", "state-backup", "--user", "ana")
	do(0, "state", "restore", dir)
	if text := do(0, "user", "list"); strings.Contains(text, "bob") || !strings.Contains(text, "ana") {
		t.Errorf("after the restore: %s", text)
	}
	do(0, "audit", "verify")
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(1, "state", "check", dir)
	do(2, "state", "restore", dir)
	if _, err := store.VerifyBackup(t.Context(), dir); err == nil {
		t.Error("a spoiled backup is taken for good")
	}
}
