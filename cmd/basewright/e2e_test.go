package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/basewright/basewright/core/docker"
)

// The end-to-end tests run the real program against real stacks of the lab.
// Two stacks serve them all; a test that changes one borrows it.

// world is the programs under test and the stacks, made once.
type world struct {
	dir    string // of the programs and the lab
	stacks chan string
}

func wantedStacks() int {
	if os.Getenv("BASEWRIGHT_TEST_STACKS") == "1" {
		return 1
	}
	return 2
}

var theWorld = sync.OnceValues(makeWorld)

// stackNames are recognisable as ours, so that leavings of a killed run are
// found and taken over. Two checkouts on one engine need two prefixes. On a busy
// machine one stack is faster than two: BASEWRIGHT_TEST_STACKS=1.
var (
	prefix     = cmp.Or(os.Getenv("BASEWRIGHT_TEST_PREFIX"), "test")
	stackNames = []string{prefix + "-a", prefix + "-b"}[:wantedStacks()]
	logsStack  = prefix + "-logs" // brought up only for rows that need it
)

func makeWorld() (*world, error) {
	dir, err := os.MkdirTemp("", "basewright-e2e-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, stacks: make(chan string, len(stackNames))}
	for program, pkg := range map[string]string{"basewright": ".", "lab": "../lab"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, program), pkg).CombinedOutput(); err != nil {
			return w, fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	if out, code := w.run("lab", nil, "images"); code != 0 {
		return w, fmt.Errorf("lab images: %s", out)
	}
	return w, nil
}

// upOnce brings the stacks up when a test first wants one.
var upOnce = sync.OnceValue(func() error {
	w, err := theWorld()
	if err != nil {
		return err
	}
	stacksMade.Store(true)
	for _, name := range stackNames {
		w.run("lab", nil, "down", name) // of a killed run; mostly there is none
	}
	if out, code := w.run("lab", nil, append([]string{"up"}, stackNames...)...); code != 0 {
		return fmt.Errorf("lab up: %s", out)
	}
	for _, name := range stackNames {
		w.stacks <- name
	}
	return nil
})

// TestMain removes the stacks again, if a test made them.
func TestMain(m *testing.M) {
	if address := os.Getenv(dripTo); address != "" {
		drip(address)
		return
	}
	code := m.Run()
	if worldMade.Load() {
		w, _ := theWorld()
		made := []string{}
		if stacksMade.Load() {
			made = slices.Clone(stackNames)
		}
		if logsMade.Load() {
			made = append(made, logsStack)
		}
		for _, name := range made { // one that did not come up leaves the others no excuse
			if out, failed := w.run("lab", nil, "down", name); failed != 0 {
				fmt.Fprintln(os.Stderr, out)
				code = 1
			}
		}
		os.RemoveAll(w.dir)
	}
	os.Exit(code)
}

var worldMade, stacksMade, logsMade atomic.Bool

// onStacks returns the world, or skips the test where there is no engine.
func onStacks(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Docker Engine; left out by -short")
	}
	h, err := docker.Connect(context.Background(), "")
	if err != nil {
		if os.Getenv("BASEWRIGHT_REQUIRE_ENGINE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	h.Close()
	worldMade.Store(true)
	w, err := theWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// borrow gives the test a stack of its own for a while.
func (w *world) borrow(t *testing.T) string {
	t.Helper()
	if err := upOnce(); err != nil {
		t.Fatal(err)
	}
	name := <-w.stacks
	t.Cleanup(func() {
		if t.Failed() {
			w.run("lab", nil, "mend", name)
		}
		w.stacks <- name
	})
	return name
}

// run runs one of the programs and returns what it printed and its exit code.
func (w *world) run(program string, env []string, args ...string) (string, int) {
	if program == "lab" {
		args = append([]string{"--dir", filepath.Join(w.dir, "home")}, args...)
	}
	cmd := exec.Command(filepath.Join(w.dir, program), args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), exit.ExitCode()
	}
	if err != nil {
		return err.Error(), -1
	}
	return out.String(), 0
}

// user is a person with a data folder of their own.
type person struct {
	*world
	t    *testing.T
	data string
	said *bytes.Buffer // all that was ever printed
}

func (w *world) person(t *testing.T) *person {
	return &person{world: w, t: t, data: filepath.Join(t.TempDir(), "data"), said: &bytes.Buffer{}}
}

// basewright runs the program and wants an exit code.
func (p *person) basewright(want int, args ...string) string {
	p.t.Helper()
	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, args...)
	p.said.WriteString(out)
	if code != want {
		p.t.Fatalf("basewright %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
	return out
}

// lab runs the lab and wants it to succeed.
func (p *person) lab(args ...string) string {
	p.t.Helper()
	out, code := p.run("lab", nil, args...)
	if code != 0 {
		p.t.Fatalf("lab %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// folder is where a stack's files are.
func (w *world) folder(stack string) string { return filepath.Join(w.dir, "home", "stacks", stack) }
