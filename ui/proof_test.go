package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/basewright/basewright/core"
)

// wantFresh are the routes that a login must be proven for, once more by hand.
var wantFresh = []string{
	"PUT /api/playbooks/:pid", "POST /playbooks/:pid/save", "POST /api/tokens",
	"POST /users", "POST /users/:uid", "POST /users/:uid/remove", "POST /users/:uid/grants", "POST /tokens",
	"POST /instances/:id/files/:draft", "POST /instances/:id/keys", "POST /instances/:id/handover",
}

// wantFreshCookie are those that only a browser's must be proven for.
var wantFreshCookie = []string{
	"POST /api/users", "PATCH /api/users/:uid", "DELETE /api/users/:uid", "PUT /api/users/:uid/grants/:instance", "DELETE /api/users/:uid/grants/:instance",
	"PUT /api/instances/:id/config/file",
}

// ages gives a world a clock that can be moved on.
func (w *world) ages() *atomic.Int64 {
	var passed atomic.Int64
	w.a.Now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	w.a.logins.now = w.a.Now
	return &passed
}

// saves counts the playbooks that are written.
func (w *world) saves() *atomic.Int64 {
	var n atomic.Int64
	w.a.SavePlaybook = func(context.Context, string, string) error { n.Add(1); return nil }
	return &n
}

const goodBook = `{"source":"return {}"}`

func (w *world) saveBook(login string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.ask("PUT", "/api/playbooks/my-book", login, goodBook)
}

func (w *world) prove(login, password, code string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.ask("POST", "/api/me/proof", login, fmt.Sprintf(`{"password":%q,"code":%q}`, password, code))
}

// TestWhatAnOldLoginMayNot asks everything with a login of twenty minutes, and with an
// API token that is as old, of which nobody can ask a password.
func TestWhatAnOldLoginMayNot(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	passed, saved := w.ages(), w.saves()
	u, login := w.user("root", map[string]core.Role{"*": core.Admin})
	token := w.token(u.ID, nil, core.Verbs...)
	w.withPassword("ana")
	cookie := sessionOf(w.logIn("/api/session", "192.0.2.1", "ana", goodPassword))
	passed.Store(int64(20 * time.Minute))
	for _, r := range everyRoute() {
		name := r.method + " " + r.path
		if r.method == http.MethodGet || strings.HasSuffix(r.path, "/logout") {
			continue
		}
		w.seed() // the one before may have removed the instance
		send := func(credential string) (closed bool) {
			if r.page {
				rec := w.form(pathOf(*r, "shop"), credential, url.Values{"source": {"return {}"}})
				return rec.Code == http.StatusForbidden && strings.Contains(rec.Body.String(), `name="proof"`)
			}
			rec := w.ask(r.method, pathOf(*r, "shop"), credential, bodyOf(*r))
			return rec.Code == http.StatusForbidden && strings.Contains(rec.Body.String(), `"proof_required":true`)
		}
		was := saved.Load()
		if closed, want := send(login), slices.Contains(wantFresh, name); closed != want || saved.Load() != was {
			t.Errorf("%s with an old login: refused is %v, %d playbooks are written", name, closed, saved.Load()-was)
		}
		if send(token) {
			t.Errorf("%s with an API token wants a proof", name)
		}
		if slices.Contains(wantFreshCookie, name) {
			sent := httptest.NewRequest(r.method, pathOf(*r, "shop"), strings.NewReader(bodyOf(*r)))
			sent.AddCookie(cookie)
			if rec := w.send(sent); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), `"proof_required":true`) {
				t.Errorf("%s with the cookie of an old login: %d %s", name, rec.Code, rec.Body)
			}
		}
	}
	before := saved.Load()
	if rec := w.saveBook(login); rec.Code != http.StatusForbidden || saved.Load() != before {
		t.Errorf("a playbook by the old login: %d", rec.Code)
	}
	if rec := w.saveBook(token); rec.Code != http.StatusOK || saved.Load() != before+1 {
		t.Errorf("a playbook by the token: %d %s", rec.Code, rec.Body)
	}
	if rec := w.prove(token, goodPassword, ""); rec.Code != http.StatusForbidden {
		t.Errorf("a token proves who it is: %d", rec.Code)
	}
}

// TestALoginIsProvenAgain follows one login by its password, over its fifteen minutes,
// past wrong passwords to the right one, and to its end, which stays where it was.
func TestALoginIsProvenAgain(t *testing.T) {
	w := newWorld(t)
	passed, saved := w.ages(), w.saves()
	w.withPassword("ana")
	other := strings.Repeat("another", 3)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	if rec := w.ask("POST", "/api/users", root, fmt.Sprintf(`{"name":"eve","password":%q}`, other)); rec.Code != http.StatusCreated {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	login := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	passed.Store(int64(14 * time.Minute))
	if rec := w.saveBook(login); rec.Code != http.StatusOK || saved.Load() != 1 {
		t.Fatalf("after 14 minutes: %d %s", rec.Code, rec.Body)
	}
	passed.Store(int64(16 * time.Minute))
	rec := w.saveBook(login)
	if kind := rec.Header().Get("Content-Type"); rec.Code != http.StatusForbidden || kind != "application/problem+json" {
		t.Errorf("after 16 minutes: %d %s", rec.Code, kind)
	}
	if p := decoded(t, rec); p["proof_required"] != true || !strings.Contains(p["detail"].(string), "more than 15 minutes ago") {
		t.Errorf("it says %v", p)
	}
	for name, password := range map[string]string{"a wrong password": "wrong", "none": "", "that of another user": other} {
		if rec := w.prove(login, password, ""); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "the password is wrong") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	entries, err := w.a.Store.Audit(t.Context(), 99)
	must(t, err)
	for n, e := range entries {
		if n < 3 && (e.Actor != "user:ana" || e.Action != "login" || e.Outcome != "denied") || e.Action == "access.denied" {
			t.Errorf("to be asked, and three wrong passwords, are written down as %+v", e)
		}
	}
	if rec := w.saveBook(login); rec.Code != http.StatusForbidden || saved.Load() != 1 {
		t.Errorf("after wrong passwords: %d", rec.Code)
	}
	if rec := w.prove(login, goodPassword, ""); rec.Code != http.StatusOK {
		t.Fatalf("the right one: %d %s", rec.Code, rec.Body)
	}
	if rec := w.saveBook(login); rec.Code != http.StatusOK || saved.Load() != 2 {
		t.Errorf("after it: %d %s", rec.Code, rec.Body)
	}
	passed.Store(int64(loginLife - time.Minute))
	if rec := w.prove(login, goodPassword, ""); rec.Code != http.StatusOK {
		t.Errorf("shortly before the end: %d %s", rec.Code, rec.Body)
	}
	passed.Store(int64(loginLife + time.Minute))
	if rec := w.prove(login, goodPassword, ""); rec.Code != http.StatusUnauthorized {
		t.Errorf("a login that is over was proven: %d", rec.Code)
	}
}

// TestProofsAreGuessedNoFasterThanLogins counts both together.
func TestProofsAreGuessedNoFasterThanLogins(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.now = w.a.Now
	w.withPassword("ana")
	login := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	now = now.Add(time.Hour)
	looked := 0
	for i := range 60 {
		rec := w.prove(login, "guess", "")
		if i%2 == 0 {
			rec = w.form("/playbooks/my-book/save", login, url.Values{"proof": {"guess"}})
		}
		if rec.Code != http.StatusTooManyRequests {
			looked++
		} else if rec.Header().Get("Retry-After") == "" {
			t.Fatal("it is not said how long to wait")
		}
	}
	if looked > 20 {
		t.Errorf("%d guesses were looked at", looked)
	}
	if rec := w.logIn("/api/login", "192.0.2.1", "ana", goodPassword); rec.Code != http.StatusTooManyRequests {
		t.Errorf("a login from there is not slow: %d", rec.Code)
	}
}

func TestAProofWantsTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	passed, saved := w.ages(), w.saves()
	secret, login, _ := w.withFactor()
	passed.Store(int64(20 * time.Minute))
	if rec := w.prove(login, goodPassword, ""); rec.Code != http.StatusForbidden || decoded(t, rec)["second_factor_required"] != true {
		t.Errorf("the password alone: %d", rec.Code)
	}
	if rec := w.prove(login, goodPassword, w.code(secret, -100)); rec.Code != http.StatusForbidden {
		t.Errorf("an old code: %d", rec.Code)
	}
	send := url.Values{"source": {"return {}"}, "proof": {goodPassword}}
	if rec := w.form("/playbooks/my-book/save", login, send); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), `name="proof_code"`) || saved.Load() != 0 {
		t.Errorf("by form, without a code: %d", rec.Code)
	}
	send.Set("proof_code", w.code(secret, 0))
	if rec := w.form("/playbooks/my-book/save", login, send); rec.Code != http.StatusSeeOther || saved.Load() != 1 {
		t.Errorf("by form, with the code: %d %s", rec.Code, rec.Body)
	}
	if rec := w.prove(login, goodPassword, send.Get("proof_code")); rec.Code != http.StatusForbidden {
		t.Errorf("the code counts twice: %d", rec.Code)
	}
}

// TestAFormKeepsWhatWasTyped until who sent it is proven; who logs in at an issuer is
// shown the way there.
func TestAFormKeepsWhatWasTyped(t *testing.T) {
	w, i := newWorld(t), newIssuer(t)
	i.at(w)
	passed, saved := w.ages(), w.saves()
	u := w.withPassword("ana")
	login := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	passed.Store(int64(20 * time.Minute))
	send := url.Values{"source": {"-- \"<b>\nreturn {}"}, "what": {"save"}}
	page := w.form("/playbooks/my-book/save", login, send).Body.String()
	if !strings.Contains(page, "name=\"source\" value=\"-- &#34;&lt;b&gt;\nreturn {}\"") || strings.Contains(page, "/login/sso") || wasWrong.FindString(page) != "" {
		t.Errorf("it asks: %s", page)
	}
	send.Set("proof", "wrong")
	if page := w.form("/playbooks/my-book/save", login, send).Body.String(); strings.Contains(page, `value="wrong"`) || wasWrong.FindString(page) == "" || saved.Load() != 0 {
		t.Errorf("it asks again: %s", page)
	}
	must(t, w.a.Store.SetSubject(t.Context(), u.ID, i.server.URL+"#4711", entryOf("user.subject")))
	if page := w.form("/playbooks/my-book/save", login, send).Body.String(); !strings.Contains(page, `href="/login/sso"`) {
		t.Errorf("the way to the issuer is not shown: %s", page)
	}
	i.claims["exp"] = time.Now().Add(time.Hour).Unix()
	fresh := sessionOf(i.login(w))
	r := httptest.NewRequest("POST", "/playbooks/my-book/save", strings.NewReader("source=return+{}&proof="))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(fresh)
	if rec := w.send(r); rec.Code != http.StatusSeeOther || saved.Load() != 1 {
		t.Errorf("after the issuer: %d %s", rec.Code, rec.Body)
	}
}

// TestProofInABrowser saves a playbook after twenty minutes: the page asks for the
// password below the text, which stays, also when it is changed after that.
func TestProofInABrowser(t *testing.T) {
	w := newWorld(t)
	passed := w.ages()
	var saved atomic.Value
	w.a.SavePlaybook = func(_ context.Context, id, source string) error { saved.Store(id + ": " + source); return nil }
	w.withPassword("ana")
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	b := browse(t, w)
	b.login()
	b.edits("/playbooks/new")
	b.run(chromedp.KeyEvent("-- kept\r"), chromedp.Focus("#id"), chromedp.KeyEvent("my-repair"))
	passed.Store(int64(20 * time.Minute))
	b.click("[value=save]", ".still [name=proof]")
	b.has(`document.activeElement.name === "proof"`)
	b.shot("editor-proof")
	b.accessible("the question in the editor", string(axe))
	b.run(chromedp.KeyEvent("wrong"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".still .problem", chromedp.ByQuery))
	if saved.Load() != nil {
		t.Fatal("it is saved without a proof")
	}
	b.run(chromedp.Click(".codemirror", chromedp.ByQuery), chromedp.KeyEvent(kb.Home, chromedp.KeyModifiers(2)), chromedp.KeyEvent("-- changed\r"))
	b.run(chromedp.SendKeys(".still [name=proof]", goodPassword), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".notice", chromedp.ByQuery))
	if b.Held() {
		t.Error("what is saved is asked about")
	}
	if text, _ := saved.Load().(string); !strings.HasPrefix(text, "my-repair: ") || !strings.Contains(text, "-- changed\n") || !strings.Contains(text, "-- kept\n") {
		t.Errorf("saved is %q", text)
	}
	b.open("/users")
	b.run(chromedp.SendKeys(".formgrid [name=name]", "eve"))
	passed.Store(int64(40 * time.Minute))
	b.click(".formgrid .primary", ".still [name=proof]")
	b.run(chromedp.SendKeys("[name=proof]", goodPassword))
	b.click(".still .primary", "#once")
	b.quiet("403", "404")
}
