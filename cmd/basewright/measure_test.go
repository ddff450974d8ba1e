package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// TestTheFiguresOfTheAgentMove: what the agent has to count and to tell of itself
// reaches /metrics, and changes as that does.
func TestTheFiguresOfTheAgentMove(t *testing.T) {
	a := idleAgent(t)
	ctx := t.Context()
	h, err := a.Handler(nil)
	must(t, err)
	want := func(when string, lines ...string) {
		t.Helper()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for _, line := range lines {
			if !strings.Contains(rec.Body.String(), "\n"+line+"\n") {
				t.Errorf("%s there is no %s", when, line)
			}
		}
	}
	want("at first", "basewright_changes_running 0", "basewright_diagnosis_waiters 0", `basewright_instances{status="unknown"} 2`, "basewright_event_readers 0",
		"basewright_schedules_overdue 0", "basewright_engine_up 0", "basewright_audit_entries 2", "basewright_instances_flapping 0")

	begun, goOn := make(chan bool), make(chan bool)
	a.Diagnoses.Look = func(context.Context, core.Instance, core.Depth, core.Trigger) (*core.Diagnosis, error) {
		begun <- true
		<-goOn
		return &core.Diagnosis{ID: core.NewID(), Timestamp: time.Now(), Mode: core.Full, Trigger: core.BySchedule, Status: core.Unhealthy, RootCauses: []string{"PG-01"}, Findings: []core.Finding{{Code: "PG-01"}}}, nil
	}
	seen := make(chan error, 1)
	go func() {
		_, err := a.Diagnoses.Run(ctx, core.Instance{ID: "shop"}, core.Full, core.BySchedule)
		seen <- err
	}()
	<-begun
	for a.Diagnoses.Waiting() == 0 {
		runtime.Gosched()
	}
	_, err = a.Changes.Start(ctx, "blog", func(_ context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		progress(core.Event{})
		begun <- true
		<-goOn
		return &core.Change{ID: id, Instance: "blog", State: core.RolledBack}, nil
	})
	must(t, err)
	<-begun
	reader := a.Hub.Subscribe("", func(queue.Event) bool { return false })
	s := core.Schedule{ID: core.NewID(), Instance: "shop", Kind: core.ScheduleReport, Spec: "@daily", Zone: "UTC", Enabled: true, Owner: "ana", Created: time.Now(), Next: time.Now().Add(-time.Hour)}
	must(t, a.store.SaveSchedule(ctx, s, local("schedule.add", "")))
	want("while both are under way", "basewright_changes_running 1", "basewright_diagnosis_waiters 1", "basewright_event_readers 1", "basewright_schedules_overdue 1", "basewright_audit_entries 3")

	close(goOn)
	must(t, <-seen)
	a.Changes.Close(time.Minute)
	reader.Close()
	want("afterwards", "basewright_changes_running 0", "basewright_diagnosis_waiters 0", "basewright_event_readers 0", `basewright_instances{status="unhealthy"} 1`, `basewright_instances{status="unknown"} 1`,
		`basewright_findings_total{code="PG-01"} 1`, `basewright_diagnoses_total{status="unhealthy",trigger="schedule"} 1`, `basewright_changes_total{state="rolled_back"} 1`)
}
