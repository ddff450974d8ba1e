package repairs

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// Lives that only the test binary has: children that go to the same jail and
// then do what no playbook could make them do, and a parent to be killed.
const (
	patchedArg    = "lua-child-patched"
	unfilteredArg = "lua-child-patched-unfiltered"
	sleeperArg    = "lua-child-asleep"
	parentArg     = "lua-parent"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case patchedArg:
			breakOut(enterJail)
		case unfilteredArg:
			breakOut(withoutFilter)
		case sleeperArg:
			sleep()
		case parentArg:
			waitForChild()
		}
	}
	os.Exit(m.Run())
}

// book reads a playbook from its text, which must be right.
func book(t *testing.T, id, src string) core.Playbook {
	t.Helper()
	m, err := readAll(t.Context(), []source{{Name: fileName(id), Text: src}})
	if err != nil {
		t.Fatal(err)
	}
	if len(m[0].problems) > 0 {
		t.Fatal(m[0].problems)
	}
	m[0].book.Source = src
	return m[0].book
}

// playbookWith is a playbook that runs body to plan.
func playbookWith(body string) string {
	return `return { title = "x", risk = "low", needs = { "restart", "set_role_password", "note", "exec", "set_env", "wait_http", "wait_healthy", "write_file" },
plan = function(t, params) ` + body + ` end }`
}

// evaluateBody plans with body on a small healthy instance.
func evaluateBody(ctx context.Context, t *testing.T, body string) ([]core.Action, string, error) {
	t.Helper()
	facts := map[string]any{
		"services": map[string]any{"auth": map[string]any{"state": "running", "compose_service": "gotrue"}},
		"env":      map[string]any{"POSTGRES_PASSWORD": map[string]any{"secret": "env:POSTGRES_PASSWORD", "fingerprint": "ab12cd34"}},
	}
	return Evaluate(ctx, core.Playbook{
		ID: "x", Source: playbookWith(body),
		Needs: []core.Op{"restart", "set_role_password", "note", "exec", "set_env", "wait_http", "wait_healthy", "write_file"},
	}, facts, nil)
}

// equalJSON compares by what is stored and sent.
func equalJSON(t *testing.T, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func times(s string, n int) string { return strings.Repeat(s, n) }
