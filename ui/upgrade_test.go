package ui

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/browsertest"
)

// anUpgrade is a plan as package upgrade makes them.
func anUpgrade(i core.Instance, to string) core.Plan {
	p := core.Plan{Instance: i.ID, Playbook: "upgrade", Title: "Upgrade from release 0.6.0 to " + to, Risk: core.HighRisk, Scope: core.FullScope, Downtime: 90e9,
		Actions: []core.Action{{Op: core.OpNote, Args: map[string]any{"text": "0.7.0: upstream's gateway is Envoy: point monitors that ask it at a table"}},
			{Op: core.OpStop, Service: core.Auth}, {Op: core.OpUp, Why: "the new images; services migrate their schemas when they start"}, {Op: core.OpWaitHealthy, Service: core.Auth}},
		Diff: []core.Diff{{Target: "release", Before: "0.6.0", After: to}, {Target: "image of auth", Before: "supabase/gotrue:v2.177.0", After: "supabase/gotrue:v2.186.0"},
			{Target: "docker-compose.yml", Before: "12 lines go", After: "31 lines come; your own changes stay"}}}
	_ = p.Seal()
	return p
}

// upgradable has a world plan upgrades as they are.
func upgradable(w *world) {
	plan := w.a.PlanUpgrade
	w.a.PlanUpgrade = func(ctx context.Context, i core.Instance, o UpgradeOrder) (core.Plan, error) {
		if _, err := plan(ctx, i, o); err != nil {
			return core.Plan{}, err
		}
		return anUpgrade(i, o.To), nil
	}
}

// TestRehearsal tries an upgrade with a clone over the API: how far it is while it
// lasts, one at a time, and what came of it also after the agent was another.
func TestRehearsal(t *testing.T) {
	w := newWorld(t)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, local := w.user("boss", map[string]core.Role{"shop": core.Admin})
	const path = "/api/instances/shop/upgrade/rehearsal"
	told := func(login string) map[string]any {
		r, _ := decoded(t, w.ask("GET", path, login, ""))["rehearsal"].(map[string]any)
		return r
	}
	if r := told(local); r != nil {
		t.Errorf("before any: %v", r)
	}
	if rec := w.ask("POST", path, root, `{"to":"0.8.1"}`); rec.Code != http.StatusBadRequest {
		t.Errorf("without a hash: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("POST", path, root, `{"to":"0.8.1","plan_hash":"old"}`); rec.Code != http.StatusConflict || told(root) != nil {
		t.Errorf("by another plan: %d %s", rec.Code, rec.Body)
	}
	must(t, w.a.Store.SetInstance(t.Context(), "shop", "Shop", core.Observe, entryOf("instance.edit"))) // it is only read
	if rec := w.ask("POST", path, root, `{"to":"0.8.1","plan_hash":"x"}`); rec.Code != http.StatusAccepted {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	r := told(local)
	if r["stage"] != "clone" || r["clone"] != "shop-rehearsal" || r["making_change_id"] == "" || r["ended"] != nil {
		t.Errorf("while it lasts: %v", r)
	}
	if rec := w.ask("POST", path, root, `{"to":"0.8.0","plan_hash":"x"}`); rec.Code != http.StatusConflict {
		t.Errorf("a second one: %d %s", rec.Code, rec.Body)
	}
	close(w.hold)
	w.a.Changes.Close(1 << 40)
	r = told(local)
	if change, _ := r["change"].(map[string]any); r["stage"] != "ended" || r["well"] != true || r["ended"] == nil || change["state"] != "committed" || r["diagnosis"] == nil {
		t.Errorf("afterwards: %v", r)
	}
	entries, err := w.a.Store.Audit(t.Context(), 50)
	must(t, err)
	found := false
	for _, e := range entries {
		found = found || e.Action == "upgrade.rehearse" && e.Outcome == "ok" && strings.HasPrefix(e.Actor, "user:root")
	}
	if !found {
		t.Error("it is not in the audit log")
	}
}

// TestRehearsalOfADeadAgent wants a rehearsal that nobody carries on told as ended.
func TestRehearsalOfADeadAgent(t *testing.T) {
	w := newWorld(t)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.SetSetting(t.Context(), rehearsalSetting+"shop", `{"to":"0.8.1","stage":"upgrade","clone":"shop-rehearsal"}`))
	if text := w.ask("GET", "/instances/shop/upgrade", root, "").Body.String(); !strings.Contains(text, "did not go well") || !strings.Contains(text, "the agent ended before the rehearsal did") {
		t.Error("it is told as if it went on")
	}
}

// TestUpgradeByForm wants the typed confirmation, and the new plan with a word where
// the world changed.
func TestUpgradeByForm(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	upgradable(w)
	_, local := w.user("boss", map[string]core.Role{"shop": core.Admin})
	text := w.ask("GET", "/instances/shop/upgrade/plan?to=0.8.1", local, "").Body.String()
	hash := anUpgrade(shopOf["shop"], "0.8.1").Hash
	if !strings.Contains(text, hash) || strings.Contains(text, "/upgrade/rehearsal") || !strings.Contains(text, "upstream&#39;s gateway is Envoy") {
		t.Errorf("the plan for an admin of this instance alone: %.3000s", text)
	}
	for name, tt := range map[string]struct {
		values url.Values
		says   string
	}{
		"without a word": {url.Values{"to": {"0.8.1"}, "plan_hash": {hash}}, "must be the instance&#39;s id"},
		"undecided":      {url.Values{"to": {"0.8.0"}, "plan_hash": {hash}}, "Keep mine"},
	} {
		if rec := w.form("/instances/shop/upgrade", local, tt.values); rec.Code != 200 || !strings.Contains(rec.Body.String(), tt.says) {
			t.Errorf("%s: %d: %s", name, rec.Code, saidOf(rec))
		}
	}
	w.a.Upgrade = func(core.Instance, UpgradeOrder, string) queue.Job {
		return func(context.Context, string, func(core.Event)) (*core.Change, error) {
			return nil, core.Errorf(core.Conflict, "the plan is no longer the one that was approved")
		}
	}
	rec := w.form("/instances/shop/upgrade", local, url.Values{"to": {"0.8.1"}, "plan_hash": {"old"}, "confirm": {"shop"}})
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "no longer the one that was approved") || !strings.Contains(rec.Body.String(), hash) {
		t.Errorf("after the world changed: %d: %s", rec.Code, saidOf(rec))
	}
}

// TestUpgradeThatCannotBe wants the reason and what to do on the page, not a page of
// trouble.
func TestUpgradeThatCannotBe(t *testing.T) {
	w := newWorld(t)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	w.a.Ways = func(context.Context, core.Instance) (UpgradeWays, error) {
		return UpgradeWays{}, &core.Error{Code: core.Conflict, Message: "the files of shop were not made by Basewright", Hint: "upgrade it with upstream's update.sh"}
	}
	rec := w.ask("GET", "/instances/shop/upgrade", root, "")
	if text := rec.Body.String(); rec.Code != 200 || !strings.Contains(text, "were not made by Basewright") || !strings.Contains(text, "update.sh") || strings.Contains(text, "newest release that is known") {
		t.Errorf("%d %s", rec.Code, text)
	}
	w.a.Ways = func(context.Context, core.Instance) (UpgradeWays, error) { return UpgradeWays{From: "0.8.1"}, nil }
	if text := w.ask("GET", "/instances/shop/upgrade", root, "").Body.String(); !strings.Contains(text, "newest release that is known here, 0.8.1") {
		t.Error("that there is none is not told")
	}
}

// TestUpgradeInABrowser goes from the instance to its upgrade by keyboard: the ways,
// the conflicts, the plan, a rehearsal that is watched, the typed confirmation, the
// live change.
func TestUpgradeInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	upgradable(w)
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	b := browse(t, w)
	b.login()
	look := func(name string) {
		for _, scheme := range []string{"dark", "light"} {
			b.dress(scheme)
			b.accessible(name+", "+scheme, string(axe))
			b.shot(name + "-" + scheme)
		}
		b.size(390, 844)
		b.shot(name + "-phone")
		b.fits(name)
		b.size(1360, 900)
	}
	press := func(selector, until string) {
		b.run(browsertest.TabTo(selector), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(until, chromedp.ByQuery))
	}
	b.open("/instances/shop")
	press(`a[href$="/upgrade"]`, ".ways")
	look("upgrade")
	b.run(browsertest.TabTo("[name=to]"), chromedp.KeyEvent(kb.ArrowDown))
	press(".ways .primary", ".conflict")
	look("upgrade-conflicts")
	b.run(browsertest.TabTo("[name^=take]"), chromedp.KeyEvent(" "))
	press(".conflicts .primary", ".rehearse")
	look("upgrade-plan")
	press(".rehearse button", ".verdict.info")
	if at := b.where(); at != "/instances/shop/upgrade?to=0.8.0#upgrade-rehearsal" {
		t.Errorf("the rehearsal leads to %s", at)
	}
	look("upgrade-rehearsing")
	close(w.hold)
	b.run(chromedp.WaitVisible(".verdict.unhealthy", chromedp.ByQuery)) // that of 0.8.0 goes wrong
	b.open("/instances/shop/upgrade/plan?to=0.8.1")
	press(".rehearse button", ".verdict.healthy")
	look("upgrade-rehearsed")
	b.open("/instances/shop/upgrade/plan?to=0.8.1")
	b.run(chromedp.WaitVisible(".rehearse .healthy", chromedp.ByQuery), browsertest.TabTo("#confirm"), chromedp.KeyEvent("shop"+kb.Enter), chromedp.WaitVisible(".verdict", chromedp.ByQuery))
	if at := b.where(); !strings.HasPrefix(at, "/changes/") {
		t.Errorf("it leads to %s", at)
	}
	b.open("/settings")
	b.click(`button[name=lang][value=pt]`, `html[lang="pt-BR"]`)
	for name, path := range map[string]string{"upgrade": "", "upgrade-conflicts": "/plan?to=0.8.0", "upgrade-plan": "/plan?to=0.8.1"} {
		b.open("/instances/shop/upgrade" + path)
		b.shot(name + "-pt")
	}
	b.quiet()
}
