package ui

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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

// edits opens the page of a playbook's text and goes to that, which brings the editor.
func (b *browser) edits(path string) {
	b.t.Helper()
	b.open(path)
	b.run(chromedp.Focus("#source", chromedp.ByQuery), chromedp.WaitVisible(".codemirror", chromedp.ByQuery))
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
	b.edits("/playbooks/new")
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
	b.edits("/playbooks/new")
	b.run(chromedp.KeyEvent("-- not saved"))
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

// TestEditorIsLoadedWhenItIsUsed wants the editor asked for when somebody goes to the
// text, with what was typed by then, where the cursor was, and not before.
func TestEditorIsLoadedWhenItIsUsed(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	if n := len(w.a.panel.files["editor.js"].Gzipped()); n == 0 || n > 100<<10 {
		t.Errorf("the editor has %d bytes", n)
	}
	b := browse(t, w)
	b.login()
	b.open("/playbooks/new")
	b.run(chromedp.WaitVisible("#source", chromedp.ByQuery))
	b.shot("editor-first")
	asked := func() (n int) {
		b.eval(`performance.getEntriesByType("resource").filter((f) => f.name.endsWith("editor.js")).length`, &n)
		return n
	}
	if asked() != 0 {
		t.Error("the editor is asked for before anybody goes to the text")
	}
	b.eval(`(() => { const text = document.querySelector("#source"); text.value = "-- typed\n" + text.value; text.setSelectionRange(8, 8); return 0; })()`, nil)
	b.run(chromedp.Focus("#source", chromedp.ByQuery), chromedp.WaitVisible(".codemirror", chromedp.ByQuery), chromedp.KeyEvent(" more"))
	var first string
	b.eval(`document.querySelector("#source").value.split("\n")[0]`, &first)
	if first != "-- typed more" || asked() != 1 {
		t.Errorf("the text begins with %q; the editor was asked for %d times", first, asked())
	}
	b.edits("/playbooks/new")
	b.eval(`document.querySelector("[data-finds]").focus()`, nil) // what was not typed may be left
	b.open("/playbooks")
	b.open("/playbooks/new")
	b.eval(`document.querySelector("#source").value = "-- wrong"`, nil)
	b.click("[value=check]", "#editor-result [data-line]")
	b.click("#editor-result [data-line]", ".codemirror") // leads to its line
	b.has(inEditor(".cm-line.wrong"))
	b.quiet()
}

// TestEditorThatDoesNotCome keeps the plain text where the editor cannot be had, and
// tries again.
func TestEditorThatDoesNotCome(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	var gone atomic.Bool
	gone.Store(true)
	panel := w.h
	w.h = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if gone.Load() && strings.HasSuffix(r.URL.Path, "/editor.js") {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		panel.ServeHTTP(out, r)
	})
	b := browse(t, w)
	b.login()
	b.open("/playbooks/new")
	b.run(chromedp.Focus("#source", chromedp.ByQuery))
	b.has(`document.querySelector("#source").dataset.editor`)
	b.run(chromedp.KeyEvent("-- plain"))
	gone.Store(false)
	b.run(chromedp.Focus("[value=check]", chromedp.ByQuery), chromedp.Focus("#source", chromedp.ByQuery), chromedp.WaitVisible(".codemirror", chromedp.ByQuery))
	var text string
	b.eval(`document.querySelector("#source").value`, &text)
	if !strings.Contains(text, "-- plain") {
		t.Errorf("what was typed is gone: %.60s", text)
	}
	b.quiet("502")
}
