package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// planOf is a plan that a playbook of Basewright makes in one of its examples.
type planOf struct {
	Playbook string
	Risk     core.Risk
	Actions  []core.Action
}

// plansOfPlaybooks reads the plans of every playbook, which a test of the room of
// playbooks writes.
func plansOfPlaybooks() ([]planOf, error) {
	b, err := os.ReadFile("testdata/plans.json")
	if err != nil {
		return nil, err
	}
	var plans []planOf
	if err := json.Unmarshal(b, &plans); err != nil {
		return nil, err
	}
	for i, p := range plans {
		plans[i].Actions = slices.DeleteFunc(p.Actions, func(a core.Action) bool { return slices.Contains(answered, a.Op) })
	}
	return plans, nil
}

// fit gives the world what the plan acts on: containers, and files that read as
// the plan expects.
func (p planOf) fit(w *world) error {
	w.mu.Lock()
	for _, a := range p.Actions {
		if role := a.Text("role"); role != "" {
			v := oldVerifier(role)
			w.roles[role] = &v
		}
	}
	w.mu.Unlock()
	w.e.Edit(func(e *coretest.Engine) {
		e.Files[".env"] = core.File{Name: ".env", Mode: 0o600, Data: append(e.Files[".env"].Data, "JWT_SECRET=old-"+planted+"\nANON_KEY=a\nSERVICE_ROLE_KEY=b\n"...)}
		for _, a := range p.Actions {
			if has := slices.ContainsFunc(e.Containers, func(c core.Container) bool { return c.Service == a.Service }); a.Service != "" && !has {
				e.Containers = append(e.Containers, coretest.Running(a.Service)...)
			}
			path := a.Text("path")
			if path == "" {
				continue
			}
			f := core.File{Name: path, Mode: 0o600, UID: 7, GID: 8, Data: []byte("a line\r\n")}
			if edits, ok := a.Args["edits"].([]any); ok {
				f.Data = textBefore(edits)
			}
			e.Files[path] = f
		}
	})
	return w.save()
}

// mustPutBack starts again in dir, where the agent was killed at a point, and wants
// what was before; only once the end was written down may the plan have its way.
func (p planOf) mustPutBack(t *testing.T, dir, point string, before worldState) {
	t.Helper()
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.st.Close()
	w.a.Data = &vault{w: w}
	begun := time.Now()
	if _, err := w.a.Recover(t.Context()); err != nil {
		t.Fatalf("killed at %s: %v", point, err)
	}
	if d := time.Since(begun); d > 2*time.Second {
		t.Errorf("killed at %s: it took %s to put it back", point, d)
	}
	list, err := w.st.Changes(t.Context(), "shop", 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("killed at %s: %v, %v", point, list, err)
	}
	mustBeClosed(t, w, list[0].ID)
	// What a plan put where it had set something aside takes its place there.
	now := w.state()
	now.Aside = before.Aside
	switch c := list[0]; {
	case c.State == core.Committed && strings.HasPrefix(point, "end"):
	case c.State != core.RolledBack:
		t.Fatalf("killed at %s: the change is %s: %s", point, c.State, c.Reason)
	case !reflect.DeepEqual(now, before):
		t.Fatalf("killed at %s: the instance is in between", point)
	}
	if _, err := w.st.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// textBefore is a file in which every edit finds what it replaces.
func textBefore(edits []any) []byte {
	lines := []string{}
	for _, e := range edits {
		edit, _ := e.(map[string]any)
		n, _ := edit["line"].(float64)
		for len(lines) < int(n) {
			lines = append(lines, fmt.Sprintf("# line %d", len(lines)+1))
		}
		lines[int(n)-1], _ = edit["old"].(string)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// carryOut applies the plan as a person would who approved it.
func (p planOf) carryOut(w *world) error {
	w.a.Data = &vault{w: w}
	plan := w.plan(p.Actions...)
	plan.Playbook, plan.Title, plan.Claims, plan.Risk = p.Playbook, p.Playbook, nil, p.Risk
	if p.Risk == core.HighRisk {
		plan.Scope = core.DatabaseScope
	}
	if err := plan.Seal(); err != nil {
		return err
	}
	_, err := w.apply(context.Background(), plan)
	return err
}

// init makes a scenario of each plan, so that a child can be told to carry it out.
func init() {
	plans, err := plansOfPlaybooks()
	if err != nil {
		panic(err)
	}
	for _, p := range plans {
		scenarios["playbook "+p.Playbook] = p.carryOut
	}
}

// TestKilledInEveryPlaybook kills the agent around every action of a plan of every
// playbook that comes with Basewright, and while the change is verified and ended.
// The next start puts back what was before. With BASEWRIGHT_TEST_ALL=1 it is killed
// at every other step, too.
func TestKilledInEveryPlaybook(t *testing.T) {
	plans, err := plansOfPlaybooks()
	if err != nil || len(plans) < 25 {
		t.Fatalf("%d plans: %v", len(plans), err)
	}
	all := os.Getenv("BASEWRIGHT_TEST_ALL") == "1"
	for _, p := range plans {
		t.Run(p.Playbook, func(t *testing.T) {
			t.Parallel()
			scenario := "playbook " + p.Playbook
			base := prepared(t, p.fit)
			whole := copied(t, base)
			points, killed := run(t, whole, scenario, 0)
			if killed {
				t.Fatal("it was killed though nobody did")
			}
			before, after := stateOf(t, base), stateOf(t, whole)
			touched := slices.ContainsFunc(p.Actions, func(a core.Action) bool { return ops[a.Op].file != nil || a.Op == core.OpSetRolePassword })
			if touched && reflect.DeepEqual(before, after) {
				t.Error("the plan changes nothing, so to be killed in it proves nothing")
			}
			for _, n := range distinct(points) {
				if !all && !strings.HasSuffix(points[n-1], ".do.after") && !strings.HasPrefix(points[n-1], "end") {
					continue
				}
				dir := copied(t, base)
				if _, killed := run(t, dir, scenario, n); !killed {
					t.Fatalf("%s: the child was not killed", points[n-1])
				}
				p.mustPutBack(t, dir, points[n-1], before)
			}
		})
	}
}
