package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// sharing opens two agents on one database whose log has six entries, a day
// apart; the first has archived the first three.
func sharing(t *testing.T) (one, two *Store, a Archive) {
	t.Helper()
	postgresOnly(t)
	address := coretest.EmptyDatabase(t, os.Getenv(testDatabase))
	one, two = openedIn(t, address), openedIn(t, address)
	for i := range 6 {
		e := anEntry("change.end")
		e.At = time.Now().AddDate(0, 0, i-5)
		must(t, one.Append(t.Context(), e))
	}
	a, err := one.ArchiveAudit(t.Context(), daysAgo(2), anEntry("audit.archive"))
	must(t, err)
	return one, two, a
}

func all(s *Store, t *testing.T, after int64) (n int, err error) {
	err = s.ExportAudit(t.Context(), after, func(core.AuditEntry) error { n++; return nil })
	return n, err
}

// TestAgentsProveALogThatAnotherArchived: the one without the file goes on from
// its note, says so, and reads a copy as strictly as the keeper.
func TestAgentsProveALogThatAnotherArchived(t *testing.T) {
	one, two, a := sharing(t)
	ctx := t.Context()
	want, err := one.Verify(ctx)
	must(t, err)
	if head, err := two.Verify(ctx); err != nil || head != want {
		t.Errorf("the other proves %+v, %v; want %+v", head, err, want)
	}
	if list, err := two.Elsewhere(ctx); err != nil || len(list) != 1 || list[0] != (Archive{filepath.Base(a.Path), 1, 3}) {
		t.Errorf("elsewhere are %+v, %v", list, err)
	}
	if _, err := all(two, t, 0); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "another agent keeps") {
		t.Errorf("exported without the file: %v", err)
	}
	if n, err := all(two, t, 3); err != nil || n != 4 {
		t.Errorf("after the archive come %d, %v", n, err)
	}
	if _, err := two.ArchiveAudit(ctx, daysAgo(1), anEntry("audit.archive")); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Store{"the first": one, "the second": two} {
		if head, err := s.Verify(ctx); err != nil || head.Seq != 8 {
			t.Errorf("%s proves %+v, %v", name, head, err)
		}
	}
	b, err := os.ReadFile(a.Path)
	must(t, err)
	mustWrite(t, two.beside(filepath.Base(a.Path)), b)
	if n, err := all(two, t, 0); err != nil || n != 8 {
		t.Errorf("with a copy come %d, %v", n, err)
	}
	mustWrite(t, two.beside(filepath.Base(a.Path)), []byte(strings.Replace(string(b), `"ok"`, `"no"`, 1)))
	if _, err := two.Verify(ctx); err == nil || !strings.Contains(err.Error(), "audit entry 1 was changed") {
		t.Errorf("an edited copy: %v", err)
	}
	must(t, os.Remove(a.Path))
	if _, err := one.Verify(ctx); err == nil || !strings.Contains(err.Error(), "entries 1 to 3 are missing") {
		t.Errorf("its keeper lost it: %v", err)
	}
}

// TestAnAgentThatWasAwayGoesOn: what it saw last is in the other's archive.
func TestAnAgentThatWasAwayGoesOn(t *testing.T) {
	one, two, _ := sharing(t)
	var saw auditRow
	must(t, one.read.Order("seq").Take(&saw).Error)
	for seq, fits := range map[int64]bool{2: true, 3: false} { // of 3 the note has the hash
		must(t, two.writeHead(Head{seq, saw.Hash}))
		if err := two.Append(t.Context(), anEntry("a")); (err == nil) != fits {
			t.Errorf("seen up to %d: %v", seq, err)
		}
	}
}

func TestOfTwoThatArchiveOneIsRefused(t *testing.T) {
	postgresOnly(t)
	address, ctx := coretest.EmptyDatabase(t, os.Getenv(testDatabase)), t.Context()
	one, two := openedIn(t, address), openedIn(t, address)
	for range 6 {
		must(t, one.Append(ctx, anEntry("a")))
	}
	late, err := two.writeArchive(ctx, Head{}, 4)
	must(t, err)
	if _, err := one.ArchiveAudit(ctx, time.Now().Add(time.Hour), anEntry("audit.archive")); err != nil {
		t.Fatal(err)
	}
	err = two.audited(ctx, anEntry("audit.archive"), func(tx *gorm.DB) error { return forget(tx, late) })
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "up to entry 5 meanwhile") {
		t.Errorf("the second archives the same: %v", err)
	}
	for _, s := range []*Store{one, two} {
		if head, err := s.Verify(ctx); err != nil || head.Seq != 7 {
			t.Errorf("%+v, %v", head, err)
		}
	}
}

// TestAMadeUpArchiveIsNoticed: rows are taken away behind a note that names an
// agent which never was.
func TestAMadeUpArchiveIsNoticed(t *testing.T) {
	one, two, _ := sharing(t)
	tamper(t, one, "insert into audit_archives (seq, hash, first, file, sha256, at, keeper) select seq, hash, 4, 'gone', '', at, 'nobody' from audit where seq = 5",
		"delete from audit where seq <= 5")
	for _, s := range []*Store{one, two} {
		if _, err := s.Verify(t.Context()); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "does not say that they were archived") {
			t.Errorf("says %v", err)
		}
	}
}

// TestABackupKnowsWhoKeepsAnArchive: of either agent it can be restored, and each
// misses only what is its own.
func TestABackupKnowsWhoKeepsAnArchive(t *testing.T) {
	one, two, a := sharing(t)
	ctx := t.Context()
	for name, tt := range map[string]struct {
		of        *Store
		elsewhere int
	}{"its keeper's": {one, 0}, "the other's": {two, 1}} {
		dir, path := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new", "basewright.db")
		if _, err := tt.of.Backup(ctx, dir); err != nil {
			t.Fatal(name, err)
		}
		if _, err := RestoreBackup(ctx, dir, path, ""); err != nil {
			t.Fatal(name, err)
		}
		back, err := Open(path)
		must(t, err)
		defer back.Close()
		list, err := back.Elsewhere(ctx)
		if _, broken := back.Verify(ctx); broken != nil || err != nil || len(list) != tt.elsewhere {
			t.Errorf("%s: %v, elsewhere %v, %v", name, broken, list, err)
		}
		if tt.elsewhere == 0 {
			must(t, os.Remove(back.beside(filepath.Base(a.Path))))
			if _, err := back.Verify(ctx); err == nil || !strings.Contains(err.Error(), "entries 1 to 3 are missing") {
				t.Errorf("%s without the file: %v", name, err)
			}
		}
	}
}

// TestAStateFromSQLiteKeepsItsArchives: in PostgreSQL they are the agent's that
// brought them.
func TestAStateFromSQLiteKeepsItsArchives(t *testing.T) {
	postgresOnly(t)
	ctx, file := t.Context(), openedIn(t, "")
	for range 4 {
		must(t, file.Append(ctx, anEntry("a")))
	}
	if _, err := file.ArchiveAudit(ctx, time.Now().Add(time.Hour), anEntry("audit.archive")); err != nil {
		t.Fatal(err)
	}
	dir, path, address := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new", "basewright.db"), coretest.EmptyDatabase(t, os.Getenv(testDatabase))
	if _, err := file.Backup(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := RestoreBackup(ctx, dir, path, address); err != nil {
		t.Fatal(err)
	}
	back, err := OpenAt(path, address)
	must(t, err)
	defer back.Close()
	other := openedIn(t, address)
	must(t, other.Append(ctx, anEntry("a")))
	for name, s := range map[string]*Store{"its agent": back, "another": other} {
		list, err := s.Elsewhere(ctx)
		if _, broken := s.Verify(ctx); broken != nil || err != nil || len(list) != map[string]int{"another": 1}[name] {
			t.Errorf("%s: %v, elsewhere %v, %v", name, broken, list, err)
		}
	}
}
