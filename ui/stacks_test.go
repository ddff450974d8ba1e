package ui

import (
	"context"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// sharedStacks is an audit that found something in two stacks, one of which is
// nobody's instance.
func sharedStacks(w *world) *int {
	asked := 0
	w.a.Works.AuditStacks = func(context.Context) (StackAudit, error) {
		asked++
		shared := core.Finding{Code: "SEC-16", Severity: core.Warning, Title: "Two stacks share a secret", Evidence: []core.Evidence{{Text: "JWT_SECRET of <b>stray</b>"}, {Text: "two"}, {Text: "three"}}}
		return StackAudit{Stacks: 3, Concerns: []Concern{{ID: "secrets", Findings: []StackFinding{{"shop", shared}, {"stray", shared}}}, {ID: "ports"}}}, nil
	}
	return &asked
}

// TestStacksTogether wants the audit of all stacks to be made when an admin asks
// for it, not when the page comes alive, and not for anybody else.
func TestStacksTogether(t *testing.T) {
	w := newWorld(t)
	asked := sharedStacks(w)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, local := w.user("boss", map[string]core.Role{"shop": core.Admin})
	if text := w.ask("GET", "/security", root, "").Body.String(); *asked != 0 || !strings.Contains(text, `name="stacks"`) {
		t.Error("the page alone looks at all stacks, or has no button for it")
	}
	if text := w.ask("GET", "/security?stacks=now", local, "").Body.String(); *asked != 0 || strings.Contains(text, `name="stacks"`) {
		t.Error("an admin of one instance sees all stacks")
	}
	text := w.ask("GET", "/security?stacks=now", root, "").Body.String()
	for _, part := range []string{"3 stacks were looked at", `href="/instances/shop#finding-SEC-16"`, ">stray<", "of &lt;b&gt;stray", "and 1 more", "Secrets that stacks share"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q", part)
		}
	}
	if *asked != 1 {
		t.Errorf("it looked %d times", *asked)
	}
}

// TestStacksInABrowser presses the button.
func TestStacksInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	sharedStacks(w)
	b := browse(t, w)
	b.login()
	b.open("/security")
	b.click(`button[name=stacks]`, "#concern-secrets")
	b.shot("stacks")
	b.dress("dark")
	b.size(390, 844)
	b.open("/security?stacks=now")
	b.shot("stacks-phone-dark")
	b.fits("all stacks together")
	b.quiet()
}
