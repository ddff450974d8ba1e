package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/repairs"
)

// recordedOnly are the codes that no stack of the lab can show, and why. They
// have a recorded row in package checks.
var recordedOnly = map[string]string{
	"DK-04":   "it takes every network address of the engine, which others use",
	"DK-14":   "it takes a full disk of the host",
	"DK-24":   "containers have the clock of the host",
	"DK-26":   "it takes Docker Engine 29",
	"DK-28":   "not in the lab yet: a volume made anew beside old data",
	"FN-05":   "the lab's edge runtime runs no code, so it has no limits",
	"GW-08":   "not in the lab yet: Envoy",
	"GW-09":   "not in the lab yet: Envoy",
	"GW-11":   "not in the lab yet: Envoy",
	"GW-13":   "the lab's gateway has no buffers for headers",
	"HOST-01": "it takes a host whose memory is used up",
	"HOST-02": "it takes a host without a resolver",
	"HOST-03": "it takes a schedule of the host, of which every stack would be told",
	"LOG-00":  "what nobody knows cannot be broken on purpose",
	"LOG-05":  "the text is a shell's, which the lab's analytics lacks; DK-16 is real",
	"LOG-06":  "it takes a host whose memory is used up",
	"LOG-10":  "it takes 5 GiB of logs",
	"NET-01":  "it takes a firewall rule on the host",
	"PG-06":   "pgsodium cannot be had as a package",
	"PG-07":   "pgsodium cannot be had as a package",
	"PG-08":   "pgsodium cannot be had as a package",
	"PG-12":   "it takes a full disk under the data folder",
	"POOL-08": "the lab's pooler keeps a session to each client",
	"RT-02":   "it takes a client that stays connected while the database goes",
	"RT-13":   "the lab's realtime reads no replication slot",
	"RT-15":   "the lab's realtime stores no messages",
	"RT-17":   "the lab's realtime does not log health checks",
	"ST-01":   "the lab's storage keeps no files",
	"ST-02":   "the lab's storage keeps no files",
	"ST-04":   "the lab's storage keeps no files",
	"ST-08":   "the lab's storage keeps no files",
}

// TestEveryCodeHasAFault is the law: what a check may find is broken for real in
// a row of faultRows, or recordedOnly says why it cannot be.
func TestEveryCodeHasAFault(t *testing.T) {
	real := map[string]bool{standing: true, "GW-15": true} // the second in TestProxyInFront
	for _, r := range faultRows {
		for _, code := range slices.Concat(r.codes(), strings.Fields(r.with)) {
			real[code] = true
		}
	}
	known := map[string]bool{}
	for _, c := range checks.All() {
		for _, e := range c.Finds {
			known[e.Code] = true
			switch reason := recordedOnly[e.Code]; {
			case real[e.Code] && reason != "":
				t.Errorf("%s is broken for real and also in recordedOnly", e.Code)
			case !real[e.Code] && reason == "":
				t.Errorf("%s has no fault: write one in cmd/lab and its row in faultRows, or say in recordedOnly why it cannot be broken for real", e.Code)
			}
			for part, text := range map[string]string{"what": e.What, "breaks": e.Breaks, "do": e.Do, "data": e.Data} {
				if end := strings.TrimRight(text, "\"')`"); !strings.HasSuffix(end, ".") && !strings.HasSuffix(end, ";") {
					t.Errorf("basewright explain %s does not say %s in sentences: %q", e.Code, part, text)
				}
			}
		}
	}
	for code := range real {
		if !known[code] {
			t.Errorf("a row is about %s, which no check finds", code)
		}
	}
	for code := range recordedOnly {
		if !known[code] {
			t.Errorf("recordedOnly names %s, which no check finds", code)
		}
	}
	t.Logf("%d of %d codes are broken for real", len(real), len(known))
}

// TestEveryCodeIsMendedOrLeftToAPerson: a code that a check finds has a playbook,
// a guided plan, or a reason why only a person can mend it, which explain says.
func TestEveryCodeIsMendedOrLeftToAPerson(t *testing.T) {
	books, err := repairs.BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks.All() {
		for _, e := range c.Finds {
			mended := len(repairs.Remedies(books, e.Code)) > 0
			reason, left := repairs.ByPerson(e.Code)
			if mended == left || left && !strings.HasSuffix(reason, ".") {
				t.Errorf("%s has a playbook: %t, and a reason for having none: %q", e.Code, mended, reason)
			}
			if !left {
				continue
			}
			var page strings.Builder
			explain(&global{console: &console{out: &page}}, e, c.ID, books)
			if !strings.Contains(strings.Join(strings.Fields(page.String()), " "), reason) {
				t.Errorf("explain %s does not say %q:\n%s", e.Code, reason, page.String())
			}
		}
	}
	for _, code := range repairs.LeftToAPerson() {
		if _, _, ok := checks.Explain(code); !ok {
			t.Errorf("%s is left to a person, and no check finds it", code)
		}
	}
}
