package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestStrangersOfTheIssuer(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	w.withPassword("root")
	sso := i.at(w)
	if rec := i.login(w); rec.Code != http.StatusForbidden {
		t.Fatalf("a stranger came in: %d", rec.Code)
	}
	entries, err := w.a.Store.Audit(t.Context(), 1)
	must(t, err)
	if e := entries[0]; e.Outcome != "denied" || !strings.Contains(e.Detail, i.server.URL+"#4711") {
		t.Errorf("an admin cannot link them by %+v", e)
	}
	sso.NewRole = core.Viewer
	if rec := i.login(w); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	u, err := w.a.Store.UserBySubject(t.Context(), i.server.URL+"#4711")
	if err != nil || u.Name != "ana" || u.RoleOn("shop") != core.Viewer {
		t.Errorf("%+v %v", u, err)
	}
	i.claims["sub"] = "4712"
	if rec := i.login(w); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "somebody else") {
		t.Errorf("a second ana: %d", rec.Code)
	}
	i.claims["sub"] = "4711"
	must(t, w.a.Store.DisableUser(t.Context(), u.ID, true, entryOf("user.disable")))
	if rec := i.login(w); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "locked out") {
		t.Errorf("who is locked out: %d", rec.Code)
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
