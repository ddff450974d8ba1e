package ui

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
)

// TestAFixFromFindingToReceipt goes the way of an operator in the browser: the
// list, the cause, the plan, its typed confirmation, live steps, a reload in
// the middle, the receipt.
func TestAFixFromFindingToReceipt(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	b := browse(t, w)
	b.login()
	b.click(`#row-shop th a`, ".cause")
	b.click(`.cause .primary`, ".approve")
	var disabled bool
	b.eval(`document.querySelector("button.confirmed").disabled`, &disabled)
	if !disabled {
		t.Error("a plan of high risk can be applied without typing")
	}
	b.run(chromedp.SendKeys("#confirm", "shop", chromedp.ByQuery))
	b.click("button.confirmed", ".verdict.info")
	at := b.where()
	b.open(at) // a reload loses nothing
	b.run(chromedp.WaitVisible(".verdict.info", chromedp.ByQuery))
	close(w.hold)
	b.run(chromedp.WaitVisible(".verdict.healthy", chromedp.ByQuery)) // it came by itself
	if text := b.text(".receipt"); !strings.Contains(text, "ana") && !strings.Contains(text, "cli") {
		t.Errorf("the receipt: %s", text)
	}
	b.quiet()
}

// TestTheWorldChangedMeanwhile wants a plan that is no longer right to be shown
// anew, with the reason, and nothing applied.
func TestTheWorldChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	w.a.Works.Repair = func(core.Instance, RepairOrder, string) queue.Job {
		return func(context.Context, string, func(core.Event)) (*core.Change, error) {
			return nil, core.Errorf(core.Conflict, "the plan is no longer the one that was approved")
		}
	}
	rec := w.form("/instances/shop/fix", login, url.Values{"playbook": {"restart-auth"}, "plan_hash": {"old"}})
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "no longer the one that was approved") || !strings.Contains(rec.Body.String(), `class="approve"`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestEditOfSettings previews an edit, keeps its secret out of every page, and
// lets nobody else apply it.
func TestEditOfSettings(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	showcase(w)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator, "other": core.Operator})
	_, stranger := w.user("op2", map[string]core.Role{"shop": core.Operator})
	var got map[string]core.Secret
	w.a.Works.Configure = func(_ context.Context, i core.Instance, changes map[string]core.Secret, _ string) (queue.Job, error) {
		got = changes
		return w.a.Works.Operate(i, Start, ""), nil
	}
	values := url.Values{"set.SITE_URL": {"https://shop.example.com"}, "set.SMTP_PASS": {canary}, "set.DISABLE_SIGNUP": {"false"}, "set.SMTP_HOST": {""}, "set.NOT_KNOWN": {"x"}}
	rec := w.form("/instances/shop/config", login, values)
	at := rec.Header().Get("Location")
	if rec.Code != 303 || !strings.HasPrefix(at, "/instances/shop/config/") {
		t.Fatalf("%d to %s: %s", rec.Code, at, saidOf(rec))
	}
	page := w.ask("GET", at, login, "")
	if page.Code != 200 || strings.Contains(page.Body.String(), canary) {
		t.Errorf("the preview: %d, and the secret in it: %v", page.Code, strings.Contains(page.Body.String(), canary))
	}
	for name, path := range map[string]string{stranger: at, login: strings.Replace(at, "/shop/", "/other/", 1)} {
		if rec := w.ask("GET", path, name, ""); rec.Code != 404 {
			t.Errorf("somebody else's edit, or of another instance: %d", rec.Code)
		}
	}
	if rec := w.form(at, login, url.Values{"plan_hash": {"another"}}); rec.Code != 409 || got != nil {
		t.Errorf("with another plan: %d, %v", rec.Code, got)
	}
	plan, err := w.a.PlanConfig(t.Context(), shopOf["shop"], nil)
	must(t, err)
	if rec := w.form(at, login, url.Values{"plan_hash": {plan.Hash}}); rec.Code != 303 || !strings.HasPrefix(rec.Header().Get("Location"), "/changes/") {
		t.Errorf("applied: %d to %s: %s", rec.Code, rec.Header().Get("Location"), saidOf(rec))
	}
	if len(got) != 2 || got["SMTP_PASS"].Reveal() != canary || got["SITE_URL"].Reveal() != "https://shop.example.com" {
		t.Errorf("what was untouched was edited, too: %d settings", len(got))
	}
}

// hostile are texts that would be markup, scripts or attributes if anything let
// them.
var hostile = []string{`<script>document.title="pwned"</script>`, `"><img src=x onerror="document.title='pwned'">`, `' autofocus onfocus='document.title="pwned"`,
	`</textarea><svg onload="document.title='pwned'">`, `javascript:document.title="pwned"`, `{{.}} ${1} <!--`, "\u202egnp.exe \x1b[31m", `<a hx-get="/logout" hx-trigger="load">x</a>`}

// TestHostileTextIsText puts hostile texts wherever something from outside is
// shown, and wants no page to run or obey any.
func TestHostileTextIsText(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	ctx, all := context.Background(), strings.Join(hostile, " ")
	must(t, w.a.Store.SetInstance(ctx, "shop", all, core.Control, entryOf("x")))
	d := brokenShop(time.Now().UTC().Add(time.Minute))
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Title, f.Explanation, f.Evidence = all, all, []core.Evidence{{Source: all, Text: all}}
	}
	d.Unknowns = []core.Unknowable{{Check: all, Reason: all}}
	d.Since.Changes = []core.Drift{{Area: all, Name: all}}
	must(t, w.a.Store.SaveDiagnosis(ctx, d))
	ch := aRepair(time.Now(), "hostile", core.RolledBack)
	ch.Plan.Title, ch.Plan.Playbook, ch.Reason, ch.Actor = all, all, all, all
	ch.Plan.Diff = []core.Diff{{Target: all, Before: all, After: all}}
	ch.Plan.Actions[0].Why, ch.Plan.Finding = all, all
	must(t, w.a.Store.SaveChange(ctx, ch))
	must(t, w.a.Store.SaveSnapshot(ctx, core.Snapshot{ID: "hostile", Instance: "shop", Scope: core.ConfigScope, Reason: all, Created: time.Now(), Proof: core.Proof{Detail: all}}))
	w.a.Works.Logs = func(_ context.Context, _ core.Instance, _ LogQuery, emit func(logs.Entry) error, note func(string)) error {
		note(all)
		return emit(logs.Entry{At: time.Now(), Service: core.Service(all), Level: logs.Error, Message: all, Code: "X"})
	}
	w.a.Works.Settings = func(context.Context, core.Instance) ([]Setting, error) {
		return []Setting{{Key: all, Value: all, Help: all, Set: true, Services: []string{all}}, {Key: "B", Value: all, Locked: all}}, nil
	}
	w.a.Works.Plan = func(context.Context, core.Instance, RepairOrder) (core.Plan, error) { return ch.Plan, nil }
	w.a.Works.Playbooks = func(context.Context) ([]core.Playbook, []string, error) {
		return []core.Playbook{{ID: "restart-auth", Title: all, Fixes: []string{all}, Source: all, Params: map[string]core.Param{all: {Help: all, Default: all}}}}, []string{all}, nil
	}
	w.a.Works.Discover = func(context.Context) ([]core.Instance, error) {
		return []core.Instance{{ID: "x", Project: all, Dir: all, Release: all}}, nil
	}
	b := browse(t, w)
	b.login()
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(all), "/instances/shop", "/instances/shop/history", "/instances/shop/logs?q=" + url.QueryEscape(hostile[0]), "/instances/shop/config", "/instances/shop/snapshots",
		"/instances/shop/schedules", "/instances/shop/changes", "/instances/shop/fix?finding=" + url.QueryEscape(all), "/changes/hostile", "/playbooks", "/playbooks/restart-auth", "/playbooks/restart-auth/edit", "/adopt", "/security", "/audit?q=" + url.QueryEscape(all), "/" + url.PathEscape(all)} {
		b.open(path)
		var title string
		var alien int
		b.eval(`document.title`, &title)
		b.eval(`document.querySelectorAll("script:not([src]), img, [onerror], [onload], [onfocus], a[href^=javascript], main [hx-get='/logout']").length`, &alien)
		if title == "pwned" || alien > 0 || !strings.Contains(title, "Basewright") {
			t.Errorf("%s: title %q, %d elements that were text", clip(path, 60), title, alien)
		}
	}
	b.quiet("404")
}

// TestLanguagesThemesAndKeys switches the language and the theme, and reaches
// an instance by the keyboard alone.
func TestLanguagesThemesAndKeys(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	b := browse(t, w)
	b.login()
	b.open("/settings")
	b.click(`button[name=lang][value=pt]`, `html[lang="pt-BR"]`)
	b.click(`button[name=theme][value=dark]`, `html[data-theme=dark]`)
	b.open("/instances/shop")
	if text := b.text("main"); !strings.Contains(text, "Causas raiz") && !strings.Contains(text, "causa crítica") {
		t.Errorf("in Portuguese: %.300s", text)
	}
	b.shot("overview-pt")
	b.open("/")
	b.run(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)), chromedp.WaitVisible("#palette-list li", chromedp.ByQuery), chromedp.KeyEvent("shop"))
	b.shot("palette")
	b.run(chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".cause", chromedp.ByQuery))
	if at := b.where(); at != "/instances/shop" {
		t.Errorf("the palette leads to %s", at)
	}
	b.quiet()
}

// TestLiveList changes an instance behind the page's back
// and wants the list to show it by itself, with what was typed still there.
func TestLiveList(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 3)
	b := browse(t, w)
	b.login()
	b.run(chromedp.WaitVisible("#row-customer-001 .healthy", chromedp.ByQuery))
	b.listens()
	i, err := w.a.Store.Instance(t.Context(), "customer-001")
	must(t, err)
	_, err = w.a.Diagnoses.Run(t.Context(), i, core.Full, core.BySchedule) // the world's look finds PG-01
	must(t, err)
	b.run(chromedp.WaitVisible("#row-customer-001 .unhealthy", chromedp.ByQuery))
	b.run(chromedp.SendKeys("input[name=q]", "customer-002", chromedp.ByQuery), chromedp.WaitNotPresent("#row-customer-001", chromedp.ByQuery))
	var q string
	b.eval(`document.querySelector("input[name=q]").value + location.search`, &q)
	if !strings.HasPrefix(q, "customer-002?") {
		t.Errorf("the search: %s", q)
	}
	b.quiet()
}

// TestTwoHundredInstances measures the list with two hundred instances, as
// people get it: at most 100 KiB in all. What the server takes for it is said and
// not judged: the race detector makes six times of it.
func TestTwoHundredInstances(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a store; left out by -short")
	}
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	fleetOf(w, 200)
	ask := func(path string) int {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+login)
		r.Header.Set("Accept-Encoding", "gzip")
		return w.send(r).Body.Len()
	}
	ask("/")
	best := time.Hour
	size := 0
	for range 7 {
		start := time.Now()
		size = ask("/")
		best = min(best, time.Since(start))
	}
	first := size
	files := []string{"panel.css", "panel.js", "htmx.min.js", "icon.svg"}
	for _, file := range files {
		n := ask(string(w.a.panel.assets) + file)
		t.Logf("%s: %d bytes", file, n)
		size += n
	}
	t.Logf("200 instances: page %d bytes, in all %d bytes in %d requests, %s of the server", first, size, 1+len(files), best)
	if first < 1000 || size > 100<<10 {
		t.Errorf("the page has %d bytes, and all of it %d", first, size)
	}
}

// TestLiveTail lets lines of the logs come by themselves, once each, also after
// the tab was in the background.
func TestLiveTail(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	b := browse(t, w)
	b.login()
	b.open("/instances/shop/logs")
	b.run(chromedp.WaitVisible("#log li", chromedp.ByQuery))
	var opened int
	b.eval(`(() => {
		const real = EventSource;
		window.opened = 0;
		window.EventSource = class extends real { constructor(url) { super(url); if (url.includes("/logs/stream")) window.opened++; } };
		for (const hidden of [true, false]) {
			Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
			document.dispatchEvent(new Event("visibilitychange"));
		}
		return window.opened;
	})()`, &opened)
	b.click("[data-tail]", "#log li:nth-child(2)")
	b.eval(`window.opened`, &opened)
	if opened != 1 || b.text("#log li:nth-child(2) .msg") != "boom </script>\nid: 1" {
		t.Errorf("%d streams were opened, and the line that came says %q", opened, b.text("#log li:nth-child(2) .msg"))
	}
	b.run(chromedp.Click("[data-tail]", chromedp.ByQuery), chromedp.WaitVisible("[data-tail][aria-pressed=false]", chromedp.ByQuery))
	b.quiet()
}
