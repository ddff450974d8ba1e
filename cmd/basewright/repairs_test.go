package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/repairs"
)

// cure is a fault of the lab, the finding that it leads to and a playbook that
// mends it.
type cure struct {
	fault, finding, playbook string
	undo                     when // undo it too; one row of a playbook is enough
	slow                     bool // only with BASEWRIGHT_TEST_ALL=1
	logs                     bool // on the stack with analytics and vector
}

// when a part of a row is run.
type when int

const (
	never  when = iota
	always      // in every run
	inAll       // only with BASEWRIGHT_TEST_ALL=1, when there is time
)

func (w when) now() bool {
	return w == always || w == inAll && os.Getenv("BASEWRIGHT_TEST_ALL") == "1"
}

// cures says which faults of the lab each built-in playbook mends. A playbook may
// stand in several rows; TestCures fails for one that stands in none.
var cures = []cure{
	{"PG-01", "PG-01", "align-database-passwords", always, false, false},
	{"GW-07", "SVC-02", "start-stopped-services", always, false, false},
	{"DK-07", "DK-07", "recreate-stale-containers", always, false, false},
	{"GW-04", "GW-04", "recreate-stale-containers", never, false, false},
	{"ST-10", "ST-10", "recreate-stale-containers", never, false, false},
	{"META-01", "META-01", "recreate-stale-containers", never, false, false},
	{"SVC-04", "SVC-04", "restart-service", never, false, false}, // a restart has nothing to put back
	{"SVC-04", "SVC-04", "restart-auth", never, false, false},
	{"DK-05", "DK-05", "fix-config", inAll, false, false},
	{"DK-09", "DK-09", "fix-line-endings", inAll, false, false},
	{"DK-10", "DK-10", "fix-permissions", inAll, false, false},
	{"DK-31", "DK-31", "fix-permissions", never, false, false},
	{"GW-01", "GW-01", "restore-gateway-config", inAll, false, false},
	{"UPG-06", "UPG-06", "restore-gateway-config", never, false, false},
	{"SEC-04", "SEC-04", "bind-loopback", inAll, false, false},
	{"DK-15", "DK-15", "add-log-rotation", inAll, false, false},
	{"RT-01", "RT-01", "fix-realtime-name", inAll, false, false},
	{"REST-07", "REST-07", "grant-api-usage", inAll, false, false},
	{"REST-05", "REST-05", "serve-existing-schemas", inAll, false, false},
	{"AUTH-08", "AUTH-08", "confirm-users-without-mail", inAll, false, false},
	{"AUTH-10", "AUTH-10", "align-urls", inAll, true, false},
	{"SEC-15", "SEC-15", "require-function-tokens", inAll, false, false},
	{"UPG-07", "UPG-07", "fix-config", never, true, false},
	{"GW-18", "GW-18", "restore-gateway-config", never, false, false},
	{"AUTH-11", "AUTH-11", "align-urls", never, false, false},
	{"RT-03", "RT-03", "fix-key-lengths", inAll, false, false},
	{"REST-02", "REST-02", "regenerate-tokens", inAll, false, false},
	{"SEC-02", "SEC-02", "rotate-jwt-secret", inAll, false, false},
	{"SEC-01", "SEC-01", "replace-demo-secrets", inAll, false, false},
	// Undone, the container stands still as before, without Docker's error of the
	// start that failed: nothing starts what did not run.
	{"DK-03", "DK-03", "reallocate-ports", never, false, false},
	{"FN-01", "FN-01", "fix-file-mounts", never, false, false},
	{"SVC-01", "SVC-01", "start-stopped-services", never, false, false},
	{"RT-07", "RT-07", "add-missing-settings", never, true, false},
	{"RT-08", "RT-08", "add-missing-settings", never, true, false},
	{"ST-05", "ST-05", "add-missing-settings", inAll, false, false},
	{"STU-01", "STU-01", "add-missing-settings", never, true, false},
	{"AUTH-07", "AUTH-07", "align-public-urls", never, true, false},
	{"AUTH-14", "AUTH-14", "align-public-urls", inAll, true, false},
	{"AUTH-06", "AUTH-06", "complete-imported-users", never, false, false},
	{"VEC-03", "VEC-03", "fit-vector-config", inAll, true, true},
	{"VEC-04", "VEC-04", "fit-vector-config", never, false, true},
	{"GW-03", "GW-03", "mount-gateway-template", inAll, true, false},
	{"DK-01", "DK-01", "own-container-names", inAll, true, false},
	{"RT-14", "RT-14", "raise-realtime-limits", never, true, false},
	{"PG-22", "PG-22", "reassign-public-objects", always, false, false},
	{"PG-28", "PG-28", "restart-halted-database", never, true, false},
	{"IMG-01", "IMG-01", "share-storage-folder", inAll, true, false},
	{"LOG-09", "LOG-09", "strict-analytics-check", inAll, true, true},
	{"SEC-12", "SEC-12", "unprivileged-studio", inAll, true, false},
	{"PG-21", "PG-21", "update-extensions", never, true, false},
	{"REST-06", "REST-06", "reload-schema-cache", never, true, false},
	{"GW-05", "GW-05", "restart-service", never, true, false},
	{"SEC-14", "SEC-14", "restore-gateway-config", never, true, false},
	{"DK-27", "DK-27", "recreate-stale-containers", never, true, false},
	{"VEC-05", "VEC-05", "recreate-stale-containers", never, true, true},
	{"VEC-02", "VEC-02", "fix-file-mounts", never, true, true},
	{"LOG-03", "LOG-03", "create-missing-database-objects", never, true, true},
	{"SEC-05", "SEC-05", "bind-loopback", never, true, false},
	{"SEC-07", "SEC-07", "bind-loopback", never, true, false},
	{"SEC-11", "SEC-11", "bind-loopback", never, true, false},
	{"REST-03", "REST-03", "regenerate-tokens", never, true, false},
	{"SEC-03", "SEC-03", "regenerate-tokens", never, true, false},
	{"SEC-19", "SEC-19", "rotate-jwt-secret", never, true, false},
	{"GW-06", "GW-06", "recreate-stale-containers", never, true, false},
	{"VEC-06", "SVC-02", "start-stopped-services", never, true, true},
	{"POOL-06", "POOL-06", "fix-pooler-tenant", never, true, false},
	{"PG-02", "PG-02", "replace-demo-secrets", never, true, false},
	{"DK-06", "DK-06", "replace-demo-secrets", inAll, true, false},
	{"DK-19", "DK-19", "add-missing-settings", never, true, false},
	{"AUTH-13", "AUTH-13", "add-missing-settings", never, true, false},
	{"LOG-08", "LOG-08", "add-missing-settings", never, true, true},
	{"RT-04", "RT-04", "add-missing-settings", never, true, false}, // what realtime wrote into its tenant stays
	{"UPG-03", "UPG-03", "name-gateway-kong", inAll, true, false},
	{"GW-10", "GW-10", "complete-api-keys", inAll, true, false},
	{"PG-13", "PG-13", "raise-database-limits", never, true, false},
	{"PG-16", "PG-16", "raise-database-limits", inAll, true, false},
	{"PG-17", "PG-17", "refresh-collations", never, true, false},
	{"PG-25", "PG-25", "forget-jwt-setting", never, true, false},
	{"PG-26", "PG-26", "update-extensions", never, true, false},
	{"LOG-01", "LOG-01", "start-without-logging", inAll, true, true},
	{"DK-12", "DK-12", "raise-memory-limit", never, true, false},
	{"VEC-01", "VEC-01", "mount-docker-socket", inAll, true, true},
	// What SQL created is taken back when a repair fails; a committed repair that
	// created something is not undone.
	{"AUTH-02", "AUTH-02", "create-missing-database-objects", never, false, false},
	{"PG-03", "PG-03", "create-missing-database-objects", never, false, false},
	{"REST-01", "PG-03", "create-missing-database-objects", never, false, false},
	{"PG-04", "PG-04", "create-missing-database-objects", never, false, false},
	{"POOL-09", "PG-04", "create-missing-database-objects", inAll, true, false},
	{"RT-10", "RT-10", "create-missing-database-objects", never, true, false},
	{"RT-12", "RT-12", "create-missing-database-objects", never, false, false},
	{"POOL-01", "POOL-01", "fix-pooler-tenant", never, false, false},
	{"POOL-03", "POOL-03", "fix-pooler-tenant", never, false, false},
	{"POOL-07", "POOL-07", "fix-pooler-tenant", never, false, false},
}

// uncured says of the codes that a playbook claims and no row proves why not.
var uncured = map[string]string{
	"AUTH-01": "what auth logs of PG-01, whose row it is gone with",
	"META-03": "what meta answers under PG-01, whose row it is gone with",
	"LOG-02":  "what analytics logs of PG-01; the lab's stacks have no analytics",
	"REST-01": "what PostgREST answers under PG-01, whose row it is gone with",
	"DK-11":   "what waits for a stopped service of SVC-02, whose row it is gone with",
	"GW-07":   "the route to a stopped or hanging service, gone with the rows of SVC-02 and SVC-04",
	"SVC-03":  "a failing health check of a service that hangs; in the lab it shows as SVC-04",
	"AUTH-17": "a dead connection of auth cannot be brought about in the lab; its cure is that of SVC-04",
	"DK-08":   "needs an empty folder to be set aside; FN-01 is the same playbook without that",
	"POOL-11": "found as DK-09, whose row it is",
	"POOL-05": "the pooler's stand-in has no circuit breaker",
	"GW-11":   "the lab's gateway is Kong; Envoy alone refuses such a URL",
	"RT-06":   "what realtime's health check says under REST-02, whose row it is gone with",
	"RT-17":   "the lab's realtime does not log its health checks; the same edit as RT-07, of another line",
	"POOL-09": "what the pooler answers under PG-04, whose row it is gone with",
	"VEC-06":  "what vector logs of a stopped analytics, gone with the row of SVC-02",
	"GW-13":   "the lab's gateway has no buffers for headers; the same edit as LOG-08, of another line",
	"RT-15":   "the lab's realtime stores no messages; the same edit as RT-04, of another line",
	"SEC-16":  "two stacks with one secret; the same plan as SEC-02",
}

// TestEveryClaimIsProvenOrExcused: a code that a playbook says it fixes is one
// that checks find, and is cured in a row or has a reason why it is not.
func TestEveryClaimIsProvenOrExcused(t *testing.T) {
	books, err := repairs.BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claimed := map[string]bool{}
	for _, b := range books {
		if b.Guided {
			continue // it mends nothing by itself; TestGuided is its proof
		}
		if !slices.ContainsFunc(cures, func(c cure) bool { return c.playbook == b.ID }) {
			t.Errorf("the playbook %s has no fault here that it cures", b.ID)
		}
		for _, code := range b.Fixes {
			claimed[code] = true
			if _, _, ok := checks.Explain(code); !ok && uncured[code] == "" {
				t.Errorf("%s fixes %s, which no check finds", b.ID, code)
			}
			cured := slices.ContainsFunc(cures, func(c cure) bool { return c.finding == code })
			if cured == (uncured[code] != "") {
				t.Errorf("%s fixes %s: cured in a row: %t, excused: %q", b.ID, code, cured, uncured[code])
			}
		}
	}
	for code := range uncured {
		if !claimed[code] {
			t.Errorf("%s is excused, and no playbook claims it", code)
		}
	}
	for _, c := range cures {
		i := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == c.playbook })
		if i < 0 || !slices.Contains(books[i].Fixes, c.finding) {
			t.Errorf("%s does not claim %s, which a row says it cures", c.playbook, c.finding)
		}
	}
}

// TestTableOfPlaybooks holds the README's table to the registry and the matrix.
func TestTableOfPlaybooks(t *testing.T) {
	books, err := repairs.BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "| playbook | risk | mends | proof: fault → repair → healthy (↩ undone, and the fault is back) |\n|---|---|---|---|\n"
	for _, b := range books {
		var proofs []string
		for _, c := range cures {
			if c.playbook != b.ID {
				continue
			}
			proof := c.fault
			if c.undo == always {
				proof += " ↩"
			}
			proofs = append(proofs, proof)
		}
		if b.Guided {
			proofs = append(proofs, "guided: "+strings.Join(guided, ", "))
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", b.ID, b.Risk, strings.Join(b.Fixes, " "), strings.Join(proofs, ", "))
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(readme), want) {
		return
	}
	if os.Getenv("BASEWRIGHT_UPDATE") != "1" {
		t.Fatalf("README.md has not this table of playbooks; with BASEWRIGHT_UPDATE=1 this test writes it:\n%s", want)
	}
	old := regexp.MustCompile(`(?s)\| playbook \| risk \|.*?\n\n`)
	if err := os.WriteFile("../../README.md", old.ReplaceAll(readme, []byte(want+"\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCures brings a fault about, repairs it by its finding, wants it gone, and
// undoes the repair where the row says so: the fault must then be back.
func TestCures(t *testing.T) {
	w := onStacks(t)
	for _, row := range cures {
		t.Run(row.fault+" by "+row.playbook, func(t *testing.T) {
			if row.slow && os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
				t.Skip("slow; make test-all runs it")
			}
			t.Parallel()
			stack, p := w.stackFor(t, faultRow{logs: row.logs}), w.person(t)
			p.lab("break", stack, row.fault)
			before := ""
			if row.undo.now() {
				before = w.state(t, stack)
			}
			p.has(stack, row.finding, true)
			out := p.basewright(0, "repair", stack, row.playbook, "--finding", row.finding, "--yes")
			if !strings.Contains(out, "committed") {
				t.Fatalf("no committed receipt:\n%s", out)
			}
			p.has(stack, row.finding, false)
			p.lab("signup", stack)
			if row.undo.now() {
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

// stands reports whether a finding is there that nothing else explains, of
// whatever weight.
func stands(d core.Diagnosis, code string) bool {
	return slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.Code == code && f.CausedBy == nil })
}

// has wants a root cause to be there, or the finding to be gone from a stack that
// is healthy. A busy machine may need a while for either.
func (p *person) has(stack, code string, want bool) {
	p.t.Helper()
	var d core.Diagnosis
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(2 * time.Second) {
		out, _ := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, "doctor", stack, "--output", "json")
		var report struct{ Diagnoses []core.Diagnosis }
		if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Diagnoses) != 1 {
			p.t.Fatalf("doctor %s: %v\n%s", stack, err, out)
		}
		d = report.Diagnoses[0]
		if want && stands(d, code) || !want && !d.Finds(code) && d.Status == core.Healthy {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	p.t.Errorf("%s is %s, root causes %q, unknown %v; %s there: want %t", stack, d.Status, d.RootCauses, d.Unknowns, code, want)
}

// lastChange is the newest change's ID in what `change list` printed.
func lastChange(list string) string { return strings.Fields(strings.Split(list, "\n")[1])[0] }
