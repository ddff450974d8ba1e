package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// cure is a fault of the lab, the finding that it leads to and a playbook that
// mends it.
type cure struct {
	fault, finding, playbook string
	undo                     bool // undo it too; one row of a playbook is enough
}

// cures says which faults of the lab each built-in playbook mends. A playbook may
// stand in several rows; TestCures fails for one that stands in none.
var cures = []cure{
	{"PG-01", "PG-01", "align-database-passwords", true},
	{"GW-07", "SVC-02", "start-stopped-services", true},
	{"DK-07", "DK-07", "recreate-stale-containers", true},
	{"GW-04", "GW-04", "recreate-stale-containers", false},
	{"ST-10", "ST-10", "recreate-stale-containers", false},
	{"META-01", "META-01", "recreate-stale-containers", false},
	{"SVC-04", "SVC-04", "restart-service", false}, // a restart has nothing to put back
	{"SVC-04", "SVC-04", "restart-auth", false},
	{"DK-05", "DK-05", "fix-config", true},
	{"DK-09", "DK-09", "fix-line-endings", true},
	{"DK-10", "DK-10", "fix-permissions", true},
	{"DK-31", "DK-31", "fix-permissions", false},
	{"GW-01", "GW-01", "restore-gateway-config", true},
	{"UPG-06", "UPG-06", "restore-gateway-config", false},
	{"SEC-04", "SEC-04", "bind-loopback", true},
	{"DK-15", "DK-15", "add-log-rotation", true},
	{"RT-01", "RT-01", "fix-realtime-name", true},
	{"REST-07", "REST-07", "grant-api-usage", true},
	{"REST-05", "REST-05", "serve-existing-schemas", true},
	{"AUTH-08", "AUTH-08", "confirm-users-without-mail", true},
	{"AUTH-10", "AUTH-10", "align-urls", true},
	{"SEC-15", "SEC-15", "require-function-tokens", true},
}

// TestCures brings a fault about, repairs it by its finding, wants it gone, and
// undoes the repair of one row of each playbook: the fault must then be back.
func TestCures(t *testing.T) {
	w := onStacks(t)
	w.everyPlaybookHasARow(t)
	for _, row := range cures {
		t.Run(row.fault+" by "+row.playbook, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			p.lab("break", stack, row.fault)
			before := ""
			if row.undo {
				before = w.state(t, stack)
			}
			p.has(stack, row.finding, true)
			out := p.basewright(0, "repair", stack, row.playbook, "--finding", row.finding, "--yes")
			if !strings.Contains(out, "committed") {
				t.Fatalf("no committed receipt:\n%s", out)
			}
			p.has(stack, row.finding, false)
			p.lab("signup", stack)
			if row.undo {
				change := lastChange(p.basewright(0, "change", "list", stack))
				p.basewright(0, "change", "undo", change)
				if d := difference(before, w.state(t, stack)); d != "" {
					t.Errorf("undoing did not bring back what was: %s", d)
				}
				p.has(stack, row.finding, true)
			}
			p.lab("mend", stack, row.fault)
		})
	}
}

// has wants a root cause to be there, or the stack to have none that counts.
func (p *person) has(stack, code string, want bool) {
	p.t.Helper()
	out, _ := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, "doctor", stack, "--output", "json")
	var report struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Diagnoses) != 1 {
		p.t.Fatalf("doctor %s: %v\n%s", stack, err, out)
	}
	d := report.Diagnoses[0]
	if d.Finds(code) != want || want && !slices.Contains(d.RootCauses, code) || !want && d.Status != core.Healthy {
		p.t.Errorf("%s is %s, root causes %q, unknown %v; %s there: want %t", stack, d.Status, d.RootCauses, d.Unknowns, code, want)
	}
}

// everyPlaybookHasARow is the law: no playbook is shipped that never cured.
func (w *world) everyPlaybookHasARow(t *testing.T) {
	t.Helper()
	out := w.person(t).basewright(0, "playbook", "list")
	for line := range strings.Lines(out) {
		name := strings.Fields(line)[0]
		if name != "PLAYBOOK" && !slices.ContainsFunc(cures, func(c cure) bool { return c.playbook == name }) {
			t.Errorf("the playbook %s has no fault here that it cures", name)
		}
	}
}

// lastChange is the newest change's ID in what `change list` printed.
func lastChange(list string) string { return strings.Fields(strings.Split(list, "\n")[1])[0] }
