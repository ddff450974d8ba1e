package coretest

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// requirePostgres is the variable that turns a missing PostgreSQL from a skipped
// test into a failed one.
const requirePostgres = "BASEWRIGHT_REQUIRE_POSTGRES"

// OnPostgres runs the tests of the package that calls it once more, in a process
// of its own, with the address of a new PostgreSQL server in the variable. The
// tests read it and open their stores there. Tests that are about files of
// SQLite leave themselves out.
func OnPostgres(t *testing.T, variable string) {
	t.Helper()
	if os.Getenv(variable) != "" {
		t.Skip("this is the run on PostgreSQL")
	}
	if testing.Short() {
		t.Skip("it starts a server")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.timeout=5m")
	cmd.Env = append(os.Environ(), variable+"="+Postgres(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("on PostgreSQL: %v\n%s", err, out)
	}
}

// EmptyDatabase returns the address of an empty schema of its own in a server, or
// "" where there is none. The test's package links the driver pgx.
func EmptyDatabase(t testing.TB, server string) string {
	t.Helper()
	if server == "" {
		return ""
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	schema := "t" + strings.ToLower(core.NewID())
	if _, err := db.ExecContext(t.Context(), "create schema "+schema); err != nil {
		t.Fatal(err)
	}
	return server + "&search_path=" + schema
}

// Postgres starts a server on a socket in a folder of its own, as a user
// that is not root, and returns the address of a database whose owner is no
// superuser. It ends with the test.
func Postgres(t *testing.T) string {
	t.Helper()
	bin := postgresPrograms(t)
	dir, err := os.MkdirTemp("", "bw-pg-") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	who := nobodyWhenRoot(t, dir)
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, who
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+dir)
		log, err := os.Create(filepath.Join(dir, "log."+name)) // a pipe would be held open by the server
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
	}
	data := filepath.Join(dir, "data")
	run("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", data)
	run("pg_ctl", "-w", "-D", data, "-l", filepath.Join(dir, "log"), "-o", fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories=%s -c fsync=off -c max_connections=200", dir), "start")
	t.Cleanup(func() { run("pg_ctl", "-w", "-m", "immediate", "-D", data, "stop") })
	run("createuser", "-h", dir, "-U", "postgres", "basewright")
	run("createdb", "-h", dir, "-U", "postgres", "-O", "basewright", "basewright")
	return "postgres:///basewright?" + url.Values{"host": {dir}, "user": {"basewright"}}.Encode()
}

// Pooler starts a PgBouncer that pools by transaction before the server at an
// address that Postgres returned, and returns its address. It ends with the test.
func Pooler(t *testing.T, server string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv(requirePostgres) != "" {
			t.Fatal("PgBouncer is not installed: apt install pgbouncer")
		}
		t.Skip("PgBouncer is not installed: apt install pgbouncer, then run this test again")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bw-pool-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	who := nobodyWhenRoot(t, dir)
	config := fmt.Sprintf("[databases]\nbasewright = host=%s user=basewright\n[pgbouncer]\npool_mode = transaction\nlisten_addr =\nlisten_port = 5432\nunix_socket_dir = %s\nauth_type = any\n"+
		"logfile = %s/log\n", u.Query().Get("host"), dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "ini"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, filepath.Join(dir, "ini"))
	cmd.Dir, cmd.SysProcAttr = dir, who
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if _, err := os.Stat(filepath.Join(dir, ".s.PGSQL.5432")); err == nil {
			return "postgres:///basewright?" + url.Values{"host": {dir}, "user": {"basewright"}}.Encode()
		}
		time.Sleep(50 * time.Millisecond) // nothing tells when another process is so far
	}
	said, _ := os.ReadFile(filepath.Join(dir, "log"))
	t.Fatalf("PgBouncer did not start:\n%s", said)
	return ""
}

// postgresPrograms returns the folder with the newest server of the system.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		return filepath.Dir(slices.Max(found))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	missing := "PostgreSQL is not installed: apt install postgresql (or what this system calls its server), then run this test again"
	if os.Getenv(requirePostgres) != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// nobodyWhenRoot gives a folder to a user who owns nothing else, since the server
// refuses to be run by root.
func nobodyWhenRoot(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		return nil
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
