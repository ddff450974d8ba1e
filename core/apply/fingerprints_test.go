package apply

import (
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestReplacedSecretsAreNoted: after a change and its undo the audit log tells by
// fingerprints which value came and which went, and holds neither.
func TestReplacedSecretsAreNoted(t *testing.T) {
	w := newWorld(t)
	const fresh = "a-token-of-canaries-4711"
	print := w.st.Key().Of
	ended := func(err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.st.Audit(t.Context(), 1)
		if err != nil || list[0].Action != "change.end" || list[0].Outcome != "ok" {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0].Detail
	}
	c, err := w.apply(t.Context(), w.cure(core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": "API_TOKEN", "value": fresh}}))
	if said := ended(err); !strings.HasSuffix(said, "; API_TOKEN "+print(fresh)+", was empty") {
		t.Errorf("after the change: %s", said)
	}
	_, err = w.a.Undo(t.Context(), c.ID, "cli:ana")
	if said := ended(err); !strings.HasSuffix(said, "; API_TOKEN empty, was "+print(fresh)) {
		t.Errorf("after the undo: %s", said)
	}
	all, err := w.st.Audit(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if strings.Contains(e.Detail, fresh) {
			t.Errorf("the secret itself is noted: %s", e.Detail)
		}
	}
	// A change that replaces none notes none.
	_, err = w.apply(t.Context(), w.cure())
	if said := ended(err); regexp.MustCompile(`[0-9a-f]{8}, was`).MatchString(said) {
		t.Errorf("without a secret: %s", said)
	}
}
