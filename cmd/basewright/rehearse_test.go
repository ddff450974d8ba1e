package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// TestRehearsalOnAnotherEngine: the clone of a rehearsal that was killed is left
// alone where it is not, and removed where it is.
func TestRehearsalOnAnotherEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker Engine")
	}
	w := anyWorkshop(t)
	here, err := w.host.EngineID(t.Context())
	if err != nil || here == "" {
		t.Fatalf("%q, %v", here, err)
	}
	dir := filepath.Join(w.dataDir, "instances", "bw-none-rehearsal")
	clone := core.Instance{ID: "bw-none-rehearsal", Name: "x", Project: "bw-none-rehearsal", Dir: dir, Origin: core.Created, Mode: core.Control}
	entry := core.AuditEntry{At: time.Now(), Actor: "test", Action: "instance.register", Instance: clone.ID, Outcome: "ok"}
	made := core.Change{ID: "c1", Instance: clone.ID, State: core.Committed, Created: time.Now(), Plan: core.Plan{Instance: clone.ID, Playbook: core.CreatePlaybook, Actions: []core.Action{
		{Op: core.OpMakeFolder, Args: map[string]any{"dir": dir, "name": "x"}}, {Op: core.OpTransplant, Args: map[string]any{"rehearsal": true}},
	}}}
	if err := w.store.AddInstance(t.Context(), clone, entry); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".basewright-creating"), []byte(made.ID), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, on := range []string{"another", here} {
		made.Plan.Basis = map[string]string{"engine": on}
		if err := w.store.SaveChange(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		gone, err := w.sweepRehearsals(t.Context(), w.host)
		_, folder := os.Stat(dir)
		_, known := w.store.Instance(t.Context(), clone.ID)
		if on == "another" && (len(gone) != 0 || err == nil || !strings.Contains(err.Error(), "another Docker Engine") || folder != nil || known != nil) {
			t.Fatalf("on another engine: removed %q, %v; the folder: %v, the instance: %v", gone, err, folder, known)
		}
		if on == here && (len(gone) != 1 || err != nil || folder == nil || core.CodeOf(known) != core.NotFound) {
			t.Errorf("on its own engine: removed %q, %v; the folder: %v, the instance: %v", gone, err, folder, known)
		}
	}
}

// TestCreationOnAnotherEngine: what an agent that was killed had begun to make is
// left alone by an agent on another engine, and removed on its own.
func TestCreationOnAnotherEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker Engine")
	}
	w := anyWorkshop(t)
	here, err := w.host.EngineID(t.Context())
	must(t, err)
	dir := filepath.Join(w.dataDir, "instances", "bw-none-begun")
	begun := core.Change{ID: "c1", Instance: "bw-none-begun", State: core.Applying, Created: time.Now(), Plan: core.Plan{
		Instance: "bw-none-begun", Playbook: core.CreatePlaybook, Actions: []core.Action{{Op: core.OpMakeFolder, Args: map[string]any{"dir": dir, "name": "x"}}},
	}}
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, ".basewright-creating"), []byte(begun.ID), 0o600))
	for _, on := range []string{"another", here} {
		begun.Plan.Basis = map[string]string{"engine": on}
		must(t, w.store.SaveChange(t.Context(), begun))
		_, err := w.applier.Recover(t.Context())
		_, folder := os.Stat(dir)
		c, lost := w.store.Change(t.Context(), begun.ID)
		must(t, lost)
		if on == "another" && (err == nil || !strings.Contains(err.Error(), "another Docker Engine") || folder != nil || c.State.Ended()) {
			t.Fatalf("on another engine: %v; the folder: %v, the change is %s", err, folder, c.State)
		}
		if on == here && (err != nil || folder == nil || c.State != core.RolledBack) {
			t.Errorf("on its own engine: %v; the folder: %v, the change is %s: %s", err, folder, c.State, c.Reason)
		}
	}
}

// TestFoundInItsMode: the engine knows of no mode, so what it finds has the one in
// which it is kept.
func TestFoundInItsMode(t *testing.T) {
	w := anyWorkshop(t)
	for _, i := range []core.Instance{{ID: "a", Project: "a", Origin: core.Adopted, Mode: core.Control}, {ID: "b", Project: "b", Origin: core.Adopted, Mode: core.Observe}} {
		if err := w.store.AddInstance(t.Context(), i, core.AuditEntry{At: time.Now(), Actor: "test", Action: "instance.adopt", Outcome: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	find := w.finder(t.Context(), func(context.Context) ([]core.Instance, error) {
		return []core.Instance{{ID: "a", Project: "a", Mode: core.Observe}, {ID: "b", Project: "b", Mode: core.Observe}}, nil
	})
	for id, want := range map[string]core.Mode{"a": core.Control, "b": core.Observe} {
		if i, err := find(id); err != nil || i.Mode != want {
			t.Errorf("%s is found in mode %q: %v", id, i.Mode, err)
		}
	}
}

// anyWorkshop has a state of its own and the machine's engine.
func anyWorkshop(t *testing.T) *workshop {
	if testing.Short() {
		t.Skip("needs a Docker Engine; left out by -short")
	}
	host, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := openState(&global{console: &console{out: io.Discard, err: io.Discard}, dataDir: t.TempDir()}, host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}
