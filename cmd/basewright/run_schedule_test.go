package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// TestMaintenanceThatBeginsMeanwhile: a schedule of all instances leaves out the one
// whose maintenance began while it was at another.
func TestMaintenanceThatBeginsMeanwhile(t *testing.T) {
	a := idleAgent(t)
	var looked []string
	a.Diagnoses.Look = func(_ context.Context, i core.Instance, _ core.Depth, _ core.Trigger) (*core.Diagnosis, error) {
		looked = append(looked, i.ID)
		now := time.Now()
		for _, id := range []string{"shop", "blog"} {
			if id != i.ID {
				must(t, a.store.AddWindow(t.Context(), core.Window{ID: core.NewID(), Instance: id, Begins: now.Add(-time.Second), Ends: now.Add(time.Hour), Reason: "new disk", Created: now}, local("maintenance.add", "")))
			}
		}
		return &core.Diagnosis{ID: core.NewID(), Timestamp: now, Mode: core.Full, Status: core.Healthy, RootCauses: []string{}}, nil
	}
	said, err := a.runSchedule(t.Context(), core.Schedule{ID: "s", Instance: "*", Kind: core.ScheduleDiagnose})
	if err != nil || len(looked) != 1 || said != "1 of 2 instances" {
		t.Errorf("it looked at %v and says %q: %v", looked, said, err)
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
	if err != nil || len(list) != 1 || list[0].Kind != core.ScheduleBackup || a.allowed(t.Context(), list[0]) != nil {
		t.Fatalf("the schedules: %+v %v", list, err)
	}
	path, err := a.runSchedule(t.Context(), list[0])
	must(t, err)
	out, code := here(t, "state", "check", path)
	if code != exitOK || !strings.Contains(out, "unbroken") {
		t.Errorf("%d %s", code, out)
	}
	must(t, a.firstUser(t.Context()))
	if list, _ := a.store.Schedules(t.Context()); len(list) != 1 {
		t.Errorf("the second start has %d schedules", len(list))
	}
}
