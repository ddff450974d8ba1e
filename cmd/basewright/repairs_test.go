package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// cures says which fault of the lab each built-in playbook mends. A playbook may
// stand in several rows; TestCures fails for one that stands in none.
var cures = []struct{ fault, finding, playbook string }{
	{"PG-01", "PG-01", "align-database-passwords"},
	{"GW-07", "SVC-02", "start-stopped-services"},
	{"DK-07", "DK-07", "recreate-stale-containers"},
	{"GW-04", "GW-04", "recreate-stale-containers"},
	{"ST-10", "ST-10", "recreate-stale-containers"},
	{"SVC-04", "SVC-04", "restart-service"},
	{"SVC-04", "SVC-04", "restart-auth"},
}

// TestCures brings a fault about, repairs it by its finding, wants a healthy
// stack, undoes the repair where that says something, and wants the fault back.
func TestCures(t *testing.T) {
	w := onStacks(t)
	w.everyPlaybookHasARow(t)
	for _, row := range cures {
		t.Run(row.fault+" by "+row.playbook, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			p.lab("break", stack, row.fault)
			before := w.state(t, stack)
			d := p.diagnosis(1, stack)
			if !slices.Contains(d.RootCauses, row.finding) {
				t.Fatalf("root causes = %q, want %s among them", d.RootCauses, row.finding)
			}
			out := p.basewright(0, "repair", stack, row.playbook, "--finding", row.finding, "--yes")
			if !strings.Contains(out, "committed") {
				t.Fatalf("no committed receipt:\n%s", out)
			}
			if d := p.diagnosis(0, stack); d.Status != core.Healthy {
				t.Errorf("after the repair: %s %q", d.Status, d.RootCauses)
			}
			p.lab("signup", stack)
			if !strings.HasPrefix(row.playbook, "restart-") { // a restart has nothing to put back
				change := lastChange(p.basewright(0, "change", "list", stack))
				p.basewright(0, "change", "undo", change)
				if d := difference(before, w.state(t, stack)); d != "" {
					t.Errorf("undoing did not bring back what was: %s", d)
				}
				if d := p.diagnosis(1, stack); !slices.Contains(d.RootCauses, row.finding) {
					t.Errorf("after undoing: root causes %q, want %s back", d.RootCauses, row.finding)
				}
			}
			p.lab("mend", stack, row.fault)
			if d := p.diagnosis(0, stack); d.Status != core.Healthy {
				t.Errorf("after mending: %s %q", d.Status, d.RootCauses)
			}
		})
	}
}

// everyPlaybookHasARow is the law: no playbook is shipped that never cured.
func (w *world) everyPlaybookHasARow(t *testing.T) {
	t.Helper()
	out := w.person(t).basewright(0, "playbook", "list")
	for line := range strings.Lines(out) {
		name := strings.Fields(line)[0]
		if name != "PLAYBOOK" && !slices.ContainsFunc(cures, func(r struct{ fault, finding, playbook string }) bool { return r.playbook == name }) {
			t.Errorf("the playbook %s has no fault here that it cures", name)
		}
	}
}

// lastChange is the newest change's ID in what `change list` printed.
func lastChange(list string) string { return strings.Fields(strings.Split(list, "\n")[1])[0] }
