package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// diagnosis asks for one stack's diagnosis as a script would.
func (p *person) diagnosis(want int, stack string) core.Diagnosis {
	p.t.Helper()
	return p.parsed(p.basewright(want, "doctor", stack, "--output", "json"))
}

// parsed reads the one diagnosis that doctor printed as JSON.
func (p *person) parsed(out string) core.Diagnosis {
	p.t.Helper()
	var answer struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Diagnoses) != 1 {
		p.t.Fatalf("doctor's JSON: %v\n%s", err, out)
	}
	return answer.Diagnoses[0]
}

// TestJourney is the demo with its claims checked: a wrong password is named,
// planned, mended, undone; a repair that does not help is put back; no secret
// is shown or kept anywhere on the way.
func TestJourney(t *testing.T) {
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	secrets := w.secrets(t, stack)

	if d := p.diagnosis(0, stack); d.Status != core.Healthy || len(d.Findings) != 0 || len(d.Unknowns) != 0 {
		t.Fatalf("a healthy stack is called %s: %+v %+v", d.Status, d.Findings, d.Unknowns)
	}
	p.lab("break", stack, "PG-01")
	d := p.diagnosis(1, stack)
	if !slices.Equal(d.RootCauses, []string{"PG-01"}) || d.Status != core.Unhealthy {
		t.Fatalf("root causes = %q, status = %s", d.RootCauses, d.Status)
	}
	for _, f := range d.Findings {
		if f.Code != "PG-01" && (f.CausedBy == nil || *f.CausedBy != "PG-01") {
			t.Errorf("%s of %s is not put under PG-01", f.Code, f.Service)
		}
	}
	if out := p.basewright(2, "doctor", stack, "--output", "nagios"); !strings.HasPrefix(out, "SUPABASE CRITICAL - "+stack+" unhealthy (PG-01)") || strings.Count(out, "\n") != 1 {
		t.Errorf("nagios says %q", out)
	}

	before := w.state(t, stack)
	out := p.basewright(0, "repair", stack, "align-database-passwords", "--plan")
	if d := difference(before, w.state(t, stack)); d != "" {
		t.Errorf("looking at a plan changed something: %s", d)
	}
	hash := regexp.MustCompile(`Hash\s+([0-9a-f]{64})`).FindStringSubmatch(out)
	if hash == nil {
		t.Fatalf("the plan shows no hash:\n%s", out)
	}
	p.basewright(1, "repair", stack, "align-database-passwords", "--yes", "--hash", strings.Repeat("0", 64))
	out = p.basewright(0, "repair", stack, "align-database-passwords", "--yes", "--hash", hash[1])
	change := regexp.MustCompile(`Receipt (\w+)  committed`).FindStringSubmatch(out)
	if change == nil {
		t.Fatalf("no receipt:\n%s", out)
	}
	p.lab("signup", stack)
	if d := p.diagnosis(0, stack); d.Status != core.Healthy {
		t.Errorf("after the repair: %s %q", d.Status, d.RootCauses)
	}
	p.basewright(0, "change", "undo", change[1])
	if d := p.diagnosis(1, stack); !slices.Equal(d.RootCauses, []string{"PG-01"}) {
		t.Errorf("after undoing the repair: root causes %q", d.RootCauses)
	}
	if d := difference(before, w.state(t, stack)); d != "" {
		t.Errorf("undoing did not bring back what was: %s", d)
	}

	out = p.basewright(1, "repair", stack, "../../repairs/testdata/wrong-cure.lua", "--yes")
	if !strings.Contains(out, "rolled_back") || !strings.Contains(out, "PG-01 is still there after the change") {
		t.Errorf("the receipt of a repair that did not help:\n%s", out)
	}
	if d := difference(before, w.state(t, stack)); d != "" {
		t.Errorf("the rollback did not bring back what was: %s", d)
	}
	p.basewright(0, "repair", stack, "--finding", "PG-01", "--yes")
	p.basewright(0, "change", "list")
	p.basewright(0, "change", "show", change[1])
	if out := p.basewright(0, "change", "show", change[1], "--output", "json"); !strings.Contains(out, `"id": "`+change[1]) || !strings.Contains(out, `"step": "`) {
		t.Errorf("the change as JSON:\n%s", out)
	}
	if out := p.basewright(0, "instance", "discover", "--output", "json"); !strings.Contains(out, `"project": "`+stack) {
		t.Errorf("the projects of the engine as JSON:\n%s", out)
	}
	p.basewright(0, "audit", "list")
	if out := p.basewright(0, "audit", "verify"); !strings.Contains(out, "unbroken") {
		t.Errorf("audit verify says %q", out)
	}
	if d := p.diagnosis(0, stack); d.Status != core.Healthy {
		t.Errorf("at the end: %s %q", d.Status, d.RootCauses)
	}
	p.noSecrets(secrets)
}

// secrets are the values in a stack's .env that nobody may ever see.
func (w *world) secrets(t *testing.T, stack string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.folder(stack), ".env"))
	if err != nil {
		t.Fatal(err)
	}
	vars, err := supabase.ParseEnv(data)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, v := range vars {
		if value := v.Value.Reveal(); regexp.MustCompile(`SECRET|PASSWORD|KEY|TOKEN`).MatchString(v.Key) && len(value) >= 12 {
			secrets[v.Key] = value
		}
	}
	if len(secrets) < 8 {
		t.Fatalf("only %d secrets were planted", len(secrets))
	}
	return secrets
}

// noSecrets searches all that was printed and all that was stored. Snapshots are
// copies of .env by nature: there only the modes are checked.
func (p *person) noSecrets(secrets map[string]string) {
	p.t.Helper()
	search := func(where string, data []byte) {
		for name, value := range secrets {
			if bytes.Contains(data, []byte(value)) {
				p.t.Errorf("%s of .env stands in %s", name, where)
			}
		}
	}
	search("what the program printed", p.said.Bytes())
	err := filepath.WalkDir(p.data, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			p.t.Errorf("%s has mode %v", path, info.Mode())
		}
		if e.IsDir() || strings.Contains(path, "/snapshots/") {
			return nil
		}
		data, err := os.ReadFile(path)
		search(path, data)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
