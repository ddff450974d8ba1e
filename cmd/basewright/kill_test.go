package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestKilledRepair kills the agent at every step of a repair that writes a file,
// changes a role's password and recreates a container. The next start must end
// in what was before, byte for byte, or in the whole new state.
func TestKilledRepair(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	before := w.state(t, stack)

	for _, point := range p.failpoints(stack) {
		out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=" + point + ":kill"},
			"repair", stack, "testdata/mixed.lua", "--yes")
		p.said.WriteString(out)
		if code != -1 {
			t.Fatalf("%s: the agent was not killed, exit code %d:\n%s", point, code, out)
		}
		p.basewright(0, "change", "recover")
		list := p.basewright(0, "change", "list", stack)
		switch last := strings.Split(list, "\n")[1]; {
		case strings.Contains(last, "rolled_back"):
		case strings.Contains(last, "committed") && point == "end.after": // the whole new state; take it back
			p.basewright(0, "change", "undo", lastChange(list))
		case point == "approve.before": // nothing was begun
		default:
			t.Errorf("%s: the change ended so: %s", point, last)
		}
		if d := difference(before, w.state(t, stack)); d != "" {
			t.Fatalf("killed at %s: after the next start the stack is not what it was: %s", point, d)
		}
	}
	p.noSecrets(w.secrets(t, stack))
	p.diagnosis(0, stack)
}

// failpoints lists where the agent can be killed, in order: it lets a repair
// run through, reads its steps, and takes it back.
func (p *person) failpoints(stack string) []string {
	p.t.Helper()
	out, code := p.run("basewright", []string{"BASEWRIGHT_DATA=" + p.data, "BASEWRIGHT_FAILPOINT=list"}, "repair", stack, "testdata/mixed.lua", "--yes")
	change := regexp.MustCompile(`Receipt (\w+)  committed`).FindStringSubmatch(out)
	if code != 0 || change == nil {
		p.t.Fatalf("the repair does not work when nobody kills it:\n%s", out)
	}
	p.basewright(0, "change", "undo", change[1])
	var points []string
	for _, m := range regexp.MustCompile(`(?m)^failpoint (\S+)$`).FindAllStringSubmatch(out, -1) {
		// Nothing happens between an .after and the .before that follows it.
		follows := len(points) > 0 && strings.HasSuffix(points[len(points)-1], ".after") && strings.HasSuffix(m[1], ".before")
		if !follows && !slices.Contains(points, m[1]) {
			points = append(points, m[1])
		}
	}
	if len(points) < 12 {
		p.t.Fatalf("only %d steps: %q", len(points), points)
	}
	return points
}
