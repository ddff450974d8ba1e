package ui

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
)

// trickyName is what somebody would call a thing to see whether a page runs it.
const trickyName = `"><img src=x onerror=document.title='owned'><svg/onload=alert(1)>{{7*7}}`

// TestHouseInABrowser goes through the forms about Basewright itself as a person
// does, by keyboard where that matters, with names that try to be markup.
func TestHouseInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	must(t, w.a.Store.SetInstance(t.Context(), "shop", trickyName, core.Control, entryOf("instance.edit")))
	d := aDiagnosis("shop")
	d.Findings = append(d.Findings, core.Finding{Code: "SEC-16", Severity: core.Critical, Category: core.Isolation, Title: trickyName, Evidence: []core.Evidence{{Source: trickyName, Text: trickyName}}})
	must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	must(t, w.a.Store.Append(t.Context(), core.AuditEntry{At: w.a.Now(), Actor: trickyName, Action: trickyName, Outcome: "ok", Detail: trickyName}))
	script, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	axe := string(script)
	b := browse(t, w)
	b.login()

	t.Log("the palette, by keyboard")
	b.run(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), chromedp.WaitVisible("#palette-list li", chromedp.ByQuery))
	b.shot("palette-open")
	b.accessible("the palette", axe)
	b.run(chromedp.SendKeys("#palette-input", "audit"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#audit-list", chromedp.ByQuery))

	t.Log("a user")
	b.open("/users")
	b.click(".row-acts button", ".drawer")
	b.shot("users-manage")
	b.accessible("managing a user", axe)
	b.open("/users")
	b.run(chromedp.SendKeys(`.pane input[name=name]`, "bob"))
	b.click(".pane .primary", "#once")
	b.shot("users-once")
	b.accessible("a password shown once", axe)

	t.Log("a token")
	b.open("/tokens")
	b.run(chromedp.SendKeys(`.pane input[name=name]`, "cron"))
	b.click(".pane .primary", "#once")
	b.shot("tokens-once")
	b.eval(`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (t) => { window.copied = t; } }, configurable: true }); 0`, nil)
	b.run(chromedp.Click(`[data-copy-from="#once"]`, chromedp.ByQuery), chromedp.Poll(`window.copied === document.querySelector("#once").textContent`, nil, chromedp.WithPollingTimeout(10*time.Second)))

	t.Log("a creation, checked as one types")
	b.open("/new")
	b.run(chromedp.SendKeys(`input[name=name]`, "shop"), chromedp.WaitVisible(".obstacles", chromedp.ByQuery))
	b.shot("create-problems")
	b.accessible("obstacles", axe)
	b.run(chromedp.SendKeys(`input[name=name]`, "ping"), chromedp.WaitVisible("#create-result .healthy", chromedp.ByQuery))
	var focus string
	b.eval(`document.activeElement.name`, &focus)
	if focus != "name" {
		t.Errorf("the focus went to %q", focus)
	}
	b.click("aside .primary", ".phases")
	close(w.hold)

	t.Log("an editor that runs the examples")
	b.edits("/playbooks/new")
	b.run(chromedp.KeyEvent("-- fails "))
	b.click("button[value=check]", ".examples")
	b.shot("editor-failed")
	b.accessible("examples that fail", axe)

	t.Log("isolation, and the same in Portuguese")
	b.open("/security")
	b.click(".exposure summary", ".hits")
	b.shot("security-open")
	b.open("/settings")
	b.click(`button[value=pt]`, `html[lang=pt-BR] .panes`)
	b.shot("settings-pt")
	for _, path := range []string{"/", "/audit", "/security", "/users", "/playbooks/restart-auth", "/palette", "/tokens"} {
		b.open(path)
		var title string
		b.eval(`document.title`, &title)
		if strings.Contains(title, "owned") {
			t.Errorf("%s ran what it was given", path)
		}
	}
	b.size(390, 844)
	for _, path := range []string{"/security", "/users", "/audit", "/playbooks/restart-auth", "/settings"} {
		b.open(path)
		b.fits(path)
	}
	b.open("/adopt")
	b.shot("adopt-picked-phone")
	b.click(`form[action="/adopt"] .primary`, ".tabs")
	b.quiet()
}
