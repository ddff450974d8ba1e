package ui

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
)

// inEditor is a script's way to a part of the editor.
func inEditor(selector string) string {
	return `document.querySelector(".codemirror").shadowRoot.querySelector("` + selector + `")`
}

// has waits until a script finds something.
func (b *browser) has(expression string) {
	b.t.Helper()
	b.run(chromedp.Poll("Boolean("+expression+")", nil))
}

// TestEditorInABrowser writes a playbook by the keyboard alone: it is coloured,
// checked, corrected, searched, and planned for an instance; the page's policy is
// the one of every page.
func TestEditorInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	b := browse(t, w)
	b.login()
	b.open("/playbooks/new")
	b.has(`document.querySelector(".codemirror")`)
	var styled string
	b.eval(`getComputedStyle(`+inEditor(".cm-gutters")+`).display + " " + (new Set([...document.querySelector(".codemirror").shadowRoot.querySelectorAll(".cm-line span")].map((s) => getComputedStyle(s).color)).size > 2)`, &styled)
	if styled != "flex true" {
		t.Errorf("the editor has not its styles, or no colours: %s", styled)
	}
	for _, scheme := range []string{"dark", "light"} {
		b.dress(scheme)
		b.accessible("the editor, "+scheme, string(axe))
		b.shot("editor-live-" + scheme)
	}
	ctrl := chromedp.KeyModifiers(2)
	b.run(chromedp.Focus("#id"), chromedp.KeyEvent("my-repair\t\t")) // over the finder
	b.run(chromedp.KeyEvent(kb.Home, ctrl), chromedp.KeyEvent("-- wrong\r"), chromedp.KeyEvent(kb.Enter, ctrl))
	b.run(chromedp.WaitVisible("#editor-result [data-line]", chromedp.ByQuery))
	b.has(inEditor(".cm-line.wrong"))
	b.shot("editor-wrong")
	b.run(chromedp.Focus("[data-line]", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	var at string
	b.eval(`document.activeElement.className`, &at)
	if at != "codemirror" {
		t.Errorf("a complaint leads to %q and not to its line", at)
	}
	b.run(chromedp.KeyEvent("f", ctrl), chromedp.KeyEvent("-- wrong\r"), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Delete), chromedp.KeyEvent(kb.Enter, ctrl))
	b.run(chromedp.WaitVisible(".examples", chromedp.ByQuery))
	b.eval(`document.querySelector("#source").value`, &at)
	if strings.Contains(at, "wrong") || strings.TrimLeft(at, "\n") != sketch {
		t.Errorf("what is sent: %s", at)
	}
	b.run(chromedp.KeyEvent("\t"), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent("\t"))
	b.eval(`document.activeElement.value`, &at)
	if at != "check" {
		t.Errorf("Esc and Tab lead to %q", at)
	}
	b.run(chromedp.Focus("[value=plan]", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#editor-result .actions", chromedp.ByQuery))
	b.shot("editor-plan")
	b.accessible("a plan in the editor", string(axe))
	b.size(390, 844)
	b.shot("editor-plan-phone")
	b.fits("the editor")
	b.run(chromedp.Focus("[value=save]", chromedp.ByQuery), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".notice, .problem, .trouble", chromedp.ByQuery))
	if b.Held() {
		t.Error("what is saved is asked about")
	}
	b.open("/playbooks/new")
	b.run(chromedp.Click(".codemirror", chromedp.ByQuery), chromedp.KeyEvent("-- not saved"))
	b.open("/playbooks")
	if !b.Held() {
		t.Error("a text that is not saved is left without a word")
	}
	b.quiet("404")
}

// TestForbiddenIsHeard makes a page break its own policy, so that silence in the
// other tests means something.
func TestForbiddenIsHeard(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.open("/login")
	b.run(chromedp.Evaluate(`new Promise((heard) => {
		document.addEventListener("securitypolicyviolation", () => setTimeout(() => heard(1)));
		document.head.append(Object.assign(document.createElement("style"), {textContent: "p{color:red}"}));
	})`, nil, awaitPromise))
	if said := strings.Join(b.Complaints(), " "); !strings.Contains(said, "style-src") {
		t.Errorf("an inline style made the browser say %q", said)
	}
}

// TestEditorWithoutScripts checks a playbook where no script runs: the form is
// whole.
func TestEditorWithoutScripts(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	b := browse(t, w)
	b.login()
	b.run(emulation.SetScriptExecutionDisabled(true))
	b.open("/playbooks/new")
	b.click("[value=check]", ".examples")
	b.click("[value=plan]", "#editor-result .actions")
	b.shot("editor-plain")
	b.quiet()
}

// TestEditorIsLoadedWhereItIsUsed wants the editor on its own page only, and at
// most 100 KiB of it over the wire.
func TestEditorIsLoadedWhereItIsUsed(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	if n := len(w.a.panel.files["editor.js"].Gzipped()); n == 0 || n > 100<<10 {
		t.Errorf("the editor has %d bytes", n)
	}
	for path, wanted := range map[string]bool{"/": false, "/playbooks": false, "/playbooks/my-book": false, "/playbooks/new": true, "/playbooks/my-book/edit": true} {
		if has := strings.Contains(w.ask("GET", path, login, "").Body.String(), "editor.js"); has != wanted {
			t.Errorf("%s loads the editor: %v", path, has)
		}
	}
}
