package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// enterCode sends the form that asks for the code of a second factor.
func (i *anIssuer) enterCode(w *world, code string, cookie *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/login/sso/code", strings.NewReader(url.Values{"code": {code}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return w.send(r)
}

// attemptOf is the login under way that an answer leaves with the browser.
func attemptOf(rec *httptest.ResponseRecorder) (found *http.Cookie) {
	for _, c := range rec.Result().Cookies() {
		if c.Name == attemptCookie && c.Value != "" {
			found = c
		}
	}
	return found
}

// The issuer's word does not stand in for a user's own second factor.
func TestSingleSignOnWantsTheSecondFactor(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.now = w.a.Now
	secret, _, codes := w.withFactor()
	now = now.Add(time.Minute)
	i.at(w)
	i.claims["exp"] = now.Add(24 * time.Hour).Unix() // its clock stands still
	u, _, err := w.a.Store.UserByName(t.Context(), "ana")
	must(t, err)
	must(t, w.a.Store.SetSubject(t.Context(), u.ID, i.server.URL+"#4711", entryOf("user.subject")))
	door := func() *http.Cookie {
		t.Helper()
		rec := i.login(w)
		if rec.Code != http.StatusOK || sessionOf(rec) != nil || !strings.Contains(rec.Body.String(), `action="/login/sso/code"`) {
			t.Fatalf("without a code: %d, login %v: %s", rec.Code, sessionOf(rec), rec.Body)
		}
		return attemptOf(rec)
	}
	waits := door()
	for name, row := range map[string]struct {
		code   string
		cookie *http.Cookie
		want   int
	}{
		"no code":                     {"", waits, http.StatusUnauthorized},
		"a wrong code":                {"000000", waits, http.StatusUnauthorized},
		"another browser":             {w.code(secret, 0), nil, http.StatusUnauthorized},
		"a login that only began":     {w.code(secret, 0), i.begin(w), http.StatusUnauthorized},
		"what the browser made up":    {w.code(secret, 0), &http.Cookie{Name: attemptCookie, Value: "AAAA"}, http.StatusUnauthorized},
		"a changed one of the server": {w.code(secret, 0), &http.Cookie{Name: attemptCookie, Value: waits.Value[:len(waits.Value)-2] + "AA"}, http.StatusUnauthorized},
	} {
		if rec := i.enterCode(w, row.code, row.cookie); rec.Code != row.want || sessionOf(rec) != nil {
			t.Errorf("%s: %d, login %v", name, rec.Code, sessionOf(rec))
		}
	}
	rec := i.enterCode(w, w.code(secret, 0), waits)
	if rec.Code != http.StatusOK || sessionOf(rec) == nil || rec.Header().Get("Refresh") != "0; url=/playbooks" {
		t.Errorf("with the code: %d %v", rec.Code, rec.Header())
	}
	if rec := i.enterCode(w, w.code(secret, 0), waits); sessionOf(rec) != nil {
		t.Errorf("the code counts twice: %d", rec.Code)
	}
	now = now.Add(time.Hour)
	if rec := i.enterCode(w, w.code(secret, 0), waits); rec.Code != http.StatusUnauthorized || sessionOf(rec) != nil {
		t.Errorf("an hour later: %d", rec.Code)
	}
	if rec := i.enterCode(w, codes[0].(string), door()); rec.Code != http.StatusOK || sessionOf(rec) == nil {
		t.Errorf("a recovery code: %d", rec.Code)
	}
	now = now.Add(time.Hour)
	waits = door()
	w.user("root", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.DisableUser(t.Context(), u.ID, true, entryOf("user.disable")))
	if rec := i.enterCode(w, w.code(secret, 0), waits); sessionOf(rec) != nil {
		t.Errorf("who was locked out meanwhile: %d", rec.Code)
	}
}
