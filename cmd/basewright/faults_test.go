package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// faultRows says which root causes each fault of the lab must lead to, and
// nothing else. A fault is named after the catalogue's row; where the engine
// shows a nearer cause, that is the root.
var faultRows = map[string][]string{
	"DK-03":   {"DK-03"},
	"DK-05":   {"DK-05"},
	"DK-07":   {"DK-07"},
	"DK-08":   {"DK-08"},
	"DK-11":   {"SVC-05"}, // the database listens nowhere; what waits for it is beneath
	"DK-12":   {"DK-12"},
	"DK-13":   {"DK-13"},
	"GW-01":   {"GW-01"},
	"GW-04":   {"GW-04"},
	"GW-06":   {"GW-06"},
	"GW-07":   {"SVC-02"}, // auth is stopped; the route is beneath
	"REST-02": {"REST-02"},
	"AUTH-02": {"AUTH-02"},
	"AUTH-05": {"AUTH-05"},
	"AUTH-08": {"AUTH-08"},
	"AUTH-17": {"AUTH-17"},
	"PG-01":   {"PG-01"},
	"PG-04":   {"PG-04"},
	"PG-13":   {"PG-13"},
	"REST-01": {"PG-03"}, // the role may not log in; PostgREST's 503 is beneath
	"RT-01":   {"RT-01"},
	"SVC-04":  {"SVC-04"},
	"ST-10":   {"ST-10"},
	"POOL-03": {"POOL-03"},
	"FN-01":   {"FN-01"},
	"STU-01":  {"STU-01"},
	"SEC-01":  {"SEC-01"},
	"SEC-04":  {"SEC-04"},
	"SEC-13":  {"SEC-13"},
	"DK-06":   {"DK-06"},
	"DK-30":   {"DK-30"},
	"DK-31":   {"DK-31"},
	"UPG-06":  {"UPG-06"},
	"META-01": {"META-01"}, // that the files say another key is beneath
	"REST-05": {"REST-05"}, // PostgREST's 503 is beneath
	"REST-07": {"REST-07"},
	"RT-12":   {"RT-12"},
	"PG-03":   {"PG-03"},
	"PG-25":   {"PG-25"},
	"PG-26":   {"PG-26"},
	"POOL-01": {"POOL-01"},
	"POOL-07": {"POOL-07"},
	"DK-09":   {"DK-09"},
	"DK-10":   {"DK-10"},
	"DK-15":   {"DK-15"},
	"RT-03":   {"RT-03"},
	"AUTH-10": {"AUTH-10"},
	"SEC-15":  {"SEC-15"},
}

// TestFaults brings each fault about for real, wants exactly its root causes
// with everything else beneath them, mends it, and wants a healthy stack again.
func TestFaults(t *testing.T) {
	w := onStacks(t)
	known := w.faults(t)
	for _, code := range known {
		if _, ok := faultRows[code]; !ok {
			t.Errorf("the lab's fault %s has no row here", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(faultRows)) {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			p.lab("break", stack, code)
			d := p.diagnosis(1, stack)
			if !slices.Equal(d.RootCauses, faultRows[code]) {
				t.Errorf("root causes = %q, want %q", d.RootCauses, faultRows[code])
				for _, f := range d.Findings {
					t.Logf("%s %s %q caused by %v: %v", f.Code, f.Service, f.Title, deref(f.CausedBy), f.Evidence)
				}
			}
			p.lab("mend", stack, code)
			if d := p.diagnosis(0, stack); d.Status != core.Healthy {
				t.Errorf("after mending: %s %q %v", d.Status, d.RootCauses, d.Unknowns)
			}
		})
	}
}

// faults lists the codes that the lab can break.
func (w *world) faults(t *testing.T) []string {
	t.Helper()
	out, code := w.run("lab", nil, "faults")
	if code != 0 {
		t.Fatal(out)
	}
	var codes []string
	for line := range strings.Lines(out) {
		codes = append(codes, strings.Fields(line)[0])
	}
	return codes
}

func deref(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}
