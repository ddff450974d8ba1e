package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// idleAgent is an agent whose rooms are wired and of which nothing runs; no
// engine answers it.
func idleAgent(t *testing.T) *agent { return idleAgentIn(t, filepath.Join(t.TempDir(), "data")) }

func idleAgentIn(t *testing.T, data string) *agent {
	t.Helper()
	g := &global{console: &console{out: io.Discard, err: io.Discard}, dockerHost: "unix:///nonexistent/basewright.sock", dataDir: data}
	a, err := newAgent(g, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { a.close(0) })
	for _, id := range []string{"shop", "blog"} {
		must(t, a.store.AddInstance(t.Context(), core.Instance{ID: id, Name: id, Project: id, Origin: core.Adopted, Mode: core.Observe}, local("instance.adopt", "")))
	}
	return a
}

// TestNothingHappensByItselfInMaintenance: a schedule leaves out the instances
// that are in a maintenance window, and says so when none is left.
func TestNothingHappensByItselfInMaintenance(t *testing.T) {
	a := idleAgent(t)
	now := time.Now()
	add := func(instance string, from, to time.Duration) {
		w := core.Window{ID: core.NewID(), Instance: instance, Begins: now.Add(from), Ends: now.Add(to), Reason: "new disk", Created: now}
		must(t, a.store.AddWindow(t.Context(), w, local("maintenance.add", "")))
	}
	report := func(instance string) (string, error) {
		return a.runSchedule(t.Context(), core.Schedule{ID: "s", Instance: instance, Kind: core.ScheduleReport})
	}
	made := func(instance string) int {
		list, _ := os.ReadDir(filepath.Join(a.data(), "reports", instance))
		return len(list)
	}
	add("shop", time.Hour, 2*time.Hour) // not yet
	if _, err := report("shop"); err != nil || made("shop") == 0 {
		t.Errorf("before the window: %v, %d reports", err, made("shop"))
	}
	must(t, os.RemoveAll(filepath.Join(a.data(), "reports")))
	add("shop", -time.Minute, time.Hour)
	_, err := report("shop")
	if left, ok := errors.AsType[*queue.Skipped](err); !ok || !strings.Contains(left.Why, "new disk until ") || made("shop") != 0 {
		t.Errorf("in the window: %v, %d reports", err, made("shop"))
	}
	if _, err := report("*"); err != nil || made("blog") != 3 || made("shop") != 0 {
		t.Errorf("of all but one: %v, %d and %d reports", err, made("blog"), made("shop"))
	}
	if page, err := os.ReadFile(filepath.Join(a.data(), "reports", time.Now().UTC().Format(time.DateOnly)+".html")); err != nil || !strings.Contains(string(page), "blog") || strings.Contains(string(page), "shop") {
		t.Errorf("of the fleet: %v %s", err, page)
	}
	add("*", -time.Minute, time.Hour)
	if _, err := report("blog"); err == nil {
		t.Error("in a window of all instances a report was made")
	}
	if path, err := a.runSchedule(t.Context(), core.Schedule{ID: "b", Instance: "*", Kind: core.ScheduleBackup}); err != nil || made("blog") == 0 || path == "" {
		t.Errorf("the state is backed up all the same: %q %v", path, err)
	}
}

// lookTogether adds instances until an agent has n, and looks that wait until so many
// are under way together.
func lookTogether(t *testing.T, a *agent, n, together int, look func(core.Instance) error) {
	t.Helper()
	for k := range n - 2 {
		id := fmt.Sprintf("stack-%d", k)
		must(t, a.store.AddInstance(t.Context(), core.Instance{ID: id, Name: id, Project: id, Origin: core.Adopted, Mode: core.Observe}, local("instance.adopt", "")))
	}
	var begun atomic.Int64
	all := make(chan struct{})
	a.Diagnoses.Look = func(_ context.Context, i core.Instance, _ core.Depth, _ core.Trigger) (*core.Diagnosis, error) {
		if begun.Add(1) == int64(together) {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			return nil, fmt.Errorf("only %d are under way at once", begun.Load())
		}
		if err := look(i); err != nil {
			return nil, err
		}
		return &core.Diagnosis{ID: core.NewID(), Timestamp: time.Now(), Mode: core.Full, Status: core.Healthy, RootCauses: []string{}}, nil
	}
}

// TestAScheduleOfAllLooksSideBySide: a schedule of all instances diagnoses several at
// once, and the one that fails, however it does, keeps the others from nothing.
func TestAScheduleOfAllLooksSideBySide(t *testing.T) {
	a := idleAgent(t)
	lookTogether(t, a, 7, looksAtOnce, func(i core.Instance) error {
		if i.ID == "stack-0" {
			return errors.New("its disk is gone")
		}
		return nil
	})
	said, err := a.runSchedule(t.Context(), core.Schedule{ID: "s", Instance: "*", Kind: core.ScheduleDiagnose})
	if err == nil || !strings.Contains(err.Error(), "stack-0: its disk is gone") || said != "6 of 7 instances" {
		t.Errorf("%q: %v", said, err)
	}
	must(t, a.store.SetInstance(t.Context(), "stack-1", "stack-1", core.Control, local("instance.edit", "")))
	a.open = func(context.Context, core.Instance) (core.Instance, core.Engine, error) { panic("a defect of ours") }
	_, err = a.runSchedule(t.Context(), core.Schedule{ID: "s", Instance: "*", Kind: core.ScheduleSnapshot})
	if err == nil || !strings.Contains(err.Error(), "stack-1: panic: a defect of ours") || !strings.Contains(err.Error(), "stack-2") {
		t.Errorf("a panic at one of them: %v", err)
	}
}

// TestMaintenanceThatBeginsMeanwhile: a schedule of all instances leaves out those
// whose maintenance began while it was at others.
func TestMaintenanceThatBeginsMeanwhile(t *testing.T) {
	a := idleAgent(t)
	var begins sync.Once
	lookTogether(t, a, 7, looksAtOnce, func(core.Instance) error {
		begins.Do(func() {
			now := time.Now()
			must(t, a.store.AddWindow(t.Context(), core.Window{ID: core.NewID(), Instance: "*", Begins: now.Add(-time.Second), Ends: now.Add(time.Hour), Reason: "new disk", Created: now}, local("maintenance.add", "")))
		})
		return nil
	})
	said, err := a.runSchedule(t.Context(), core.Schedule{ID: "s", Instance: "*", Kind: core.ScheduleDiagnose})
	if err != nil || said != "4 of 7 instances" {
		t.Errorf("it says %q: %v", said, err)
	}
}

// TestADrillNeedsASnapshot: a restore drill without a snapshot to restore is a
// failure that says what to do.
func TestADrillNeedsASnapshot(t *testing.T) {
	a := idleAgent(t)
	_, err := a.runSchedule(t.Context(), core.Schedule{ID: "d", Instance: "shop", Kind: core.ScheduleDrill})
	if core.CodeOf(err) != core.NotFound || !strings.Contains(err.Error(), "schedule snapshots of the scope database") {
		t.Errorf("%v", err)
	}
}

// TestTheStateIsBackedUpEveryNight: the first start adds the schedule, and what
// it makes is a backup that can be read back.
func TestTheStateIsBackedUpEveryNight(t *testing.T) {
	a := idleAgent(t)
	must(t, a.firstUser(t.Context()))
	list, err := a.store.Schedules(t.Context())
	n := slices.IndexFunc(list, func(s core.Schedule) bool { return s.Kind == core.ScheduleBackup })
	if err != nil || n < 0 || a.allowed(t.Context(), list[n]) != nil {
		t.Fatalf("the schedules: %+v %v", list, err)
	}
	path, err := a.runSchedule(t.Context(), list[n])
	must(t, err)
	out, code := here(t, "state", "check", path)
	if code != exitOK || !strings.Contains(out, "unbroken") {
		t.Errorf("%d %s", code, out)
	}
	must(t, a.firstUser(t.Context()))
	if again, _ := a.store.Schedules(t.Context()); len(again) != len(list) {
		t.Errorf("the second start has %d schedules", len(again))
	}
}
