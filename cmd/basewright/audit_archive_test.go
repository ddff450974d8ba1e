package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/store"
)

// TestAgentsThatShareADatabaseArchive: the log is proven by both, and the one
// without the file says what it did not read.
func TestAgentsThatShareADatabaseArchive(t *testing.T) {
	t.Parallel()
	address, one, two := coretest.Postgres(t), filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	code := 0
	said := func(data string, args ...string) string {
		var out, errs bytes.Buffer
		code = run(context.Background(), append([]string{"--data", data, "--database", address, "audit"}, args...), console{out: &out, err: &errs, in: strings.NewReader("")})
		return out.String() + errs.String()
	}
	for _, data := range []string{one, two} {
		s, err := store.OpenAt(filepath.Join(data, "basewright.db"), address)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			e := core.AuditEntry{At: time.Now().AddDate(0, 0, -9), Actor: "user:ana", Action: "change.end", Instance: "shop", Outcome: "ok"}
			if err := s.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := said(one, "archive", "--older-than-days", "7"); !strings.HasPrefix(got, "entries 1 to 6 are in "+one) {
		t.Errorf("archive: %s", got)
	}
	if got := said(one, "verify"); !strings.HasPrefix(got, "8 entries, unbroken") || strings.Contains(got, "not read") || code != exitOK {
		t.Errorf("its keeper: exit %d, %s", code, got)
	}
	if got := said(two, "verify"); !strings.HasPrefix(got, "8 entries, unbroken") || !strings.Contains(got, "entries 1 to 6 were not read: another agent keeps them") || code != exitNoSight {
		t.Errorf("the other: exit %d, %s", code, got)
	}
	if got := said(two, "export"); !strings.Contains(got, "which another agent keeps") {
		t.Errorf("export: %s", got)
	}
}
