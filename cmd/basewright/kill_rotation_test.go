package main

import (
	"strings"
	"testing"
)

// TestKilledRotation kills the agent in the middle of rotations on a real stack.
// The next start puts back the secrets of before, everywhere: the keys, passwords
// and tenants of before work, and none that was drawn is left.
func TestKilledRotation(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	for _, what := range []string{"jwt-secret", "database-passwords"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			stack, p := w.borrow(t), w.person(t)
			rotate := []string{"rotate", stack, what, "--yes"}
			points := turns(p.steps(`action-`, rotate...)) // rotated once, whole
			p.lab("signup", stack)
			state := func() string { return w.state(t, stack) + w.schemas(t, stack) }
			before := state()
			for _, point := range points {
				p.kill(point, rotate...)
				p.basewright(0, "change", "recover")
				if list := p.basewright(0, "change", "list", stack); !strings.Contains(strings.Split(list, "\n")[1], "rolled_back") {
					t.Fatalf("killed at %s: the change ended so:\n%s", point, list)
				}
				if d := difference(before, state()); d != "" {
					t.Fatalf("killed at %s: after the next start the stack is not what it was: %s", point, d)
				}
				p.lab("signup", stack)
			}
			p.noSecrets(w.secrets(t, stack))
			p.recovers(stack, nil)
			t.Logf("killed at %q", points)
		})
	}
}

// turns are the points after actions that change something, of several of one kind
// in a row the first and the last: each of them is killed in TestKilledAnywhere of
// package apply.
func turns(points []string) []string {
	var kept []string
	kind := func(point string) string { return strings.SplitN(strings.TrimSuffix(point, ".do.after"), "-", 3)[2] }
	last := 0 // how many of the last kind
	for _, point := range points {
		if !strings.HasSuffix(point, ".do.after") || strings.HasPrefix(kind(point), "wait_") || kind(point) == "note" {
			continue
		}
		if len(kept) > 0 && kind(kept[len(kept)-1]) == kind(point) {
			if last++; last > 2 {
				kept = kept[:len(kept)-1]
			}
		} else {
			last = 1
		}
		kept = append(kept, point)
	}
	return kept
}

// schemas are what the pooler has stored, with what a rotation set aside of it. What
// the pooler stored anew before a rotation was taken back is not among them: a
// rollback drops nothing that holds rows, and sets it aside as undone.
func (w *world) schemas(t *testing.T, stack string) string {
	t.Helper()
	return w.inDB(t, stack, "select nspname, nspowner::regrole from pg_namespace where nspname like '_supavisor%' and nspname not like '_supavisor_undone_%' order by 1; select external_id from _supavisor.tenants;",
		"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", "_supabase")
}
