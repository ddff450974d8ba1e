package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/spf13/cobra"
)

// TestListsAsJSON wants every command that lists to print one list under its
// name, also when there is nothing, and to refuse what is no way to print.
func TestListsAsJSON(t *testing.T) {
	var b bytes.Buffer
	for _, group := range command(&console{out: &b, err: &b}).Commands() {
		for _, leaf := range group.Commands() {
			if leaf.Name() == "list" {
				t.Run(group.Name(), func(t *testing.T) { listsAsJSON(t, leaf) })
			}
		}
	}
}

func listsAsJSON(t *testing.T, leaf *cobra.Command) {
	group := leaf.Parent().Name()
	out, code := here(t, group, "list", "--output", "json")
	var lists map[string][]map[string]any
	if err := json.Unmarshal([]byte(out), &lists); code != 0 || err != nil || len(lists) != 1 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for name, list := range lists {
		if list == nil {
			t.Errorf("%s is not a list: %s", name, out)
		}
	}
	if out, code := here(t, group, "list", "--output", "xml"); code != 2 {
		t.Errorf("--output xml: exit code %d: %s", code, out)
	}
}
