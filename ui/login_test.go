package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/store"
)

const goodPassword = canary + "-of-ana"

// withPassword adds a user who can log in.
func (w *world) withPassword(name string) core.User {
	w.t.Helper()
	u := core.User{ID: core.NewID(), Name: name, Created: time.Now(), Grants: map[string]core.Role{"*": core.Admin}}
	must(w.t, w.a.Store.AddUser(w.t.Context(), u, access.Hash(goodPassword), entryOf("user.add")))
	return u
}

func (w *world) logIn(path, address, name, password string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, name, password)))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = address + ":1234"
	return w.send(r)
}

func TestLoginLogoutAndPassword(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	wrong, unknown := w.logIn("/api/login", "192.0.2.1", "ana", "wrong password"), w.logIn("/api/login", "192.0.2.1", "nobody", "wrong password")
	a, b := decoded(t, wrong), decoded(t, unknown)
	if wrong.Code != http.StatusUnauthorized || unknown.Code != wrong.Code || a["detail"] != b["detail"] {
		t.Errorf("a wrong password is told from an unknown user: %v %v", a, b)
	}
	first := decoded(t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	second := decoded(t, w.logIn("/api/login", "192.0.2.1", "ANA", goodPassword))["token"].(string)
	change := fmt.Sprintf(`{"old_password":%q,"new_password":"another fine password"}`, goodPassword)
	if rec := w.ask("POST", "/api/me/password", first, strings.Replace(change, "another fine password", "short", 1)); rec.Code != http.StatusBadRequest {
		t.Errorf("a short password: %d", rec.Code)
	}
	u, _, err := w.a.Store.UserByName(t.Context(), "ana")
	must(t, err)
	for name, credential := range map[string]string{"a wrong password": first, "an API token": w.token(u.ID, nil, core.Verbs...)} {
		sent := strings.Replace(change, goodPassword, "wrong password", 1)
		if credential != first {
			sent = change
		}
		if rec := w.ask("POST", "/api/me/password", credential, sent); rec.Code != http.StatusForbidden {
			t.Errorf("by %s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if list, err := w.a.Store.FindAudit(t.Context(), store.AuditQuery{Text: "user:ana login", Outcome: "denied"}); err != nil || len(list) != 1 {
		t.Errorf("the wrong password is written down as %+v, %v", list, err)
	}
	if rec := w.ask("POST", "/api/me/password", first, change); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("GET", "/api/me", second, ""); rec.Code != http.StatusUnauthorized {
		t.Errorf("the other login lives on: %d", rec.Code)
	}
	if rec := w.ask("POST", "/api/logout", first, ""); rec.Code != http.StatusOK {
		t.Errorf("logout: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("GET", "/api/me", first, ""); rec.Code != http.StatusUnauthorized {
		t.Errorf("the login lives on after the logout: %d", rec.Code)
	}
	head, err := w.a.Store.Verify(t.Context())
	must(t, err)
	entries, err := w.a.Store.Audit(t.Context(), int(head.Seq))
	must(t, err)
	if text := fmt.Sprint(entries); strings.Contains(text, canary) || !strings.Contains(text, "login") {
		t.Errorf("the audit log: %s", text)
	}
}

func TestCookieFlags(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	rec := w.logIn("/api/session", "127.0.0.1", "ana", goodPassword)
	cookies := rec.Result().Cookies()
	if rec.Code != http.StatusOK || len(cookies) != 2 || cookies[0].Name != cookieName || cookies[1].Name != deviceCookie {
		t.Fatalf("%d %+v", rec.Code, cookies)
	}
	for _, k := range cookies {
		if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" {
			t.Errorf("%+v", k)
		}
	}
	r := httptest.NewRequest("GET", "/api/me", nil)
	r.AddCookie(cookies[0])
	if rec := w.send(r); rec.Code != http.StatusOK {
		t.Errorf("with the cookie: %d", rec.Code)
	}
	out := httptest.NewRequest("POST", "/api/logout", nil)
	out.AddCookie(cookies[0])
	w.send(out)
	if rec := w.send(r.Clone(t.Context())); rec.Code != http.StatusUnauthorized {
		t.Errorf("after the logout: %d", rec.Code)
	}
	tls := httptest.NewRequest("POST", "https://host/api/session", strings.NewReader(fmt.Sprintf(`{"username":"ana","password":%q}`, goodPassword)))
	tls.Header.Set("Content-Type", "application/json")
	if c := w.send(tls).Result().Cookies(); len(c) != 2 || c[0].Name != "__Host-basewright" || !c[0].Secure || !c[1].Secure {
		t.Errorf("over TLS: %+v", c)
	}
}

func TestGuessingIsSlowAndLocksNobodyOut(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.init(w.a.Now)
	w.withPassword("admin")
	if rec := w.logIn("/api/login", "192.0.2.7", "admin", goodPassword); rec.Code != http.StatusOK {
		t.Fatalf("%d", rec.Code)
	}
	refused, looked := 0, 0
	for i := range 60 { // from many addresses
		switch w.logIn("/api/login", fmt.Sprintf("198.51.100.%d", i), "admin", "guess").Code {
		case http.StatusTooManyRequests:
			refused++
		case http.StatusUnauthorized:
			looked++
		}
	}
	if looked > 20 || refused < 40 {
		t.Errorf("%d guesses were looked at, %d refused", looked, refused)
	}
	for _, address := range []string{"192.0.2.7", "127.0.0.1"} {
		if rec := w.logIn("/api/login", address, "admin", goodPassword); rec.Code != http.StatusOK {
			t.Errorf("the admin is locked out of %s: %d %s", address, rec.Code, rec.Body)
		}
	}
	before, err := w.a.Store.Verify(t.Context())
	must(t, err)
	for range 100 {
		w.logIn("/api/login", "203.0.113.9", "admin", "guess")
	}
	after, err := w.a.Store.Verify(t.Context())
	must(t, err)
	if after.Seq-before.Seq > 20 {
		t.Errorf("a stranger wrote %d audit entries", after.Seq-before.Seq)
	}
}
