package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
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

// Who is in no group any more has no role left anywhere; an admin's roles on
// single instances outlast a change of groups.
func TestGroupsTakeEveryRole(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	w.withPassword("root")
	i.at(w).Roles = map[string]core.Role{"ops": core.Viewer}
	ana := i.linked(w, map[string]core.Role{"*": core.Operator, "shop": core.Admin})
	i.claims["groups"] = "ops"
	if rec := i.login(w); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if u, err := w.a.Store.User(t.Context(), ana.ID); err != nil || fmt.Sprint(u.Grants) != "map[*:viewer shop:admin]" {
		t.Errorf("in a group: %v %v", u.Grants, err)
	}
	script := w.token(ana.ID, nil, core.MayRead)
	i.claims["groups"] = "cooks"
	if rec := i.login(w); rec.Code != http.StatusForbidden {
		t.Errorf("in no group: %d", rec.Code)
	}
	if u, err := w.a.Store.User(t.Context(), ana.ID); err != nil || len(u.Grants) != 0 {
		t.Errorf("in no group: %v %v", u.Grants, err)
	}
	if rec := w.ask("GET", "/api/instances/shop", script, ""); rec.Code != http.StatusNotFound {
		t.Errorf("a script of theirs still reads: %d", rec.Code)
	}
	entries, err := w.a.Store.Audit(t.Context(), 5)
	must(t, err)
	if text := fmt.Sprint(entries); !strings.Contains(text, "ana: no more admin on shop, by their groups") {
		t.Errorf("the audit log: %s", text)
	}
}

// Logins that strangers begin and never end take nothing from others.
func TestStrangersLeaveRoomForLogins(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	i.at(w)
	i.linked(w, map[string]core.Role{"*": core.Viewer})
	for n := range 3000 {
		r := httptest.NewRequest("GET", "/login/sso", nil)
		r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:1", n/250, n%250)
		if rec := w.send(r); rec.Code != http.StatusSeeOther {
			t.Fatalf("the login number %d: %d %s", n, rec.Code, rec.Body)
		}
	}
	if rec := i.login(w); rec.Code != http.StatusOK {
		t.Errorf("after them: %d %s", rec.Code, rec.Body)
	}
}

// Who gives up waiting for an issuer that hangs does not wait for those before
// them; when it answers, all go on.
func TestIssuerThatHangs(t *testing.T) {
	asked, answer := make(chan bool, 9), make(chan bool)
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-answer
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": address, "authorization_endpoint": address + "/a", "token_endpoint": address + "/t", "jwks_uri": address + "/k"})
	}))
	defer server.Close()
	address = server.URL
	s := &access.SingleSignOn{Issuer: server.URL, Client: "c", Return: "http://localhost/login/sso/return"}
	first := make(chan error)
	go func() {
		_, _, err := s.Begin(t.Context(), "/", time.Now())
		first <- err
	}()
	<-asked
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Begin(gone, "/", time.Now()); err == nil {
		t.Error("who had gone was sent to the issuer")
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, _, err := s.Begin(t.Context(), "/", time.Now()); err != nil || len(asked) != 0 {
		t.Errorf("it is asked again: %d times, %v", len(asked), err)
	}
}
