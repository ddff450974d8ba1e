package main

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// codes are what the row must lead to.
func (r faultRow) codes() []string { return strings.Fields(cmp.Or(r.wants, r.fault)) }

// leave skips a row that is only for those who have time.
func (r faultRow) leave(t *testing.T) {
	t.Helper()
	if r.slow && os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
		t.Skip("slow; make test-all runs it")
	}
}

// TestFaults brings each fault about for real, wants exactly what stands in its
// row with everything else beneath, mends it, and wants a healthy stack again.
func TestFaults(t *testing.T) {
	w := onStacks(t)
	var took stopwatch
	t.Cleanup(func() { took.report(t) })
	for _, code := range w.faults(t) {
		if !slices.ContainsFunc(faultRows, func(r faultRow) bool { return r.fault == code }) {
			t.Errorf("the lab's fault %s has no row here", code)
		}
	}
	for _, row := range faultRows {
		t.Run(row.fault, func(t *testing.T) {
			row.leave(t)
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			begin := time.Now()
			p.lab("break", stack, row.fault)
			p.stands(p.found(stack), row.codes(), strings.Fields(row.with))
			p.lab("mend", "--no-wait", stack, row.fault)
			p.recovers(stack)
			took.note(row.fault, time.Since(begin))
		})
	}
}

// found diagnoses a stack, whatever the answer.
func (p *person) found(stack string) core.Diagnosis {
	p.t.Helper()
	out, _ := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, "doctor", stack, "--output", "json")
	p.said.WriteString(out)
	return p.parsed(out)
}

// stands wants the findings that nothing explains to have these codes, and no
// others, and these to be among those beneath them.
func (p *person) stands(d core.Diagnosis, codes, with []string) {
	p.t.Helper()
	var alone, beneath []string
	for _, f := range d.Findings {
		if f.CausedBy == nil {
			alone = append(alone, f.Code)
		} else {
			beneath = append(beneath, f.Code)
		}
	}
	slices.Sort(alone)
	missing := slices.DeleteFunc(slices.Clone(with), func(c string) bool { return slices.Contains(beneath, c) })
	if slices.Equal(slices.Compact(alone), codes) && len(missing) == 0 && len(d.Unknowns) == 0 {
		return
	}
	p.t.Errorf("found %q, want %q; beneath it %q, without %q; unknown: %v", alone, codes, beneath, missing, d.Unknowns)
	for _, f := range d.Findings {
		p.t.Logf("%s %s %s %q caused by %s: %v", f.Code, f.Severity, f.Service, f.Title, deref(f.CausedBy), f.Evidence)
	}
}

// recovery bounds how long a mended stack may take until nothing is found.
const recovery = 2 * time.Minute

// recovers waits until a diagnosis finds nothing at all.
func (p *person) recovers(stack string) {
	p.t.Helper()
	for end := time.Now().Add(recovery); ; {
		d := p.found(stack)
		if d.Status == core.Healthy && len(d.Findings) == 0 {
			return
		}
		if time.Now().After(end) {
			p.t.Errorf("%s after mending: %s", recovery, d.Status)
			p.stands(d, nil, nil)
			return
		}
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

// stopwatch notes how long rows take, so that the slow ones are known.
type stopwatch struct {
	mu   sync.Mutex
	laps []lap
}

type lap struct {
	name string
	took time.Duration
}

func (s *stopwatch) note(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laps = append(s.laps, lap{name, d})
}

// report prints the sum and the slowest.
func (s *stopwatch) report(t *testing.T) {
	slices.SortFunc(s.laps, func(a, b lap) int { return cmp.Compare(b.took, a.took) })
	var sum time.Duration
	for _, l := range s.laps {
		sum += l.took
	}
	t.Logf("%d rows, %.0f s one after the other; the slowest:", len(s.laps), sum.Seconds())
	for _, l := range s.laps[:min(15, len(s.laps))] {
		t.Logf("%6.1f s  %s", l.took.Seconds(), l.name)
	}
}
