package ui

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// axeScript is axe-core.
func axeScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	return string(script)
}

// passing are pages that are met on a way only, as they are shown there.
func passing(f panel.Frame) map[string]panel.Page {
	out := f
	out.User = "" // before the login
	return map[string]panel.Page{
		"login":      &panel.Login{Frame: out, Problem: "the user or the password is wrong", Code: true, Issuer: "login.example.com"},
		"login-code": &panel.LoginCode{Frame: out, Problem: "the code is wrong"},
		"entered":    &panel.Entered{Frame: out, Next: "/"},
		"still-you":  &panel.StillYou{Frame: f, Action: "/users", Sent: []panel.Sent{{Name: "name", Value: "bo"}}, Code: true, Problem: "the password is wrong"},
		"handover": &panel.Handover{Frame: f, ID: "shop", Name: "Shop", Dir: "/srv/shop",
			Keys: []panel.Handed{{Key: "SUPABASE_PUBLIC_URL", Value: "http://127.0.0.1:8000"}, {Key: "ANON_KEY", Value: "eyJhbGciOiJIUzI1NiJ9." + strings.Repeat("x", 120), Secret: true, Shown: true}}},
		"trouble": &panel.Problem{Frame: f, Status: 500, Detail: "something went wrong", Hint: "try again", Request: "ABC", Change: "repair-kept", Back: "/"},
	}
}

// TestAxeOnPagesOnTheWay wants nothing serious of axe on the pages that no address of
// TestEveryScreen leads to, by day and by night, and none wider than a phone.
func TestAxeOnPagesOnTheWay(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	mux, own := http.NewServeMux(), w.h
	mux.Handle("/", own)
	w.h = mux
	paths := map[string]string{
		"clone-plan": "/instances/shop/clone/plan?name=twin", "upgrade-plan": "/instances/shop/upgrade/plan?to=0.8.1", "undecided": "/instances/shop/upgrade/plan?to=0.8.0",
		"restore-plan": "/snapshots/snap-shop/restore", "plan": "/instances/shop/fix?playbook=restart-auth", "no-such-page": "/nothing",
	}
	f := panel.Frame{Lang: "en", User: "ana", Admin: true, Title: "Axe", Assets: w.a.panel.assets, Damaged: "basewright.db", Silent: "no engine", Notice: "Saved.",
		Nav: []panel.NavGroup{{Items: []panel.NavItem{{ID: "fleet", Href: "/"}}}}}
	for name, page := range passing(f) {
		made, err := w.a.panel.print(page, "", false)
		must(t, err)
		paths[name] = "/on-the-way/" + name
		mux.HandleFunc(paths[name], func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = out.Write(made.content)
		})
	}
	b, axe := browse(t, w), axeScript(t)
	b.login()
	for name, path := range paths {
		b.size(1360, 900)
		for _, scheme := range []string{"light", "dark"} {
			b.dress(scheme)
			b.open(path)
			b.run(chromedp.WaitVisible("main h1, main .door", chromedp.ByQuery))
			b.shot("way-" + name + "-" + scheme)
			b.accessible(name+" in "+scheme, axe)
		}
		b.size(390, 844)
		b.open(path)
		b.shot("way-" + name + "-phone")
		b.fits(name)
	}
	b.quiet("404", "409")
}

// lostRepair is a change that could not be put back.
func lostRepair(w *world) {
	w.t.Helper()
	c := aRepair(time.Now().Add(-10*time.Minute), "repair-lost", core.RollbackFailed)
	c.Reason = "PG-01 is still there after the change; putting it back failed: the disk is full. A person is needed. How shop was before is in /var/lib/basewright/snapshots/shop/snap-shop, which holds secrets. " +
		"1. `mkdir -m 700 /root/repair-lost && tar --zstd -xpf /var/lib/basewright/snapshots/shop/snap-shop/archive.tar.zst -C /root/repair-lost`. 2. Copy what is under files/ to /srv/shop."
	c.After = core.Outlook{}
	must(w.t, w.a.Store.SaveChange(w.t.Context(), c))
	journal(w, "repair-lost", c.Created)
	e := core.JournalEntry{Change: "repair-lost", Seq: 7, Step: "roll back", At: c.Created.Add(15 * time.Second)}
	must(w.t, w.a.Store.Intent(w.t.Context(), c, e))
	e.Done, e.Outcome = e.At.Add(time.Second), "the disk is full"
	must(w.t, w.a.Store.Outcome(w.t.Context(), c, e))
}

// TestRollbackThatFailedInABrowser wants it said as loud as it is, in both languages:
// what happened, at which step, that a person is needed, and no button to undo it.
func TestRollbackThatFailedInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	showcase(w)
	lostRepair(w)
	b, axe := browse(t, w), axeScript(t)
	b.login()
	for _, row := range []struct{ scheme, lang, tag string }{{"light", "en", "en"}, {"dark", "pt", "pt-BR"}} {
		b.size(1360, 900)
		b.dress(row.scheme)
		if row.lang != "en" {
			b.open("/settings")
			b.click(`button[name=lang][value=`+row.lang+`]`, `html[lang="`+row.tag+`"]`)
		}
		b.open("/changes/repair-lost")
		said := b.text(".verdict.unhealthy")
		for _, want := range map[string][]string{"en": {"Rollback failed", "the steps below say where it stopped", "the disk is full", "tar --zstd -xpf"}, "pt": {"Reversão falhou", "É preciso uma pessoa"}}[row.lang] {
			if !strings.Contains(said, want) {
				t.Errorf("in %s the verdict does not say %q: %q", row.lang, want, said)
			}
		}
		if last := b.text(".phases li.bad") + b.text(".steps li.bad .said"); last == "" || !strings.Contains(last, "disk") && row.lang == "en" {
			t.Errorf("in %s the step where it stopped says %q", row.lang, last)
		}
		b.run(chromedp.WaitNotPresent(`form[action$="/undo"]`, chromedp.ByQuery))
		b.shot("rollback-failed-" + row.scheme)
		b.accessible("a rollback that failed in "+row.scheme, axe)
		b.size(390, 844)
		b.open("/changes/repair-lost")
		b.shot("rollback-failed-phone-" + row.lang)
		b.fits("a rollback that failed")
	}
	b.quiet()
}

// TestReadingWithoutScripts reads the list, an instance and a receipt where no script
// runs: it searches, follows links, and sees all of what was found and done.
func TestReadingWithoutScripts(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 12)
	showcase(w)
	b := browse(t, w)
	b.login()
	b.run(emulation.SetScriptExecutionDisabled(true))
	b.open("/")
	wants := func(where string, words ...string) {
		t.Helper()
		text := b.text("main")
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s does not say %q", where, word)
			}
		}
	}
	wants("the list", "Instances", "Unhealthy", "Shop", "customer-003", "The database does not accept")
	b.shot("plain-fleet")
	b.run(chromedp.SendKeys("[name=q]", "shop", chromedp.ByQuery))
	b.click(".filters noscript button", "#row-shop")
	b.run(chromedp.WaitNotPresent("#row-customer-003", chromedp.ByQuery))
	b.click("#row-shop th a", ".cause")
	wants("the instance", "The database does not accept", "Proof", "password authentication failed", "What could not be looked at")
	b.run(chromedp.WaitVisible(".services .node", chromedp.ByQuery), chromedp.WaitVisible(`.cause a[href*="/fix"]`, chromedp.ByQuery))
	b.click(".cause details summary", ".cause details[open]")
	b.shot("plain-instance")
	b.click(`a[href="/instances/shop/history"]`, ".timeline")
	b.click(`a[href="/instances/shop/changes"]`, ".list")
	b.click(`a[href="/changes/repair-back"]`, ".receipt")
	wants("the change", "Rolled back", "PG-01 is still there after the change", "Receipt", "verify", "role authenticator")
	b.shot("plain-change")
	b.click(`a[href="/instances/shop/logs"], .crumb a[href="/instances/shop"]`, ".cause")
	b.quiet()
}
