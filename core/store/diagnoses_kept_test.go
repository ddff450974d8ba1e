package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestQuickDiagnosesPushOutNoFullOne lets quick ones come after a full one, which
// tells the state of the instance for a day of one each minute; then a hundred are
// kept again, and the days tell of every one.
func TestQuickDiagnosesPushOutNoFullOne(t *testing.T) {
	s, n := opened(t), 0
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	look := func(depth core.Depth, status core.Status) {
		t.Helper()
		d := core.Diagnosis{ID: fmt.Sprintf("d%04d", n), InstanceID: "shop", Timestamp: begin.Add(time.Duration(n) * time.Minute), Mode: depth, Status: status, RootCauses: []string{}}
		must(t, s.SaveDiagnosis(t.Context(), &d))
		n++
	}
	kept := func() int {
		t.Helper()
		list, err := s.Diagnoses(t.Context(), "shop", 10_000)
		must(t, err)
		return len(list)
	}
	look(core.Full, core.Degraded)
	for range KeptDiagnoses + 50 {
		look(core.Quick, core.Healthy)
	}
	last, err := s.LastDiagnosis(t.Context(), "shop")
	must(t, err)
	if last.ID != "d0000" || kept() != KeptDiagnoses+51 {
		t.Errorf("%s tells the state, of %d", last.ID, kept())
	}
	for range keptQuick {
		look(core.Quick, core.Healthy)
	}
	if kept() != KeptDiagnoses {
		t.Errorf("%d are kept after a day without a full one", kept())
	}
	look(core.Full, core.Healthy)
	if kept() != KeptDiagnoses {
		t.Errorf("%d are kept after a new full one", kept())
	}
	days, err := s.Trend(t.Context(), "shop", begin, begin.Add(time.Duration(n)*time.Minute))
	must(t, err)
	runs := 0
	for _, d := range days {
		runs += d.Runs
	}
	if runs != n {
		t.Errorf("the days tell of %d diagnoses, there were %d", runs, n)
	}
}
