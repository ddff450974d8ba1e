package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

var dataSnapshot = regexp.MustCompile(`Data snapshot\s+(\w+)`)

// guided are faults through which a person is guided: their repair could lose data.
var guided = []string{"PG-05", "PG-14", "PG-18"}

// TestGuided has everything saved and proven before such a repair: of a database
// that runs, of one whose data folder is of another version, and of one that
// cannot start. Nothing is changed, and the name of the instance is to be typed.
func TestGuided(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	for _, code := range guided {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			p.lab("break", stack, code)
			p.has(stack, code, true)
			state := w.state
			if code == "PG-18" {
				state = w.files // a database that is down tells no verifiers
			}
			before := state(t, stack)
			repair := []string{"repair", stack, "guided-data-repair", "--finding", code}
			if out := p.basewright(0, append(repair, "--plan")...); !strings.Contains(out, "high") || !strings.Contains(out, "snapshot") {
				t.Errorf("the plan says:\n%s", out)
			}
			if out := p.basewright(1, append(repair, "--yes")...); !strings.Contains(out, "--confirm "+stack) {
				t.Errorf("without the name it says:\n%s", out)
			}
			out := p.basewright(0, append(repair, "--yes", "--confirm", stack)...)
			for _, part := range []string{"committed", "verify the", "By hand", "Data snapshot"} {
				if !strings.Contains(out, part) {
					t.Errorf("%q is missing in:\n%s", part, out)
				}
			}
			if d := difference(before, state(t, stack)); d != "" {
				t.Errorf("a guided plan changed something: %s", d)
			}
			id := dataSnapshot.FindStringSubmatch(out)[1]
			p.basewright(0, "snapshot", "verify", id)
			if shown := p.basewright(0, "snapshot", "show", id); !strings.Contains(shown, "the data directory of the stopped database") {
				t.Errorf("the snapshot says:\n%s", shown)
			}
			p.basewright(1, "change", "undo", lastChange(p.basewright(0, "change", "list", stack)))
			p.lab("mend", stack, code)
			p.recovers(stack, nil)
		})
	}
}

// TestDataDirectorySnapshot copies the data directory of a database that is stopped
// for it, also by an agent that is killed meanwhile, whose next command starts it
// again; and brings a database back from it whose log is gone.
func TestDataDirectorySnapshot(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	before := w.data(t, stack)
	create := []string{"snapshot", "create", stack, "--scope", "volumes", "--stop"}
	points := p.steps("snapshot\\.volume", create...)
	if len(points) < 2 {
		t.Fatalf("only %d steps: %q", len(points), points)
	}
	p.kill(points[len(points)-1], create...)
	if d := p.found(stack, "quick"); d.Status == core.Healthy {
		t.Error("the database was not stopped when the agent was killed")
	}
	// What the seed brings along is all that is found once the database is up again.
	awake := func() {
		p.stands(func() core.Diagnosis { return p.found(stack, "full") }, []string{"PG-22", "SEC-13"}, nil)
	}
	p.basewright(0, "change", "recover")
	awake()

	id := p.snapshot(stack, "volumes", "--stop")
	awake()
	p.lab("break", stack, "PG-18")
	p.has(stack, "PG-18", true)
	if out := p.basewright(0, "snapshot", "restore", id, "--yes"); !strings.Contains(out, "committed") {
		t.Errorf("the restore says:\n%s", out)
	}
	awake()
	if d := difference(before, w.data(t, stack)); d != "" {
		t.Errorf("what came back is not what was: %s", d)
	}
	p.lab("mend", stack)
}
