package store

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// aged writes entries that are days old, a day apart, the newest of today.
func aged(t *testing.T, n int) *Store {
	t.Helper()
	s := opened(t)
	for i := range n {
		e := anEntry("change.end")
		e.At, e.Detail = time.Now().AddDate(0, 0, i+1-n), "bad \xff UTF-8"
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func daysAgo(n int) time.Time { return time.Now().AddDate(0, 0, -n).Add(-time.Hour) }

func TestArchivedAuditStaysWhole(t *testing.T) {
	s := aged(t, 10)
	before, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][2]int64{{1, 4}, {5, 7}} {
		a, err := s.ArchiveAudit(t.Context(), daysAgo(int(9-want[1])), anEntry("audit.archive"))
		if err != nil || a.First != want[0] || a.Last != want[1] {
			t.Fatalf("archived %+v, %v; want %v", a, err, want)
		}
		if info, err := os.Stat(a.Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", a.Path, info.Mode(), err)
		}
	}
	if _, err := s.ArchiveAudit(t.Context(), daysAgo(2), anEntry("audit.archive")); core.CodeOf(err) != core.NotFound {
		t.Errorf("archived twice: %v", err)
	}
	if left, err := s.Audit(t.Context(), 0); err != nil || len(left) != 5 {
		t.Errorf("%d entries are left, %v", len(left), err)
	}
	after, err := s.Verify(t.Context())
	if err != nil || after.Seq != before.Seq+2 {
		t.Errorf("the end is %+v, was %+v: %v", after, before, err)
	}
	var all bytes.Buffer
	lines := json.NewEncoder(&all)
	if err := s.ExportAudit(t.Context(), 0, func(e core.AuditEntry) error { return lines.Encode(e) }); err != nil {
		t.Fatal(err)
	}
	if first, end, err := CheckExport(bytes.NewReader(all.Bytes())); err != nil || first != 1 || end != after {
		t.Errorf("exported %d to %+v, %v", first, end, err)
	}
	edited := strings.Replace(all.String(), `"outcome":"ok"`, `"outcome":"no"`, 1)
	if _, _, err := CheckExport(strings.NewReader(edited)); err == nil {
		t.Error("an export that was edited is taken for good")
	}
	n := 0
	if err := s.ExportAudit(t.Context(), 6, func(e core.AuditEntry) error { n++; return nil }); err != nil || n != 6 {
		t.Errorf("after entry 6 come %d, %v", n, err)
	}
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := RestoreBackup(t.Context(), dir, s.path, ""); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if end, err := again.Verify(t.Context()); err != nil || end != after {
		t.Errorf("restored: %+v %v", end, err)
	}
}

func TestTamperedArchivesAreNoticed(t *testing.T) {
	spoil := func(edit func(string) string) func(*testing.T, *Store, string) {
		return func(t *testing.T, _ *Store, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(edit(string(b))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		do   func(*testing.T, *Store, string)
		says string
	}{
		"an entry of it was edited": {spoil(func(s string) string { return strings.Replace(s, `"ok"`, `"no"`, 1) }), "audit entry 1 was changed"},
		"its first line is gone":    {spoil(func(s string) string { _, rest, _ := strings.Cut(s, "\n"); return rest }), "audit entry 1 is missing"},
		"its last line is gone":     {spoil(func(s string) string { return s[:strings.LastIndex(strings.TrimSpace(s), "\n")+1] }), "is not what was written"},
		"a blank was added":         {spoil(func(s string) string { return s + " " }), "is not what was written"},
		"it is gone":                {func(t *testing.T, _ *Store, path string) { _ = os.Remove(path) }, "entries 1 to 3 are missing"},
		"more rows were taken away than it has": {func(t *testing.T, s *Store, _ string) {
			tamper(t, s, "delete from audit where seq = 4")
		}, "audit entry 4 is missing"},
		"the note of it was removed": {func(t *testing.T, s *Store, _ string) {
			tamper(t, s, "delete from audit_archives")
		}, "audit entry 1 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := aged(t, 6)
			a, err := s.ArchiveAudit(t.Context(), daysAgo(2), anEntry("audit.archive"))
			if err != nil {
				t.Fatal(err)
			}
			tt.do(t, s, a.Path)
			if _, err := s.Verify(t.Context()); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v, want %q", err, tt.says)
			}
		})
	}
}

func TestNobodyDeletesAuditRowsThatAreNotArchived(t *testing.T) {
	s := aged(t, 6)
	if _, err := s.ArchiveAudit(t.Context(), daysAgo(2), anEntry("audit.archive")); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"delete from audit", "delete from audit_archives", "update audit_archives set seq = 99"} {
		if err := s.write.Exec(sql).Error; err == nil {
			t.Errorf("%q was done", sql)
		}
	}
}

// TestAnArchiveThatWasCutOffIsMadeAgain: the agent died when the file was written
// and its entries were not taken out yet.
func TestAnArchiveThatWasCutOffIsMadeAgain(t *testing.T) {
	s := aged(t, 6)
	if _, err := s.writeArchive(t.Context(), Head{}, 2); err != nil {
		t.Fatal(err)
	}
	if head, err := s.Verify(t.Context()); err != nil || head.Seq != 6 {
		t.Errorf("%+v, %v", head, err)
	}
	if a, err := s.ArchiveAudit(t.Context(), daysAgo(3), anEntry("audit.archive")); err != nil || a.Last != 2 {
		t.Fatalf("%+v, %v", a, err)
	}
	if head, err := s.Verify(t.Context()); err != nil || head.Seq != 7 {
		t.Errorf("%+v, %v", head, err)
	}
}

// TestWhatCannotBeNotedStaysInTheLog: without the note in the log no entry goes.
func TestWhatCannotBeNotedStaysInTheLog(t *testing.T) {
	s := aged(t, 6)
	must(t, s.writeHead(Head{99, "of another log"}))
	row, err := s.writeArchive(t.Context(), Head{}, 3)
	must(t, err)
	if err := s.audited(t.Context(), anEntry("audit.archive"), func(tx *gorm.DB) error { return forget(tx, row) }); core.CodeOf(err) != core.Conflict {
		t.Errorf("archived without a note: %v", err)
	}
	if left, err := s.Audit(t.Context(), 0); err != nil || len(left) != 6 {
		t.Errorf("%d entries are left, %v", len(left), err)
	}
}

// TestAnExportLeavesNothingOut: what was archived while it was read is not passed
// over.
func TestAnExportLeavesNothingOut(t *testing.T) {
	s := opened(t)
	must(t, s.lasting(t.Context(), func(tx *gorm.DB) error {
		h, err := s.append(tx, slices.Repeat([]core.AuditEntry{anEntry("a")}, 1100))
		s.keepHead(h)
		return err
	}))
	read := int64(0)
	err := s.ExportAudit(t.Context(), 0, func(e core.AuditEntry) error {
		if read = e.Seq; read > 1 {
			return nil
		}
		_, err := s.ArchiveAudit(t.Context(), time.Now().Add(time.Hour), anEntry("audit.archive"))
		return err
	})
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "go on after entry 1000") || read != 1000 {
		t.Errorf("read up to %d: %v", read, err)
	}
}

// TestAnArchiveGivesRoomBack looks how large the file is before and after.
func TestAnArchiveGivesRoomBack(t *testing.T) {
	filesOnly(t)
	s := opened(t)
	e := anEntry("change.end")
	e.At, e.Detail = daysAgo(5), strings.Repeat("long ", 2000)
	for range 200 {
		must(t, s.Append(t.Context(), e))
	}
	size := func() (pages int64) {
		must(t, s.read.Raw("pragma page_count").Scan(&pages).Error)
		return pages
	}
	before := size()
	_, err := s.ArchiveAudit(t.Context(), daysAgo(2), anEntry("audit.archive"))
	must(t, err)
	if after := size(); after > before/2 {
		t.Errorf("the file has %d pages after the archive, %d before it", after, before)
	}
	_, err = s.Verify(t.Context())
	must(t, err)
}
