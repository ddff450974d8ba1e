package store

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestALogThatWasReplacedByANote: whoever owns the database puts a note of an archive
// that never was in the place of every entry. No trigger hinders them.
func TestALogThatWasReplacedByANote(t *testing.T) {
	postgresOnly(t)
	s := openedIn(t, coretest.EmptyDatabase(t, os.Getenv(testDatabase)))
	for range 6 {
		must(t, s.Append(t.Context(), anEntry("evil deed")))
	}
	last, err := lastHead(s.write)
	must(t, err)
	row := archiveRow{Seq: 6, First: 1, File: "gone.jsonl", SHA256: "00", Hash: last.Hash, At: stamp(time.Now()), Keeper: "nobody"}
	e := core.AuditEntry{Seq: 7, At: stamp(time.Now()), Actor: "system", Action: "audit.archive", Outcome: "ok", Detail: row.note(), Prev: row.Hash}
	e.Hash = hashOf(e)
	r := auditRow(e)
	must(t, s.write.Create(&row).Error)
	must(t, s.write.Exec("delete from audit").Error)
	must(t, s.write.Create(&r).Error)
	if head, err := s.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "does not say that they were archived") {
		t.Errorf("it passes for whole: %+v, %v", head, err)
	}
	if err := s.Append(t.Context(), anEntry("goes on")); err == nil || !strings.Contains(err.Error(), "was cut or replaced") {
		t.Errorf("it is written on: %v", err)
	}
}

// TestTheHeadIsComparedInAnArchive, be it read or taken by its note.
func TestTheHeadIsComparedInAnArchive(t *testing.T) {
	one, two, _ := sharing(t)
	for name, tt := range map[string]struct {
		of  *Store
		seq int64
	}{"read": {one, 2}, "read, its end": {one, 3}, "taken by its note": {two, 3}} {
		must(t, tt.of.writeHead(Head{tt.seq, strings.Repeat("0", 64)}))
		if head, err := tt.of.Verify(t.Context()); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "is not the one that was recorded beside the database") {
			t.Errorf("%s: %+v, %v", name, head, err)
		}
	}
}
