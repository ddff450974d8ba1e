package repairs

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/basewright/basewright/core"
)

// plansFile holds a plan of every playbook that comes with Basewright, for the
// test that kills the agent at every step of each. That test is in the room that
// applies plans, which does not know playbooks.
const plansFile = "../core/apply/testdata/plans.json"

// TestPlansOfEveryPlaybook holds that file to the playbooks: the longest plan that
// an example of each makes. With BASEWRIGHT_UPDATE=1 it is written anew.
func TestPlansOfEveryPlaybook(t *testing.T) {
	books, err := BuiltIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type plan struct {
		Playbook string        `json:"playbook"`
		Risk     core.Risk     `json:"risk"`
		Actions  []core.Action `json:"actions"`
	}
	var plans []plan
	for _, b := range books {
		results, err := Test(t.Context(), b.ID, b.Source)
		if err != nil {
			t.Fatal(err)
		}
		p := plan{Playbook: b.ID, Risk: b.Risk}
		for _, r := range results {
			if len(r.Actions) > len(p.Actions) {
				p.Actions = r.Actions
			}
		}
		plans = append(plans, p)
	}
	want, err := json.MarshalIndent(plans, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	got, err := os.ReadFile(plansFile)
	if err == nil && bytes.Equal(got, want) {
		return
	}
	if os.Getenv("BASEWRIGHT_UPDATE") != "1" {
		t.Fatalf("%s is not what the examples of the playbooks plan; BASEWRIGHT_UPDATE=1 writes it anew: %v", plansFile, err)
	}
	if err := os.WriteFile(plansFile, want, 0o644); err != nil {
		t.Fatal(err)
	}
}
