package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

func postgresOnly(t *testing.T) {
	t.Helper()
	if os.Getenv(testDatabase) == "" {
		t.Skip("TestEverythingOnPostgreSQL runs it")
	}
}

func aShop() core.Instance {
	return core.Instance{ID: "shop", Name: "Shop", Project: "shop", Dir: "/srv/shop", Origin: core.Adopted, Mode: core.Control}
}

// TestAnInstanceIsOfOneAgent: two agents share a database, and neither sees or
// takes what the other has.
func TestAnInstanceIsOfOneAgent(t *testing.T) {
	postgresOnly(t)
	address, ctx := coretest.EmptyDatabase(t, os.Getenv(testDatabase)), t.Context()
	one, two := openedIn(t, address), openedIn(t, address)
	mine := core.Schedule{ID: "s1", Instance: "shop", Kind: core.ScheduleDiagnose, Spec: "@hourly", Zone: "UTC", Enabled: true, Owner: "u", Created: time.Now(), Next: time.Now()}
	for what, err := range map[string]error{
		"instance": one.AddInstance(ctx, aShop(), anEntry("adopt")),
		"change":   one.SaveChange(ctx, aChange("c1", "shop", core.Applying), anEntry("change.apply")),
		"schedule": one.SaveSchedule(ctx, mine, anEntry("schedule.add")),
		"port":     one.ReservePort(ctx, "c1", "shop", "KONG_HTTP_PORT", 8000),
	} {
		if err != nil {
			t.Fatal(what, err)
		}
	}
	if err := two.AddInstance(ctx, aShop(), anEntry("adopt")); core.CodeOf(err) != core.Conflict {
		t.Errorf("the other adopts it, too: %v", err)
	}
	if _, err := two.Instance(ctx, "shop"); core.CodeOf(err) != core.NotFound {
		t.Errorf("the other sees it: %v", err)
	}
	if open, err := two.Unfinished(ctx); err != nil || len(open) != 0 {
		t.Errorf("the other would put back a change that is under way: %v, %v", open, err)
	}
	if list, err := two.Schedules(ctx); err != nil || len(list) != 0 {
		t.Errorf("the other has the schedule: %v, %v", list, err)
	}
	if won, err := two.ClaimSchedule(ctx, "s1", mine.Next, mine.Next.Add(time.Hour)); err != nil || won {
		t.Errorf("the other claims the run: %v, %v", won, err)
	}
	if err := two.ReservePort(ctx, "c9", "blog", "KONG_HTTP_PORT", 8000); err != nil {
		t.Errorf("a port of another host: %v", err)
	}
	if err := two.SetPlace(ctx, "shop", "/elsewhere", nil); err != nil {
		t.Error(err)
	}
	again, err := reopen(one.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if i, err := again.Instance(ctx, "shop"); err != nil || i.Dir != "/srv/shop" {
		t.Errorf("after a restart its agent has %+v, %v", i, err)
	}
	if won, err := again.ClaimSchedule(ctx, "s1", mine.Next, mine.Next.Add(time.Hour)); err != nil || !won {
		t.Errorf("its agent claims the run: %v, %v", won, err)
	}
}

// TestAgentsShareOneUnbrokenLog: both write at once, and both can prove it.
func TestAgentsShareOneUnbrokenLog(t *testing.T) {
	postgresOnly(t)
	address, ctx := coretest.EmptyDatabase(t, os.Getenv(testDatabase)), t.Context()
	agents := []*Store{openedIn(t, address), openedIn(t, address), openedIn(t, address)}
	const each = 40
	errs := make(chan error)
	for i, s := range agents {
		go func() {
			var err error
			for n := range each {
				err = errors.Join(err, s.Append(ctx, anEntry(fmt.Sprintf("agent %d entry %d", i, n))))
			}
			errs <- err
		}()
	}
	for range agents {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, s := range agents {
		if head, err := s.Verify(ctx); err != nil || head.Seq != int64(len(agents)*each) {
			t.Errorf("%+v, %v", head, err)
		}
	}
	tamper(t, agents[0], "update audit set detail = 'nicer' where seq = 7")
	if _, err := agents[1].Verify(ctx); err == nil || !strings.Contains(err.Error(), "audit entry 7 was changed") {
		t.Errorf("an edit: %v", err)
	}
}

// TestBackupOfPostgresIsAnySoundBackup takes one, and puts it into another
// database and into SQLite.
func TestBackupOfPostgresIsAnySoundBackup(t *testing.T) {
	postgresOnly(t)
	address, ctx := coretest.EmptyDatabase(t, os.Getenv(testDatabase)), t.Context()
	s, other := openedIn(t, address), openedIn(t, address)
	if err := other.Intent(ctx, aChange("c9", "blog", core.Applying), core.JournalEntry{Change: "c9", Seq: 1, Step: "x", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	ana := aUser("ana", map[string]core.Role{"*": core.Admin})
	for what, err := range map[string]error{
		"user":     s.AddUser(ctx, ana, "hash", anEntry("user.add")),
		"instance": s.AddInstance(ctx, aShop(), anEntry("adopt")),
		"change":   s.SaveChange(ctx, aChange("c1", "shop", core.Committed), anEntry("change.end")),
		"journal":  s.Intent(ctx, aChange("c2", "shop", core.Applying), core.JournalEntry{Change: "c2", Seq: 1, Step: "x", At: time.Now()}),
		"snapshot": s.SaveSnapshot(ctx, core.Snapshot{ID: "n1", Instance: "shop", Created: time.Now()}),
	} {
		if err != nil {
			t.Fatal(what, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "backup")
	m, err := s.Backup(ctx, dir)
	if err != nil || m.Audit.Seq != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	if again, err := VerifyBackup(ctx, dir); err != nil || again.Audit != m.Audit {
		t.Errorf("read back: %+v, %v", again, err)
	}
	full, _ := addresses.Load(s.path)
	if _, err := RestoreBackup(ctx, dir, filepath.Join(t.TempDir(), "basewright.db"), full.(string)); core.CodeOf(err) != core.Conflict {
		t.Errorf("over a state that is there: %v", err)
	}
	for name, address := range map[string]string{"PostgreSQL": coretest.EmptyDatabase(t, os.Getenv(testDatabase)), "SQLite": ""} {
		path := filepath.Join(t.TempDir(), "new", "basewright.db")
		if _, err := RestoreBackup(ctx, dir, path, address); err != nil {
			t.Fatal(name, err)
		}
		back, err := OpenAt(path, address)
		if err != nil {
			t.Fatal(name, err)
		}
		defer back.Close()
		if head, err := back.Verify(ctx); err != nil || head != m.Audit {
			t.Errorf("%s: audit %+v, %v", name, head, err)
		}
		u, hash, err := back.UserByName(ctx, "ANA")
		if err != nil || hash != "hash" || u.RoleOn("shop") != core.Admin {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
		if c, err := back.Change(ctx, "c1"); err != nil || c.Plan.Title != "a plan" || c.State != core.Committed {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if j, err := back.Journal(ctx, "c2"); err != nil || len(j) != 1 {
			t.Errorf("%s: journal %v, %v", name, j, err)
		}
	}
}

// TestBothSchemasAreTheSame holds the two sets of migrations to each other, and
// the rows that a backup carries to both.
func TestBothSchemasAreTheSame(t *testing.T) {
	postgresOnly(t)
	file := openedIn(t, "")
	columns := func(s *Store, query string) []string {
		var names []string
		if err := s.read.Raw(query).Scan(&names).Error; err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(names, cmp.Compare)
		return names
	}
	want := columns(file, `select m.name || '.' || c.name from sqlite_master m, pragma_table_info(m.name) c
		where m.type = 'table' and m.name not like 'goose%' and m.name not like 'sqlite%'`)
	got := columns(opened(t), `select table_name || '.' || column_name from information_schema.columns
		where table_schema = current_schema() and table_name not like 'goose%' and column_name <> 'agent'`)
	if len(want) < 100 || !slices.Equal(got, want) {
		t.Errorf("PostgreSQL has\n%s\nSQLite has\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
	held := columns(file, "select name from sqlite_master where type = 'table' and name not like 'goose%' and name not like 'sqlite%'")
	if len(held) != len(tables) {
		t.Errorf("a backup of PostgreSQL carries %d tables, and there are %d: %v", len(tables), len(held), held)
	}
}

func TestARoleThatSeesAllIsRefused(t *testing.T) {
	postgresOnly(t)
	address := strings.Replace(coretest.EmptyDatabase(t, os.Getenv(testDatabase)), "user=basewright", "user=postgres", 1)
	if s, err := OpenAt(filepath.Join(t.TempDir(), "basewright.db"), address); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "other agents") {
		t.Errorf("%v, %v", s, err)
	}
}

// A pooler would give one agent's session to another.
func TestAPoolerIsRefused(t *testing.T) {
	postgresOnly(t)
	address := coretest.Pooler(t, os.Getenv(testDatabase))
	s, err := OpenAt(filepath.Join(t.TempDir(), "basewright.db"), address)
	if err == nil {
		_ = s.Close()
	}
	if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "pooler") {
		t.Errorf("%v", err)
	}
}

func TestTheLogInPostgresIsNotEmptied(t *testing.T) {
	postgresOnly(t)
	s := opened(t)
	for _, table := range []string{"audit", "audit_archives"} {
		if err := s.write.Exec("truncate " + table).Error; err == nil {
			t.Errorf("%s can be emptied", table)
		}
	}
}

func TestAnAddressThatLeadsNowhere(t *testing.T) {
	const secret = "sesame-9f2"
	for address, says := range map[string]string{
		"postgres://ana:" + secret + "@127.0.0.1:1/none?connect_timeout=2": "does not answer",
		"postgres://ana:" + secret + "@[":                                  "it looks like postgres://",
	} {
		s, err := OpenAt(filepath.Join(t.TempDir(), "basewright.db"), address)
		if err == nil {
			_ = s.Close()
			t.Fatalf("%s opened", address)
		}
		if !strings.Contains(err.Error(), says) || strings.Contains(fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), secret) {
			t.Errorf("says %q, want %q and no password", err, says)
		}
	}
}

func TestExplainPostgres(t *testing.T) {
	for code, says := range map[string]string{"28P01": "check the user and the password", "3D000": "does not exist", "53100": "make room", "57P01": "does not answer", "25006": "read-only"} {
		err := explain("state at db", &pgconn.PgError{Code: code})
		if c, ok := errors.AsType[*core.Error](err); !ok || !strings.Contains(c.Message+c.Hint, says) {
			t.Errorf("%s says %v, want %q", code, err, says)
		}
	}
}
