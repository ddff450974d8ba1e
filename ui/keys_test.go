package ui

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// withKeys gives the instances of a world keys.
func withKeys(w *world) {
	w.a.Works.Handover = func(_ context.Context, i core.Instance) ([]Handed, error) {
		return []Handed{{Key: "SUPABASE_PUBLIC_URL", Value: "https://shop.example.com"}, {Key: "ANON_KEY", Value: "anon-" + core.Secret(i.ID), Secret: true},
			{Key: "SERVICE_ROLE_KEY", Value: canary, Secret: true}, {Key: "DASHBOARD_PASSWORD", Value: "dash-" + core.Secret(i.ID), Secret: true}}, nil
	}
}

// TestKeysAreShownOneByOne wants no secret in the page before it is asked for,
// one and no other after, and an entry of the audit log that does not hold it.
func TestKeysAreShownOneByOne(t *testing.T) {
	w := newWorld(t)
	withKeys(w)
	_, admin := w.user("boss", map[string]core.Role{"shop": core.Admin})
	_, operator := w.user("op", map[string]core.Role{"shop": core.Operator})
	page := w.ask("GET", "/instances/shop/keys", admin, "").Body.String()
	if strings.Contains(page, "anon-shop") || strings.Contains(page, canary) || !strings.Contains(page, "https://shop.example.com") {
		t.Errorf("the page before: %s", page)
	}
	rec := w.form("/instances/shop/keys", admin, url.Values{"key": {"ANON_KEY"}})
	if text := rec.Body.String(); rec.Code != http.StatusOK || !strings.Contains(text, "anon-shop") || strings.Contains(text, canary) || strings.Contains(text, "dash-shop") {
		t.Errorf("one key: %d %s", rec.Code, text)
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		t.Error("a page with a key may be kept")
	}
	for key, who := range map[string]string{"ANON_KEY": operator, "JWT_SECRET": admin, "SUPABASE_PUBLIC_URL": admin} {
		if rec := w.form("/instances/shop/keys", who, url.Values{"key": {key}}); rec.Code < 400 {
			t.Errorf("%s: %d", key, rec.Code)
		}
	}
	entries, err := w.a.Store.FindAudit(t.Context(), store.AuditQuery{Text: "instance.reveal", Limit: 10})
	must(t, err)
	if len(entries) != 1 || entries[0].Actor != "user:boss" || entries[0].Instance != "shop" || entries[0].Detail != "ANON_KEY was shown" {
		t.Errorf("the audit log: %+v", entries)
	}
}

// TestAnOldLoginIsShownNoKey before it is proven in place; what it wanted is kept, and
// that a new instance's keys are shown once is not used up.
func TestAnOldLoginIsShownNoKey(t *testing.T) {
	w := newWorld(t)
	withKeys(w)
	passed := w.ages()
	w.withPassword("ana")
	must(t, w.a.Store.AddInstance(t.Context(), core.Instance{ID: "fresh", Name: "Fresh", Project: "fresh", Dir: "/srv/fresh", Origin: core.Created, Mode: core.Control}, entryOf("instance.register")))
	cookie := sessionOf(w.logIn("/api/session", "192.0.2.1", "ana", goodPassword))
	for n, tt := range []struct{ path, sent string }{{"/instances/shop/keys", "key=SERVICE_ROLE_KEY"}, {"/instances/fresh/handover", ""}} {
		passed.Add(int64(time.Hour))
		send := func(form string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("POST", tt.path, strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(cookie)
			return w.send(r)
		}
		rec := send(tt.sent)
		page := rec.Body.String()
		if rec.Code != http.StatusForbidden || strings.Contains(page, canary) || !strings.Contains(page, `name="proof"`) || n == 0 && !strings.Contains(page, `name="key" value="SERVICE_ROLE_KEY"`) {
			t.Errorf("%s: %d %s", tt.path, rec.Code, page)
		}
		if rec := send(tt.sent + "&proof=" + url.QueryEscape(goodPassword)); rec.Code != http.StatusOK || !strings.Contains(html.UnescapeString(rec.Body.String()), canary) {
			t.Errorf("%s, proven: %d %s", tt.path, rec.Code, rec.Body)
		}
	}
}

// TestKeysInABrowser shows one key after the other, without a new page, also when it
// must be asked first who that is.
func TestKeysInABrowser(t *testing.T) {
	w := newWorld(t)
	passed := w.ages()
	w.withPassword("ana")
	withKeys(w)
	b := browse(t, w)
	b.login()
	b.open("/instances/shop/keys")
	b.eval(`window.stays = true`, nil)
	b.click(`button[value=ANON_KEY]`, "#key-ANON_KEY")
	b.shot("keys-shown")
	passed.Store(int64(20 * time.Minute))
	b.click(`button[value=SERVICE_ROLE_KEY]`, ".still [name=proof]")
	b.has(`document.activeElement.name === "proof"`)
	b.run(chromedp.KeyEvent("wrong"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".still .problem", chromedp.ByQuery))
	b.shot("keys-proof")
	b.run(chromedp.SendKeys(".still [name=proof]", goodPassword))
	b.click(".still .primary", "#key-SERVICE_ROLE_KEY")
	b.click(`button[value=ANON_KEY]`, "#key-ANON_KEY")
	b.click(`button[value=SERVICE_ROLE_KEY]`, "#key-SERVICE_ROLE_KEY")
	var stays, masked bool
	b.eval(`Boolean(window.stays)`, &stays)
	b.eval(`!document.querySelector("#key-ANON_KEY")`, &masked)
	if text := b.text("#key-SERVICE_ROLE_KEY"); text != canary || !stays || !masked {
		t.Errorf("%q, on the same page: %v, the first is masked again: %v", text, stays, masked)
	}
	// What is copied is the key itself; a page that came over plain HTTP has no
	// clipboard, and marks it for who copies by hand.
	for _, way := range []struct{ without, says string }{
		{`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (t) => { window.copied = t; } }, configurable: true }); 0`, `window.copied`},
		{`Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true }); window.copied = ""; 0`, `String(getSelection())`},
	} {
		var got string
		b.eval(way.without, nil)
		b.run(chromedp.Click(`[data-copy-from="#key-SERVICE_ROLE_KEY"]`, chromedp.ByQuery), chromedp.Poll(way.says+` === "`+canary+`"`, nil, chromedp.WithPollingTimeout(10*time.Second)))
		b.eval(way.says, &got)
		if got != canary {
			t.Errorf("copied %q", got)
		}
	}
	b.run(chromedp.Click(`#keys-list a.button`, chromedp.ByQuery), chromedp.WaitNotPresent("#key-SERVICE_ROLE_KEY", chromedp.ByQuery))
	b.quiet("403")
}
