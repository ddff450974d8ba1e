package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReportsAreOfTheNewestDays lets reports come day by day beside a file that
// somebody put there.
func TestReportsAreOfTheNewestDays(t *testing.T) {
	dir := t.TempDir()
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range reportsKept + 2 {
		for _, kind := range []string{"json", "csv", "html"} {
			must(t, os.WriteFile(filepath.Join(dir, day.Format(time.DateOnly)+"."+kind), nil, 0o600))
		}
		day = day.AddDate(0, 0, 1)
	}
	must(t, os.WriteFile(filepath.Join(dir, "2025-notes.txt"), nil, 0o600))
	must(t, dropOldReports(dir))
	left, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if len(names) != 3*reportsKept+1 || fmt.Sprint(names[:3]) != "[2025-notes.txt 2026-01-03.csv 2026-01-03.html]" {
		t.Errorf("%d files are left, the first %v", len(names), names[:3])
	}
}
