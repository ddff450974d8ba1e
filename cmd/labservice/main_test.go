package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	dbPassword = "lab-password"
	jwtSecret  = "a-test-secret-of-at-least-32-characters"
)

// postgres is the tests' own server.
type postgres struct {
	port string
	cmd  *exec.Cmd
	dir  string
}

var (
	server     *postgres
	serverErr  error
	serverOnce sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if server != nil {
		server.cmd.Process.Signal(syscall.SIGINT)
		server.cmd.Wait()
		os.RemoveAll(server.dir)
	}
	os.Exit(code)
}

// startPostgres starts a private server as an unprivileged user, once for all tests, or skips.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	serverOnce.Do(func() { server, serverErr = newPostgres() })
	if serverErr != nil {
		t.Skip("PostgreSQL:", serverErr)
	}
	return server
}

// unprivileged makes cmd run as nobody when the tests run as root, which PostgreSQL refuses.
func unprivileged(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	cmd.Dir = "/"
	return cmd
}

func newPostgres() (*postgres, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return nil, fmt.Errorf("no server under /usr/lib/postgresql")
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "labservice-pg")
	if err != nil {
		return nil, err
	}
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte(dbPassword), 0o644); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := unprivileged(exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "supabase_admin", "-A", "scram-sha-256", "--pwfile", pw, "--no-sync", "-E", "UTF8", "--locale=C"))
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := unprivileged(exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir, "-c", "fsync=off", "-c", "max_connections=200"))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &postgres{port: port, cmd: cmd, dir: dir}
	return p, p.waitAndInit()
}

const rolesSQL = `
create role postgres superuser login password '%[1]s';
create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit password '%[1]s'; grant anon, authenticated, service_role to authenticator;
create role supabase_auth_admin noinherit createrole login password '%[1]s';
create role supabase_storage_admin noinherit createrole login password '%[1]s'; grant anon, authenticated, service_role to supabase_storage_admin;
alter role supabase_auth_admin set search_path = auth; alter role supabase_storage_admin set search_path = storage;`

func (p *postgres) waitAndInit() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var c *pgx.Conn
	for {
		if c, err = pgx.Connect(ctx, p.url("supabase_admin", "postgres")); err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	defer c.Close(ctx)
	_, err = c.PgConn().Exec(ctx, fmt.Sprintf(rolesSQL, dbPassword)).ReadAll()
	return err
}

func (p *postgres) url(user, db string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s/%s?sslmode=disable", user, dbPassword, p.port, db)
}

// database makes a fresh database with the schemas of an instance and returns its name.
func (p *postgres) database(t *testing.T) string {
	t.Helper()
	name := "t" + strings.ReplaceAll(newUUID(), "-", "")[:12]
	p.exec(t, "postgres", "create database "+name)
	p.exec(t, name, `create schema auth authorization supabase_auth_admin; create schema storage authorization supabase_storage_admin;
		create schema _realtime authorization supabase_admin; create schema _supavisor; create schema _analytics;
		grant usage on schema public, auth, storage to anon, authenticated, service_role;`)
	return name
}

func (p *postgres) exec(t *testing.T, db, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), p.url("supabase_admin", db))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// text runs a query for one text.
func (p *postgres) text(t *testing.T, db, sql string) (s string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), p.url("supabase_admin", db))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), sql).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// buffer is a log that many goroutines write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run starts a command that is expected to end by itself and returns its exit code and all it wrote.
func run(t *testing.T, c command, e env, args ...string) (int, string) {
	t.Helper()
	out := &buffer{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	code := c(ctx, proc{args: args, env: e, stdout: out, stderr: out})
	if ctx.Err() != nil {
		t.Fatalf("still running; output:\n%s", out)
	}
	return code, out.String()
}

// ask sends a request to h. Extra strings are headers, "Name: value".
func ask(t *testing.T, h http.Handler, method, target, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, line := range headers {
		if k, v, _ := strings.Cut(line, ": "); k == "Host" {
			r.Host = v
		} else {
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b), w.Header()
}

func want(t *testing.T, what, got, sub string) {
	t.Helper()
	if !strings.Contains(got, sub) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, sub)
	}
}

// freePort is a port on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestPick(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		rest int
		ok   bool
	}{
		"by its own name, as a link":        {[]string{"/usr/local/bin/gotrue"}, 0, true},
		"by the first argument":             {[]string{"/labservice", "kong", "health"}, 1, true},
		"a tool":                            {[]string{"wget", "--spider", "http://x"}, 2, true},
		"an unknown name is not a service":  {[]string{"/labservice", "nosuch"}, 0, false},
		"no name at all is not a service":   {[]string{"/labservice"}, 0, false},
		"edge-runtime keeps its arguments":  {[]string{"edge-runtime", "start", "--main-service", "/x"}, 3, true},
		"a service by name wins over args1": {[]string{"postgrest", "--ready"}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, rest, ok := pick(tt.args)
			if ok != tt.ok || len(rest) != tt.rest {
				t.Errorf("got %v, %v", rest, ok)
			}
		})
	}
}

func TestTermEndsAServiceWithCodeZero(t *testing.T) {
	port := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() {
		done <- runImgproxy(ctx, proc{env: env{"IMGPROXY_BIND": "127.0.0.1:" + port}, stdout: io.Discard, stderr: io.Discard})
	}()
	for range 100 {
		if code, _ := run(t, runImgproxy, env{"IMGPROXY_BIND": ":" + port}, "health"); code == 0 {
			cancel()
			select {
			case code := <-done:
				if code != 0 {
					t.Errorf("exit %d", code)
				}
			case <-time.After(3 * time.Second):
				t.Error("did not end")
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("never healthy")
}
