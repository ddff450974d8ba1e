package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// reads are what the agent asks of its database, part by part.
var reads = map[string]func(ctx context.Context, s *Store) error{
	"users":       func(ctx context.Context, s *Store) error { return second(s.Users(ctx)) },
	"instances":   func(ctx context.Context, s *Store) error { return second(s.Instances(ctx)) },
	"schedules":   func(ctx context.Context, s *Store) error { return second(s.Schedules(ctx)) },
	"windows":     func(ctx context.Context, s *Store) error { return second(s.Windows(ctx, time.Now())) },
	"changes":     func(ctx context.Context, s *Store) error { return second(s.Changes(ctx, "", 0)) },
	"unfinished":  func(ctx context.Context, s *Store) error { return second(s.Unfinished(ctx)) },
	"snapshots":   func(ctx context.Context, s *Store) error { return second(s.Snapshots(ctx, "")) },
	"quarantine":  func(ctx context.Context, s *Store) error { return second(s.Quarantine(ctx, "")) },
	"tokens":      func(ctx context.Context, s *Store) error { return second(s.Tokens(ctx, "")) },
	"the log":     func(ctx context.Context, s *Store) error { return second(s.Audit(ctx, 10)) },
	"all the log": func(ctx context.Context, s *Store) error { return second(s.Verify(ctx)) },
	"a write":     func(ctx context.Context, s *Store) error { return s.Writable(ctx) },
}

func second[T any](_ T, err error) error { return err }

// TestEveryPageDamaged overwrites one page after another. Whoever meets it is told
// which file is damaged and what to do, from then on the store knows, and a check
// finds what nobody met.
func TestEveryPageDamaged(t *testing.T) {
	filesOnly(t)
	s := opened(t)
	for range 100 {
		if err := s.Append(t.Context(), anEntry(strings.Repeat("detail ", 20))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4096
	met := 0
	for page := range len(whole) / size {
		b := bytes.Clone(whole)
		copy(b[page*size:], bytes.Repeat([]byte{0xA5}, size))
		if withDamage(t, s.path, page+1, b) {
			met++
		}
	}
	if met < 20 || met == len(whole)/size {
		t.Errorf("%d of %d damaged pages were met; some are to be, and some not", met, len(whole)/size)
	}
}

// withDamage opens a database one page of which is damaged, and reports whether what
// the agent asks met it.
func withDamage(t *testing.T, path string, page int, b []byte) (met bool) {
	t.Helper()
	mustWrite(t, path, b)
	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	told := func(what string, err error) {
		if text := err.Error(); core.CodeOf(err) != core.Unreachable || !strings.Contains(text, path+" is damaged") || !strings.Contains(text, "basewright state restore") || !strings.Contains(text, filepath.Join(filepath.Dir(path), "backups")) {
			t.Errorf("page %d, %s: %v", page, what, err)
		}
	}
	s, err := Open(path)
	if err != nil {
		told("at the start", err)
		return true
	}
	defer s.Close()
	if err := s.Damaged(); err != nil {
		t.Errorf("page %d is damaged before anybody met it: %v", page, err)
	}
	for what, read := range reads {
		if err := read(t.Context(), s); err != nil {
			told(what, err)
			met = true
		}
	}
	if (s.Damaged() != nil) != met {
		t.Errorf("page %d: met %v, and the store knows of %v", page, met, s.Damaged())
	}
	if err := s.Sound(t.Context()); err == nil {
		t.Errorf("page %d: a check finds nothing", page)
	}
	return met
}
