package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// server is an engine whose PostgreSQL knows databases by name and number, as far as
// a restore asks for them. It notes whatever lets a service run while postgres is not
// the one that was there.
type server struct {
	*coretest.Engine
	bases map[string]int64
	made  int64
	half  []string
}

const ofUsers = 5 // the number of the database that was there

func newServer(t *testing.T) (*Folder, *server, core.Snapshot) {
	t.Helper()
	s := &server{bases: map[string]int64{"postgres": ofUsers, "template1": 1}, made: 100}
	s.Engine = &coretest.Engine{Instance: shop, Containers: coretest.Running(core.DB, core.Auth), OnCall: s.watch, Commands: s.psql,
		Files: map[string]core.File{".env": {Name: ".env", Data: []byte("A=1\n"), Mode: 0o600}}}
	f := newFolder(t)
	obs, err := s.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snap, err := f.TakeScope(t.Context(), s, shop, obs, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	return f, s, snap
}

func (s *server) watch(_ *coretest.Engine, op, about string) {
	if s.bases["postgres"] != ofUsers && s.State(core.Auth) == "running" {
		s.half = append(s.half, op+" "+about)
	}
}

// psql answers what is asked by way of Exec.
func (s *server) psql(_ core.Service, c core.Command) (string, error) {
	switch sql := string(c.Stdin); {
	case strings.Contains(sql, "from pg_database"):
		return s.list(), nil
	case strings.HasPrefix(sql, "show server_version_num"):
		return "150008\n", nil
	case strings.Contains(sql, "pg_authid"):
		return `{"rolname":"anon","rolpassword":null,"rolcanlogin":false}` + "\n", nil
	}
	return "", nil
}

func (s *server) list() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.bases)) {
		if line, err := json.Marshal(database{Name: name, OID: s.bases[name]}); err == nil && (name == "postgres" || strings.HasPrefix(name, asidePrefix)) {
			b.Write(append(line, '\n'))
		}
	}
	return b.String()
}

var (
	renames = regexp.MustCompile(`ALTER DATABASE "(\w+)" RENAME TO "(\w+)"`)
	drops   = regexp.MustCompile(`DROP DATABASE "(\w+)"`)
)

// Stream implements core.Streamer.
func (s *server) Stream(_ context.Context, _ core.Service, c core.Command, in io.Reader, out io.Writer) (err error) {
	if got := s.State(core.DB); got != "running" {
		return core.Errorf(core.NotFound, "db is %q", got)
	}
	said := ""
	switch c.Args[0] {
	case "pg_dumpall":
		said = "CREATE ROLE anon;\n"
	case "pg_dump":
		said = "PGDMP of postgres"
	case "pg_restore":
		s.made++
		s.bases["postgres"] = s.made
		_, err = io.Copy(io.Discard, in)
	case "psql":
		sql, _ := io.ReadAll(in)
		said = s.runs(string(sql))
	}
	if err == nil {
		_, err = io.WriteString(out, said)
	}
	return err
}

func (s *server) runs(sql string) string {
	if strings.Contains(sql, "from pg_database") {
		return s.list()
	}
	if strings.Contains(sql, "'members'") {
		return `{"names":["anon"],"members":[]}`
	}
	for _, m := range drops.FindAllStringSubmatch(sql, -1) {
		delete(s.bases, m[1])
	}
	for _, m := range renames.FindAllStringSubmatch(sql, -1) {
		s.bases[m[2]] = s.bases[m[1]]
		delete(s.bases, m[1])
	}
	return ""
}

// killed does something until a failpoint, where it is killed.
func killed(t *testing.T, f *Folder, point string, do func() error) {
	t.Helper()
	f.Failpoint = func(name string) {
		if name == point {
			panic(point)
		}
	}
	defer func() {
		f.Failpoint = nil
		if got := recover(); got != point {
			t.Fatalf("it was not killed at %s: %v", point, got)
		}
	}()
	t.Errorf("it ended: %v", do())
}

// TestHalfOfADatabaseIsTakenBackAlone: a program was killed in the middle of loading,
// and meanwhile somebody let a service run, or removed the database's container. The
// database comes back by itself, and no other service before its contents do.
func TestHalfOfADatabaseIsTakenBackAlone(t *testing.T) {
	meanwhile := map[string]func(e *coretest.Engine){
		"nothing":              func(*coretest.Engine) {},
		"a service is started": func(e *coretest.Engine) { e.Containers[1].State = "running" },
		"the database is gone": func(e *coretest.Engine) { e.Containers = e.Containers[1:] },
	}
	for _, point := range []string{"restore.stop", "restore.roles", "restore.aside-1", "restore.database-1", "restore.start"} {
		for name, happens := range meanwhile {
			for what, back := range map[string]func(*Folder, *server, core.Snapshot) error{
				"a load":    func(f *Folder, s *server, snap core.Snapshot) error { return f.Unload(t.Context(), s, snap) },
				"a restore": func(f *Folder, s *server, snap core.Snapshot) error { return f.Restore(t.Context(), s, shop, snap) },
			} {
				t.Run(fmt.Sprintf("%s, killed at %s, %s", what, point, name), func(t *testing.T) {
					f, s, snap := newServer(t)
					killed(t, f, point, func() error { return f.Load(t.Context(), s, shop, snap) })
					s.Edit(happens)
					s.half = nil
					for range 2 {
						if err := back(f, s, snap); err != nil {
							t.Fatal(err)
						}
					}
					want := map[string]string{"a load": "exited", "a restore": "running"}[what]
					if s.bases["postgres"] != ofUsers || len(s.bases) != 2 || s.State(core.DB) != "running" || s.State(core.Auth) != want {
						t.Errorf("there are %v; db is %s, auth is %s", s.bases, s.State(core.DB), s.State(core.Auth))
					}
					s.mustHaveWaited(t)
				})
			}
		}
	}
}

// mustHaveWaited checks that nothing let a service run on half of the data; what a
// person let run is stopped first.
func (s *server) mustHaveWaited(t *testing.T) {
	t.Helper()
	for _, op := range s.half {
		if !strings.HasPrefix(op, "stop ") {
			t.Errorf("%q while the data was half loaded", op)
		}
	}
}
