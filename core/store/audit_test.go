package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestVerifyNamesTheFirstBadEntry(t *testing.T) {
	tests := map[string]struct {
		tamper []string
		says   string
	}{
		"nothing was touched":              {nil, ""},
		"an entry was edited":              {[]string{"update audit set detail = 'nicer' where seq = 3"}, "audit entry 3 was changed"},
		"an entry in the middle is gone":   {[]string{"delete from audit where seq = 2"}, "audit entry 2 is missing"},
		"the end was cut":                  {[]string{"delete from audit where seq > 3"}, "audit entry 4 is missing: the log was cut; it had 5 entries"},
		"all of it was cut":                {[]string{"delete from audit"}, "audit entry 1 is missing: the log was cut"},
		"two entries changed places":       {[]string{"update audit set seq = 99 where seq = 2", "update audit set seq = 2 where seq = 3", "update audit set seq = 3 where seq = 99"}, "audit entry 2 was changed"},
		"an entry was put between":         {[]string{"update audit set seq = seq + 100 where seq >= 3", "insert into audit select 3, at, actor, action, instance, outcome, detail, prev, hash from audit where seq = 2", "update audit set seq = seq - 99 where seq > 100"}, "audit entry 3 was changed"},
		"the hash was edited with the row": {[]string{"update audit set detail = 'x', hash = 'y' where seq = 5"}, "audit entry 5 was changed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := opened(t)
			for range 5 {
				if err := s.Append(t.Context(), anEntry("change.end")); err != nil {
					t.Fatal(err)
				}
			}
			tamper(t, s, tt.tamper...)
			head, err := s.Verify(t.Context())
			if tt.says == "" {
				if err != nil || head.Seq != 5 || len(head.Hash) != 64 {
					t.Errorf("head %+v, %v", head, err)
				}
				return
			}
			if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v, want %q", err, tt.says)
			}
		})
	}
}

func tamper(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	on := func(string) string { return "" }
	if s.with == &onPostgres {
		on = func(table string) string { return " on " + table }
	}
	for _, sql := range append([]string{
		"drop trigger audit_is_never_changed" + on("audit"), "drop trigger audit_is_never_deleted" + on("audit"),
		"drop trigger audit_archives_are_never_deleted" + on("audit_archives"),
	}, statements...) {
		if err := s.write.Exec(sql).Error; err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// TestVerifyReadsWhateverWasWritten: also texts with the characters that the
// proof takes entries apart by.
func TestVerifyReadsWhateverWasWritten(t *testing.T) {
	s := opened(t)
	for _, text := range []string{"", "\x1f", "a\x1fb\x1fc", "line\nbreak", "\xff\x00", strings.Repeat("long ", 10_000)} {
		e := anEntry("change.end")
		e.Detail, e.Actor = text, text
		if err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if head, err := s.Verify(t.Context()); err != nil || head.Seq != 6 {
		t.Errorf("%+v %v", head, err)
	}
	tamper(t, s, "update audit set detail = 'b', actor = actor || '\x1f' where seq = 1")
	if _, err := s.Verify(t.Context()); err == nil {
		t.Error("a separator that was put in is not noticed")
	}
}

func TestVerifyStopsWhenNobodyWaits(t *testing.T) {
	s := opened(t)
	manyEntries(t, s, 3000)
	if end, err := s.chain(gone{context.Background()}, nil); !errors.Is(err, context.Canceled) || end.Seq >= 3000 {
		t.Errorf("it went on to entry %d: %v", end.Seq, err)
	}
}

// gone is the context of somebody who left a moment ago: what began goes on
// until it is asked.
type gone struct{ context.Context }

func (gone) Err() error { return context.Canceled }

func TestAuditIsAppendOnly(t *testing.T) {
	s := opened(t)
	if err := s.Append(t.Context(), anEntry("a")); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"update audit set detail = 'x'", "delete from audit"} {
		if err := s.write.Exec(sql).Error; err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
}

func TestACutLogIsNotContinued(t *testing.T) {
	s := opened(t)
	for range 3 {
		if err := s.Append(t.Context(), anEntry("a")); err != nil {
			t.Fatal(err)
		}
	}
	tamper(t, s, "delete from audit where seq = 3")
	err := s.SaveChange(t.Context(), aChange("c1", "shop", core.Approved), anEntry("change.apply"))
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "was cut or replaced: it ended with entry 3") {
		t.Fatalf("append to a cut log: %v", err)
	}
	if err := os.Remove(s.headPath()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("verify without the head file: %v", err)
	}
	if err := s.Append(t.Context(), anEntry("a")); err != nil {
		t.Fatal(err)
	}
	list, err := s.Audit(t.Context(), 2)
	if err != nil || len(list) != 2 || list[1].Action != "audit.head_missing" {
		t.Errorf("going on is recorded: %+v, %v", list, err)
	}
	if head, err := s.Verify(t.Context()); err != nil || head.Seq != 4 {
		t.Errorf("head %+v, %v", head, err)
	}
}

func TestHeadThatWasLostWithTheAgentCatchesUp(t *testing.T) {
	s := opened(t)
	if err := s.Append(t.Context(), anEntry("a")); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(s.headPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), anEntry("b")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s.headPath(), old)
	if _, err := s.Verify(t.Context()); err != nil {
		t.Errorf("a head that is behind: %v", err)
	}
	again, err := reopen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if h, err := again.readHead(); err != nil || h.Seq != 2 {
		t.Errorf("head %+v, %v", h, err)
	}
}
