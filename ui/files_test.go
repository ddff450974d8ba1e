package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// TestFileByForm previews another text of a file and applies it; a text that
// cannot be read comes back with the reason, and nobody else has the draft.
func TestFileByForm(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, other := w.user("root2", map[string]core.Role{"*": core.Admin})
	var got FileEdit
	edit := w.a.Works.EditFile
	w.a.Works.EditFile = func(ctx context.Context, i core.Instance, e FileEdit, who string) (queue.Job, error) {
		got = e
		return edit(ctx, i, e, who)
	}
	plan := w.a.Works.PlanFile
	w.a.Works.PlanFile = func(ctx context.Context, i core.Instance, e FileEdit) (core.Plan, error) {
		if strings.Contains(e.Text.Reveal(), "torn") {
			return core.Plan{}, core.Errorf(core.Invalid, "the new kong.yml cannot be read: line 3")
		}
		return plan(ctx, i, e)
	}
	if rec := w.ask("GET", "/instances/shop/files?file=../../etc/passwd", root, ""); rec.Code != http.StatusNotFound {
		t.Errorf("a file that is none of the stack's: %d", rec.Code)
	}
	const name = "volumes/api/kong.yml"
	if rec := w.form("/instances/shop/files", root, url.Values{"file": {name}, "text": {"torn <b>"}}); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "cannot be read: line 3") || !strings.Contains(rec.Body.String(), "torn &lt;b&gt;") {
		t.Errorf("a text that cannot be read: %d %s", rec.Code, rec.Body)
	}
	rec := w.form("/instances/shop/files", root, url.Values{"file": {name}, "text": {"services: []\r\n" + canary}})
	at := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(at, "/instances/shop/files/") {
		t.Fatalf("%d to %s: %s", rec.Code, at, saidOf(rec))
	}
	for credential, path := range map[string]string{other: at, root: strings.Replace(at, "/files/", "/config/", 1)} {
		if rec := w.ask("GET", path, credential, ""); rec.Code != http.StatusNotFound {
			t.Errorf("somebody else's, or as settings: %d", rec.Code)
		}
	}
	p, err := w.a.PlanFile(t.Context(), shopOf["shop"], FileEdit{})
	must(t, err)
	if rec := w.form(at, root, url.Values{"plan_hash": {p.Hash}}); rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/changes/") {
		t.Errorf("applied: %d to %s: %s", rec.Code, rec.Header().Get("Location"), saidOf(rec))
	}
	if got.File != name || got.Text.Reveal() != "services: []\n"+canary || got.PlanHash != p.Hash {
		t.Errorf("what was applied: %s %s", got.File, got.PlanHash)
	}
}

// TestFileInABrowser edits a file and looks at the difference before it is
// applied.
func TestFileInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	b := browse(t, w)
	b.login()
	b.open("/instances/shop/config")
	b.click(`.choices a[href$="/files"]`, ".files")
	b.click(`.files nav li:nth-child(2) a`, `.files nav li:nth-child(2) [aria-current]`)
	b.run(chromedp.SetValue("#text", strings.Replace(someFile, "9999/", "9998/", 1)+"      - paths: [/more/]\n", chromedp.ByQuery))
	b.click(".editor .primary", ".approve")
	var was, will int
	b.eval(`document.querySelectorAll(".was").length`, &was)
	b.eval(`document.querySelectorAll(".will").length`, &will)
	if was != 1 || will != 2 || !strings.Contains(b.text(".will"), "http://auth:9998/") {
		t.Errorf("%d lines were and %d will be: %s", was, will, b.text(".diff"))
	}
	b.shot("file-plan")
	b.click(".approve button", ".verdict")
	close(w.hold)
	b.quiet()
}
