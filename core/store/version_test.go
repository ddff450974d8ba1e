package store

import (
	"context"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestVersionTellsOfEveryWrite: whoever writes, by whichever way, the version is
// another one as soon as it is committed, and a reader who gave up hides nothing.
func TestVersionTellsOfEveryWrite(t *testing.T) {
	s := opened(t)
	other, err := reopen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	now := func() string {
		t.Helper()
		v, err := s.Version(t.Context())
		if err != nil || v == "" {
			t.Fatalf("%q, %v", v, err)
		}
		return v
	}
	seen := map[string]string{now(): "the beginning"}
	for _, w := range []struct {
		what string
		by   func() error
	}{
		{"an instance", func() error { return s.AddInstance(t.Context(), aShop(), anEntry("adopt")) }},
		{"a name", func() error {
			return s.SetInstance(t.Context(), "shop", "Shop 2", core.Control, anEntry("edit"))
		}},
		{"a setting", func() error { return s.SetSetting(t.Context(), "a", "b") }},
		{"an entry", func() error { return s.Append(t.Context(), anEntry("a")) }},
		{"another program", func() error { return other.SetSetting(t.Context(), "a", "c") }},
		{"another program's entry", func() error { return other.Append(t.Context(), anEntry("a")) }},
	} {
		if err := w.by(); err != nil {
			t.Fatal(w.what, err)
		}
		v := now()
		if before, known := seen[v]; known {
			t.Errorf("after %s the version is that after %s", w.what, before)
		}
		seen[v] = w.what
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Version(gone); err != nil {
		t.Errorf("who gave up: %v", err)
	}
}

// TestVersionStaysWhileNobodyWrites also where others read.
func TestVersionStaysWhileNobodyWrites(t *testing.T) {
	filesOnly(t) // a server of PostgreSQL tidies up when it likes
	s := opened(t)
	first, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.Instances(t.Context()); err != nil {
			t.Fatal(err)
		}
		if v, err := s.Version(t.Context()); err != nil || v != first {
			t.Errorf("%q was %q: %v", v, first, err)
		}
	}
}

// TestVersionOutlivesItsConnection: a connection that is lost is another one's
// count, which is never taken for the old one's.
func TestVersionOutlivesItsConnection(t *testing.T) {
	filesOnly(t)
	s := opened(t)
	first, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.watch.conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Version(t.Context()); err == nil {
		t.Error("a lost connection is no error")
	}
	if v, err := s.Version(t.Context()); err != nil || v == first {
		t.Errorf("after it %q, before it %q: %v", v, first, err)
	}
}
