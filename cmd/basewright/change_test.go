package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// TestChangeShowSaysWhatWasThinned: an empty journal would look like nothing done.
func TestChangeShowSaysWhatWasThinned(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(filepath.Join(data, "basewright.db"))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().AddDate(0, -6, 0)
	c := core.Change{ID: "old", Instance: "shop", State: core.Committed, Snapshot: "gone", Created: at, Finished: at, Thinned: time.Now(), Plan: core.Plan{Title: "Restart"}}
	if err := s.SaveChange(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	run(context.Background(), []string{"--data", data, "change", "show", "old"}, console{out: &out, err: &errs, in: strings.NewReader("")})
	said := out.String() + errs.String()
	if !strings.Contains(said, "were thinned out on "+time.Now().Format(time.DateOnly)) || strings.Contains(said, "\nJournal") || strings.Contains(said, "change undo") || !strings.Contains(said, "Receipt old") {
		t.Errorf("it says:\n%s", said)
	}
}
