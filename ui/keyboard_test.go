package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/browsertest"
)

// focused is what has the focus, as a selector would find it.
func (b *browser) focused() (is string) {
	b.t.Helper()
	b.eval(`(() => { const e = document.activeElement; return e.id ? "#" + e.id : e.name ? e.tagName + "[name=" + e.name + "][value=" + e.value + "]" : e.tagName + " " + (e.getAttribute("href") || e.textContent.trim().slice(0, 40)); })()`, &is)
	return is
}

// listens waits until the page hears of what happens.
func (b *browser) listens() {
	b.t.Helper()
	b.run(chromedp.Poll(`source && source.readyState === EventSource.OPEN`, nil))
}

// swap does something that the page learns of by an event, and waits until the
// page took it in.
func (b *browser) swap(happens func()) {
	b.t.Helper()
	b.listens()
	b.eval(`window.swapped = false; document.addEventListener("htmx:after:swap", () => { window.swapped = true; }, { once: true }); 0`, nil)
	happens()
	b.run(chromedp.Poll(`window.swapped`, nil))
}

func (w *world) diagnosed(id string) {
	w.t.Helper()
	i, err := w.a.Store.Instance(w.t.Context(), id)
	must(w.t, err)
	_, err = w.a.Diagnoses.Run(w.t.Context(), i, core.Full, core.BySchedule)
	must(w.t, err)
}

// TestAFixByKeyboard goes from the list to the receipt with the Tab key, Enter and
// what is typed to confirm; the plan is of high risk.
func TestAFixByKeyboard(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	b := browse(t, w)
	b.login()
	enter := func(selector, until string) {
		b.run(browsertest.TabTo(selector), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(until, chromedp.ByQuery))
	}
	b.open("/")
	b.run(chromedp.WaitVisible(".fleet", chromedp.ByQuery), chromedp.KeyEvent(kb.Tab))
	if is := b.focused(); is != "A #main" {
		t.Errorf("the first key leads to %q, not over the navigation", is)
	}
	enter("#row-shop th a", ".cause")
	enter(".cause .decide .primary", ".approve")
	b.run(browsertest.TabTo("#confirm"), chromedp.KeyEvent("sho"+kb.Enter))
	if at := b.where(); strings.HasPrefix(at, "/changes/") {
		t.Error("it is applied before the name is whole")
	}
	b.run(chromedp.KeyEvent("p"+kb.Enter), chromedp.WaitVisible(".verdict.info", chromedp.ByQuery))
	b.eval(`document.querySelector(".verdict").same = true`, nil)
	close(w.hold)
	b.run(chromedp.WaitVisible(".verdict.healthy", chromedp.ByQuery))
	var live string
	b.eval(`(() => { const v = document.querySelector(".verdict"); return v.getAttribute("aria-live") + " " + v.getAttribute("role") + " " + Boolean(v.same); })()`, &live)
	if live != "polite status true" {
		t.Errorf("what is read out: %s", live) // a new element would not be read out
	}
	b.quiet()
}

// TestAdoptByKeyboard goes from the list to an adopted instance by Tab, Space and Enter.
func TestAdoptByKeyboard(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	b := browse(t, w)
	b.login()
	b.open("/")
	b.run(browsertest.TabTo(`a[href="/adopt"]`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".adopt", chromedp.ByQuery))
	var picked bool
	b.run(browsertest.TabTo("[name=project]"), chromedp.KeyEvent(" "), chromedp.Evaluate(`document.activeElement.checked`, &picked))
	if picked {
		t.Error("the key does not take the choice back")
	}
	b.run(chromedp.KeyEvent(" "), browsertest.TabTo(`form[action="/adopt"] .primary`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".tabs", chromedp.ByQuery))
	if at, is := b.where(), b.focused(); at != "/instances/new-one" || is != "#main" {
		t.Errorf("it leads to %s, with the focus on %s", at, is)
	}
	b.quiet()
}

// TestEditorByKeyboard goes into the text and out of it again, both ways, however long
// one takes after Escape, and saves; the page says how to leave.
func TestEditorByKeyboard(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	saved := make(chan string, 1)
	w.a.Works.SavePlaybook = func(_ context.Context, _, source string) error { saved <- source; return nil }
	b := browse(t, w)
	b.login()
	b.open("/playbooks")
	b.run(browsertest.TabTo(`a[href="/playbooks/new"]`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#source", chromedp.ByQuery))
	b.run(browsertest.TabTo("#id"), chromedp.KeyEvent("my-book"), browsertest.TabTo("#source"), chromedp.WaitVisible(".codemirror", chromedp.ByQuery))
	b.has(`document.activeElement.className === "codemirror"`)
	b.run(chromedp.KeyEvent("-- mine"), chromedp.KeyEvent(kb.Tab))
	if is := b.focused(); !strings.HasPrefix(is, "DIV") {
		t.Errorf("Tab in the text leads to %s", is)
	}
	if said := b.text("#editor-keys"); !strings.Contains(said, "Esc and then Tab leaves the text") {
		t.Errorf("the page says %q", said)
	}
	b.eval(`(() => { const now = Date.now; Date.now = () => now() + 3600000; return 0; })()`, nil) // an hour after Escape
	b.run(chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(8)))
	if is := b.focused(); !strings.HasPrefix(is, "INPUT") {
		t.Errorf("Escape and Shift with Tab lead to %s", is)
	}
	b.run(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Tab))
	if is := b.focused(); !strings.Contains(is, "value=check") {
		t.Errorf("Escape and Tab lead to %s", is)
	}
	b.run(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".examples", chromedp.ByQuery), browsertest.TabTo("[value=save]"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible("#notices .notice", chromedp.ByQuery))
	if text := <-saved; !strings.HasPrefix(text, "  -- mine") || b.where() != "/playbooks/my-book" || b.Held() {
		t.Errorf("saved %.40q, and it leads to %s", text, b.where())
	}
	b.quiet()
}

// TestFocusStays lets pages learn of something while a control has the focus, and
// while something is typed, and wants both as they were.
func TestFocusStays(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	fleetOf(w, 12)
	w.look = func(i core.Instance) (*core.Diagnosis, error) {
		if i.ID == "shop" {
			return brokenShop(time.Now().UTC()), nil
		}
		return aDiagnosis(i.ID), nil
	}
	b := browse(t, w)
	b.login()
	for _, page := range []struct{ path, until, control, is, instance string }{
		{"/", ".fleet", "#row-customer-003 th a", "A /instances/customer-003", "customer-003"},
		{"/", ".fleet", "#row-customer-001 [name=pick]", "INPUT[name=pick][value=customer-001]", "customer-001"}, // its row moves to the top
		{"/instances/shop", ".cause", ".cause .decide .primary", "A /instances/shop/fix?finding=PG-01&playbook=align-database-passwords", "shop"},
		{"/instances/shop", ".cause", "#tags", "#tags", "shop"},
	} {
		b.open(page.path)
		b.run(chromedp.WaitVisible(page.until, chromedp.ByQuery), browsertest.TabTo(page.control))
		if page.control == "#tags" {
			b.run(chromedp.KeyEvent("half"))
		}
		b.swap(func() { w.diagnosed(page.instance) })
		if is := b.focused(); is != page.is {
			t.Errorf("%s: the focus went from %s to %s", page.path, page.is, is)
		}
		if page.control == "#tags" {
			var typed string
			b.eval(`document.activeElement.value`, &typed)
			if typed != "half" {
				t.Errorf("what was typed became %q", typed)
			}
		}
	}
	b.quiet()
}

// TestReducedMotion wants nothing to move by itself for who asked for that.
func TestReducedMotion(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	ch := aRepair(time.Now(), "running", core.Applying)
	ch.Finished = time.Time{}
	must(t, w.a.Store.SaveChange(t.Context(), ch))
	b := browse(t, w)
	b.login()
	moving := func(wish string) (n int) {
		b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: wish}}))
		b.open("/changes/running")
		b.run(chromedp.WaitVisible(".verdict.info", chromedp.ByQuery))
		b.eval(`document.getAnimations().filter((a) => a.playState === "running").length`, &n)
		return n
	}
	if some, none := moving("no-preference"), moving("reduce"); some == 0 || none > 0 {
		t.Errorf("%d things move, and %d for who wants none to", some, none)
	}
	b.quiet()
}
