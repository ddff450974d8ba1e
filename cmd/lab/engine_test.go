package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core/docker"
)

// session is a lab of its own on this machine's engine, with the commands that
// a person would type.
type session struct {
	t   *testing.T
	dir string
}

func newSession(t *testing.T) session {
	t.Helper()
	h, err := docker.Connect(t.Context(), "")
	if err != nil {
		if os.Getenv("BASEWRIGHT_REQUIRE_ENGINE") == "1" {
			t.Fatalf("a Docker Engine is required: %v", err)
		}
		t.Skipf("no Docker Engine to test with: %v", err)
	}
	h.Close()
	dir, err := filepath.Abs(filepath.Join(moduleRoot("."), ".lab", "test-"+strings.ToLower(rand.Text()[:8])))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return session{t, dir}
}

// lab runs a command and returns its exit code and what it printed.
func (s session) lab(line string) (int, string) {
	s.t.Helper()
	var out bytes.Buffer
	begin := time.Now()
	code := run(s.t.Context(), append([]string{"--dir", s.dir}, strings.Fields(line)...), &out, &out)
	s.t.Logf("lab %s: exit %d after %.1f s\n%s", line, code, time.Since(begin).Seconds(), &out)
	return code, out.String()
}

func (s session) must(line string) string {
	s.t.Helper()
	code, out := s.lab(line)
	if code != 0 {
		s.t.Fatalf("lab %s failed: %s", line, out)
	}
	return out
}

// TestJourney brings a stack up, signs a user up, breaks and mends two faults
// and removes the stack.
func TestJourney(t *testing.T) {
	if testing.Short() {
		t.Skip("brings a stack up; left out by -short")
	}
	s := newSession(t)
	name := "lab-" + strings.ToLower(rand.Text()[:8])
	s.must("images")
	if out := s.must("images"); strings.Contains(out, " built,") {
		t.Errorf("a second run builds again:\n%s", out)
	}
	defer s.lab("down " + name)
	s.must("up " + name)
	s.must("signup " + name)
	before := read(t, s, name)

	s.must("break " + name + " PG-01")
	code, out := s.lab("signup " + name)
	if code != 1 || !strings.Contains(out, "Failed to create user: API error") {
		t.Errorf("signing up with PG-01: exit %d, %s", code, out)
	}
	if code, _ := s.lab("break " + name + " PG-01"); code == 0 {
		t.Error("PG-01 could be broken twice")
	}
	s.must("mend " + name)
	s.must("signup " + name)

	s.must("break " + name + " GW-07")
	if out := s.must("list"); !strings.Contains(out, "GW-07") || !strings.Contains(out, "10 of 11") {
		t.Errorf("the list does not show the fault:\n%s", out)
	}
	s.must("mend " + name + " GW-07")
	s.must("up " + name)
	s.must("signup " + name)
	if !bytes.Equal(before, read(t, s, name)) {
		t.Error("breaking, mending and a second up have changed .env")
	}
	s.must("down " + name)
	if code, _ := s.lab("signup " + name); code != 2 {
		t.Errorf("signing up in a stack that is gone: exit %d", code)
	}
}

func read(t *testing.T, s session, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "stacks", name, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
