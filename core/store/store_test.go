package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// testDatabase is the variable with the address of a PostgreSQL server, for the
// run of these tests there.
const testDatabase = "BASEWRIGHT_TEST_DATABASE"

// TestEverythingOnPostgreSQL runs every test of this package once more.
func TestEverythingOnPostgreSQL(t *testing.T) { coretest.OnPostgres(t, testDatabase) }

func opened(t testing.TB) *Store {
	return openedIn(t, coretest.EmptyDatabase(t, os.Getenv(testDatabase)))
}

// openedIn opens a state with a data folder of its own.
func openedIn(t testing.TB, address string) *Store {
	t.Helper()
	s, err := OpenAt(filepath.Join(t.TempDir(), "data", "basewright.db"), address)
	if err != nil {
		t.Fatal(err)
	}
	addresses.Store(s.path, address)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// addresses remembers where the state of a path is.
var addresses sync.Map

// reopen opens the state at a path as another program does.
func reopen(path string) (*Store, error) {
	address, _ := addresses.Load(path)
	at, _ := address.(string)
	return OpenAt(path, at)
}

// filesOnly leaves a test out that is about the SQLite file.
func filesOnly(t testing.TB) {
	t.Helper()
	if os.Getenv(testDatabase) != "" {
		t.Skip("it is about SQLite's files")
	}
}

func aChange(id, instance string, state core.ChangeState) core.Change {
	return core.Change{
		ID: id, Instance: instance, Actor: "cli:ana", State: state, Created: time.Date(2026, 11, 21, 18, 0, 0, 123456000, time.UTC),
		Plan:   core.Plan{Instance: instance, Title: "a plan", Actions: []core.Action{{Op: core.OpNote, Args: map[string]any{"text": "x"}}}},
		Before: core.Outlook{Status: core.Unhealthy, Critical: []string{"PG-01 db"}},
	}
}

func anEntry(action string) core.AuditEntry {
	return core.AuditEntry{At: time.Now(), Actor: "cli:ana", Action: action, Instance: "shop", Outcome: "ok", Detail: "d"}
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	filesOnly(t)
	s := opened(t)
	if err := s.Append(t.Context(), anEntry("a")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(s.path)
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v %v", fi.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 4 {
		t.Errorf("only %d files: the test looks in the wrong place", len(entries))
	}
	for _, e := range entries {
		if fi, err := e.Info(); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), fi.Mode(), err)
		}
	}
}

func TestKeyIsMadeOnce(t *testing.T) {
	s := opened(t)
	again, err := reopen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if len(s.Key()) != 32 || !reflect.DeepEqual(s.Key(), again.Key()) {
		t.Errorf("keys %d and %d bytes, equal %v", len(s.Key()), len(again.Key()), reflect.DeepEqual(s.Key(), again.Key()))
	}
	if err := os.WriteFile(s.beside("key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(s.path); err == nil || !strings.Contains(err.Error(), "5 bytes instead of 32") {
		t.Errorf("a cut key: %v", err)
	}
}

func TestSettings(t *testing.T) {
	s := opened(t)
	if _, err := s.Setting(t.Context(), "k"); core.CodeOf(err) != core.NotFound {
		t.Errorf("missing setting: %v", err)
	}
	for _, v := range []string{"1", "2"} {
		if err := s.SetSetting(t.Context(), "k", v); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := s.Setting(t.Context(), "k"); v != "2" || err != nil {
		t.Errorf("setting %q, %v", v, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	filesOnly(t)
	tests := map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"a file that is no database": {func(t *testing.T, path string) {
			mustWrite(t, path, []byte(strings.Repeat("not a database ", 100)))
		}, "is damaged"},
		"a database cut in the middle": {func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mustWrite(t, path, b[:len(b)/3])
		}, "is damaged"},
		"a database of a newer program": {func(t *testing.T, path string) {
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.write.Exec("insert into goose_db_version (version_id, is_applied) values (99, true)").Error; err != nil {
				t.Fatal(err)
			}
		}, "was written by a newer Basewright (schema 99"},
		"a folder in its place": {func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "cannot be opened"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := opened(t)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, s.path)
			again, err := Open(s.path)
			if err == nil {
				_ = again.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), s.path) {
				t.Errorf("says %q, want %q and the path", err, tt.says)
			}
		})
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	s := opened(t)
	address, _ := addresses.Load(s.path)
	other, err := open(s.path, address.(string), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx := s.write.Begin()
	defer tx.Rollback()
	if s.with == &onPostgres {
		if err := tx.Exec("select pg_advisory_xact_lock(?)", int64(writersLock)).Error; err != nil {
			t.Fatal(err)
		}
	}
	err = other.Append(t.Context(), anEntry("a"))
	if core.CodeOf(err) != core.Unreachable || !strings.Contains(err.Error(), "is locked by another program") {
		t.Errorf("locked: %v", err)
	}
}

func TestExplainReadOnlyAndFull(t *testing.T) {
	for failed, says := range map[sqlite3.Error]string{
		{Code: sqlite3.ErrReadonly}: "cannot be written", {Code: sqlite3.ErrFull}: "the disk is full", {Code: sqlite3.ErrIoErr}: "disk reports an error",
		{Code: sqlite3.ErrIoErr, SystemErrno: syscall.ENOSPC}: "the disk is full",
	} {
		if err := explain("/data/b.db", failed); !strings.Contains(err.Error(), says) {
			t.Errorf("%+v says %q, want %q", failed, err, says)
		}
	}
}

func TestTwoProgramsStartAtOnce(t *testing.T) {
	path, address := filepath.Join(t.TempDir(), "basewright.db"), coretest.EmptyDatabase(t, os.Getenv(testDatabase))
	errs := make(chan error)
	for range 4 {
		go func() {
			s, err := OpenAt(path, address)
			if err == nil {
				err = errors.Join(s.Append(t.Context(), anEntry("start")), s.Close())
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func mustWrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkOpenExisting(b *testing.B) {
	s := opened(b)
	path := s.path
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}

// BenchmarkJournalEntry writes a step down; it is on the disk when that returns.
func BenchmarkJournalEntry(b *testing.B) {
	s := opened(b)
	c := aChange("c1", "shop", core.Approved)
	if err := s.SaveChange(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	n := 0
	var took []time.Duration
	for b.Loop() {
		n++
		began := time.Now()
		if err := s.Intent(b.Context(), c, core.JournalEntry{Change: "c1", Seq: n, Step: "s", At: c.Created}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

func TestAnEmptiedDatabaseIsNotBegunAnew(t *testing.T) {
	filesOnly(t)
	path := filepath.Join(t.TempDir(), "b.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), core.AuditEntry{Actor: "cli:ana", Action: "change.apply", Outcome: "ok"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); core.CodeOf(err) != core.Conflict {
		t.Errorf("err = %v, want a conflict", err)
	}
}

func TestTheAgentIsTheSameForAllThatStartAtOnce(t *testing.T) {
	path, ids := filepath.Join(t.TempDir(), "agent"), make(chan string)
	for range 16 {
		go func() {
			id, err := loadAgent(path)
			if err != nil {
				t.Error(err)
			}
			ids <- id
		}()
	}
	first := <-ids
	for range 15 {
		if id := <-ids; id != first || id == "" {
			t.Errorf("one program is agent %q, another %q", first, id)
		}
	}
}
