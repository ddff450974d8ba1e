package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReportsAreOfTheNewestDays lets reports come day by day beside a file that
// somebody put there.
func TestReportsAreOfTheNewestDays(t *testing.T) {
	a := idleAgent(t)
	dir := filepath.Join(a.data(), "reports")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "2025-notes.txt"), nil, 0o600))
	nothing := func(io.Writer) error { return nil }
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range reportsKept + 2 {
		_, err := a.keepReport("reports", day, "a report", nothing, nothing)
		must(t, err)
		day = day.AddDate(0, 0, 1)
	}
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
