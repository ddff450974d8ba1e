package main

import (
	"cmp"
	"fmt"
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
		t.Run(row.name(), func(t *testing.T) {
			row.leave(t)
			t.Parallel()
			stack, p, beside := w.stackFor(t, row), w.person(t), row.beside()
			begin := time.Now()
			p.lab("break", stack, row.fault)
			p.stands(func() core.Diagnosis { return row.seen(p.found(stack, row.mode())) }, row.standing(), strings.Fields(row.with))
			p.lab("mend", "--no-wait", stack, row.fault)
			p.recovers(stack, beside)
			took.note(row.name(), time.Since(begin))
		})
	}
}

// seen is a diagnosis without the unknown that the row is about.
func (r faultRow) seen(d core.Diagnosis) core.Diagnosis {
	if r.blind && len(d.Unknowns) == 1 {
		d.Unknowns = nil
	}
	return d
}

// name tells the row from another of the same fault.
func (r faultRow) name() string {
	if r.logs {
		return r.fault + " with logs"
	}
	return r.fault
}

func (r faultRow) mode() string {
	if r.deep {
		return "deep"
	}
	return "full"
}

// beside are the codes that are true of the row's stack at all times.
func (r faultRow) beside() []string {
	if r.logs {
		return []string{standing}
	}
	return nil
}

// standing are the codes that nothing explains while the row's fault lasts.
func (r faultRow) standing() []string {
	if r.bare {
		return r.codes()
	}
	return append(r.codes(), r.beside()...)
}

// stackFor borrows a stack that can show the fault.
func (w *world) stackFor(t *testing.T, r faultRow) string {
	t.Helper()
	if !r.logs {
		return w.borrow(t)
	}
	if err := logsOnce(); err != nil {
		t.Fatal(err)
	}
	logsHeld.Lock()
	t.Cleanup(func() {
		if t.Failed() {
			w.run("lab", nil, "mend", logsStack)
		}
		logsHeld.Unlock()
	})
	return logsStack
}

var logsHeld sync.Mutex

// logsOnce brings up the stack with analytics and vector when a row first wants it.
var logsOnce = sync.OnceValue(func() error {
	w, err := theWorld()
	if err != nil {
		return err
	}
	logsMade.Store(true)
	w.run("lab", nil, "down", logsStack) // of a killed run; mostly there is none
	if out, code := w.run("lab", nil, "up", logsStack, "--with", "logs"); code != 0 {
		return fmt.Errorf("lab up %s: %s", logsStack, out)
	}
	return nil
})

// TestFaultPairs brings two faults about at once: two causes, each with its own
// symptoms.
func TestFaultPairs(t *testing.T) {
	w := onStacks(t)
	for _, row := range []struct {
		faults  []string
		wants   []string
		beneath map[string]string // "CODE service" of a symptom and its cause
	}{
		{[]string{"ST-09", "RT-12"}, []string{"RT-12", "ST-09"}, nil},
		{[]string{"AUTH-06", "IMG-01"}, []string{"AUTH-06", "IMG-01"}, map[string]string{"AUTH-17 auth": "AUTH-06"}},
		{[]string{"GW-07", "REST-01"}, []string{"PG-03", "SVC-02"}, map[string]string{"GW-07 auth": "SVC-02", "REST-01 rest": "PG-03"}},
	} {
		t.Run(strings.Join(row.faults, " and "), func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			for _, f := range row.faults {
				p.lab("break", stack, f)
			}
			d := p.stands(func() core.Diagnosis { return p.found(stack, "full") }, row.wants, nil)
			for _, f := range d.Findings {
				if want, ok := row.beneath[f.Code+" "+string(f.Service)]; ok && deref(f.CausedBy) != want {
					t.Errorf("%s of %s is put under %s, want %s", f.Code, f.Service, deref(f.CausedBy), want)
				}
			}
			p.lab("mend", "--no-wait", stack)
			p.recovers(stack, nil)
		})
	}
}

// found diagnoses a stack, whatever the answer.
func (p *person) found(stack, mode string) core.Diagnosis {
	p.t.Helper()
	out, _ := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data}, "doctor", stack, "--mode", mode, "--output", "json")
	p.said.WriteString(out)
	return p.parsed(out)
}

// settling bounds how long a broken stack may take until it shows what it will
// show: services that the fault restarts must first be up again.
const settling = 90 * time.Second

// stands wants the findings that nothing explains to have these codes, and no
// others, and these to be among those beneath them, before the stack had its
// time to settle; it returns that diagnosis.
func (p *person) stands(look func() core.Diagnosis, codes, with []string) core.Diagnosis {
	p.t.Helper()
	for end := time.Now().Add(settling); ; time.Sleep(time.Second) {
		d := look()
		wrong := unlike(d, codes, with)
		if wrong == "" {
			return d
		}
		if time.Now().Before(end) {
			continue
		}
		p.t.Error(wrong)
		for _, f := range d.Findings {
			p.t.Logf("%s %s %s %q caused by %s: %v", f.Code, f.Severity, f.Service, f.Title, deref(f.CausedBy), f.Evidence)
		}
		return d
	}
}

// unlike says in what a diagnosis differs from what is wanted, or nothing.
func unlike(d core.Diagnosis, codes, with []string) string {
	codes = slices.Sorted(slices.Values(codes))
	var alone, beneath []string
	for _, f := range d.Findings {
		if f.CausedBy == nil {
			alone = append(alone, f.Code)
		} else {
			beneath = append(beneath, f.Code)
		}
	}
	slices.Sort(alone)
	alone = slices.Compact(alone)
	missing := slices.DeleteFunc(slices.Clone(with), func(c string) bool { return slices.Contains(beneath, c) })
	if slices.Equal(alone, codes) && len(missing) == 0 && len(d.Unknowns) == 0 {
		return ""
	}
	return fmt.Sprintf("found %q, want %q; beneath it %q, without %q; unknown: %v", alone, codes, beneath, missing, d.Unknowns)
}

// recovery bounds how long a mended stack may take until nothing is found.
const recovery = 2 * time.Minute

// recovers waits until a diagnosis finds nothing but what is true at all times.
func (p *person) recovers(stack string, beside []string) {
	p.t.Helper()
	for end := time.Now().Add(recovery); ; {
		d := p.found(stack, "full")
		if d.Status == core.Healthy && len(d.Findings) == len(beside) {
			return
		}
		if time.Now().After(end) {
			p.t.Errorf("%s after mending it is %s: %s", recovery, d.Status, unlike(d, beside, nil))
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
