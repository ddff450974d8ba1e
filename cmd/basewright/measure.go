package main

import (
	"cmp"
	"context"
	"time"
)

// measure has what happens counted, and names the figures that are asked for.
func (a *agent) measure() {
	m := a.Metrics
	a.Changes.Ended, a.Diagnoses.Ended, a.Scheduler.Ended = m.Change, m.Diagnosis, m.Schedule
	m.Gauge("basewright_changes_running", "Changes under way.", func() float64 { return float64(a.Changes.Running()) })
	m.Gauge("basewright_diagnosis_waiters", "Requests that wait for a diagnosis.", func() float64 { return float64(a.Diagnoses.Waiting()) })
	m.Gauge("basewright_instances_flapping", "Instances whose status changes too often.", func() float64 { return float64(a.Diagnoses.Flapping()) })
	m.Gauge("basewright_event_readers", "Readers of events.", func() float64 { return float64(a.Hub.Readers()) })
	m.Gauge("basewright_audit_entries", "Entries of the audit log.", func() float64 {
		last, err := a.store.Audit(context.Background(), 1)
		if err != nil || len(last) == 0 {
			return 0
		}
		return float64(last[0].Seq)
	})
	m.Gauge("basewright_schedules_overdue", "Schedules that should have begun a minute ago.", func() float64 {
		n, err := a.store.Overdue(context.Background(), time.Now().Add(-time.Minute))
		if err != nil {
			return 0
		}
		return float64(n)
	})
	m.Gauge("basewright_engine_up", "1 when the Docker Engine answers.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if a.EngineAnswers(ctx) != nil {
			return 0
		}
		return 1
	})
	m.Gauges("basewright_instances", "Instances by the status of their last diagnosis.", "status", func() map[string]float64 {
		ctx := context.Background()
		seen, err := a.store.Glances(ctx)
		all, err2 := a.store.Instances(ctx)
		if err != nil || err2 != nil {
			return nil
		}
		counts := map[string]float64{"healthy": 0, "degraded": 0, "unhealthy": 0, "unknown": 0}
		for _, i := range all {
			counts[cmp.Or(string(seen[i.ID].Status), "unknown")]++
		}
		return counts
	})
	m.Gauges("basewright_build_info", "1, for the version that runs.", "version", func() map[string]float64 { return map[string]float64{a.Version: 1} })
}
