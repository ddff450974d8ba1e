package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// looked keeps diagnoses of an instance, one every step, and returns when the
// last was.
func looked(t *testing.T, s *store.Store, instance string, at time.Time, step time.Duration, list ...core.Status) time.Time {
	t.Helper()
	for _, status := range list {
		d := core.Diagnosis{ID: core.NewID(), InstanceID: instance, Timestamp: at, Mode: core.Full, Status: status, RootCauses: []string{}}
		if err := s.SaveDiagnosis(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
		at = at.Add(step)
	}
	return at.Add(-step)
}

// What is thinned out is counted as what is still there: the same outages, the
// same changes of status, whichever the rows.
func TestReportOfThinnedDiagnoses(t *testing.T) {
	s, begin := aStore(t), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var list []core.Status
	for range 100 { // 25 days, of which the older ones are days by now
		list = append(list, core.Healthy, core.Unhealthy, core.Unhealthy, core.Degraded)
	}
	end := looked(t, s, "shop", begin, 90*time.Minute, list...)
	r, err := MakeReport(t.Context(), s, "shop", 40, end)
	if err != nil || r.Total != 400-1 && r.Total != 400 || r.Outages != 100 || r.Turns != 299 || r.MeanRepair == nil || *r.MeanRepair != (3*time.Hour).Seconds() {
		t.Errorf("%d diagnoses, %d outages, %d changes of status, %v s each: %v", r.Total, r.Outages, r.Turns, *r.MeanRepair, err)
	}
	if len(r.Flapping) < 24 || r.Flapping[1].Turns != 12 {
		t.Errorf("flapping: %+v", r.Flapping)
	}
}

func TestFleetReport(t *testing.T) {
	s, begin := aStore(t), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	end := looked(t, s, "shop", begin, time.Hour, core.Healthy, core.Healthy, core.Healthy, core.Healthy, core.Healthy)
	looked(t, s, "blog", begin, time.Hour, core.Healthy, core.Unhealthy, core.Healthy, core.Unhealthy, core.Unhealthy)
	for _, n := range []core.Snapshot{{ID: "a", Instance: "shop", Created: begin}, {ID: "b", Instance: "blog", Created: begin, Proof: core.Proof{Level: core.Proven}}} {
		if err := s.SaveSnapshot(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	f, err := MakeFleetReport(t.Context(), s, []string{"new", "shop", "blog"}, 7, end)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range f.Instances {
		order = append(order, r.InstanceID)
	}
	if fmt.Sprint(order) != "[blog shop new]" || *f.Uptime != 75 || f.Total != 8 && f.Total != 10 || f.Outages != 2 || *f.MeanRepair != 3600 || f.Unproven != 1 || len(f.Flapping) != 0 {
		t.Errorf("%v %v %+v", order, *f.Uptime, f)
	}
}

// A state that changes again and again is told once, and once that it stays.
func TestFlappingIsSaidOnce(t *testing.T) {
	s := aStore(t)
	q := NewDiagnoses(nil, s, NewHub(), quiet)
	said := q.Hub.Subscribe("", func(e Event) bool { return e.Kind == "flapping" })
	at := looked(t, s, "shop", time.Now().Add(-time.Hour), time.Minute, core.Healthy, core.Unhealthy, core.Healthy)
	keep := func(q *Diagnoses, list ...core.Status) {
		for _, status := range list {
			at = at.Add(time.Minute)
			q.Keep(t.Context(), core.Instance{ID: "shop"}, &core.Diagnosis{ID: core.NewID(), Timestamp: at, Mode: core.Full, Status: status, RootCauses: []string{}})
		}
	}
	for range 20 {
		keep(q, core.Unhealthy, core.Healthy)
	}
	if n := len(said.Events); n != 1 || q.Flapping() != 1 {
		t.Errorf("said %d times, %d instances flap", n, q.Flapping())
	}
	again := NewDiagnoses(nil, s, q.Hub, quiet) // a restart is no news
	keep(again, core.Unhealthy, core.Healthy)
	if n := len(said.Events); n != 1 || again.Flapping() != 1 {
		t.Errorf("after a restart: said %d times, %d instances flap", n, again.Flapping())
	}
	for range 20 {
		keep(again, core.Healthy)
	}
	if n := len(said.Events); n != 2 || again.Flapping() != 0 {
		t.Errorf("when it stays: said %d times, %d instances flap", n, again.Flapping())
	}
	keep(again, core.Unknown, core.Healthy, core.Unknown, core.Healthy, core.Unknown, core.Healthy)
	if n := len(said.Events); n != 2 {
		t.Error("that nobody could look counts as a change")
	}
}

// What people do to an instance in maintenance is no news; what stays so is said
// when the window is over.
func TestNothingIsSaidInMaintenance(t *testing.T) {
	s, now := aStore(t), time.Now()
	q := NewDiagnoses(nil, s, NewHub(), quiet)
	q.Now = func() time.Time { return now }
	said := q.Hub.Subscribe("", func(e Event) bool { return e.Kind == "flapping" })
	w := core.Window{ID: "w", Instance: "shop", Begins: now.Add(-time.Hour), Ends: now.Add(30 * time.Minute), Reason: "new disk", Created: now}
	if err := s.AddWindow(t.Context(), w, core.AuditEntry{At: now, Actor: "test", Action: "maintenance.add", Outcome: "ok"}); err != nil {
		t.Fatal(err)
	}
	keep := func(instance string, list ...core.Status) {
		for _, status := range list {
			now = now.Add(time.Minute)
			q.Keep(t.Context(), core.Instance{ID: instance}, &core.Diagnosis{ID: core.NewID(), Timestamp: now, Mode: core.Full, Status: status, RootCauses: []string{}})
		}
	}
	changing := []core.Status{core.Unhealthy, core.Healthy, core.Unhealthy, core.Healthy, core.Unhealthy, core.Healthy, core.Unhealthy, core.Healthy}
	keep("shop", changing...)
	if n := len(said.Events); n != 0 || q.Flapping() != 0 {
		t.Errorf("in maintenance it is said %d times, %d instances flap", n, q.Flapping())
	}
	keep("blog", changing...)
	if n := len(said.Events); n != 1 {
		t.Errorf("of another instance it is said %d times", n)
	}
	now = now.Add(time.Hour)
	keep("shop", changing[0])
	if n := len(said.Events); n != 2 {
		t.Errorf("after the maintenance it is said %d times", n-1)
	}
}

// Of a change that was thinned out a report counts what it counted before.
func TestReportOfThinnedChanges(t *testing.T) {
	s, begin := aStore(t), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const n = store.KeptChanges + 5
	for i := range n {
		c := core.Change{ID: fmt.Sprintf("c%03d", i), Instance: "shop", State: core.Committed, Created: begin.Add(time.Duration(i) * time.Hour)}
		if i%2 == 0 {
			c.State = core.RolledBack
		}
		c.Finished = c.Created.Add(time.Minute)
		if err := s.SaveChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	end := looked(t, s, "shop", begin.AddDate(0, 0, 200), time.Hour, core.Healthy, core.Unhealthy, core.Healthy)
	r, err := MakeReport(t.Context(), s, "shop", 365, end)
	if err != nil || r.Repairs["committed"] != n/2 || r.Repairs["rolled_back"] != n-n/2 || *r.MeanRepair != 3600 {
		t.Errorf("%+v, %v", r, err)
	}
	if c, err := s.Change(t.Context(), "c000"); err != nil || c.Thinned.IsZero() {
		t.Errorf("the oldest is whole: %+v, %v", c, err)
	}
}
