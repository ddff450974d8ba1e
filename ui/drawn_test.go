package ui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// TestThePasswordOfTheFirstStartIsToBeChanged: every page says so in the language of
// who reads it, until it is changed; not to others, nor to whom the issuer knows.
func TestThePasswordOfTheFirstStartIsToBeChanged(t *testing.T) {
	w := newWorld(t)
	password, hash := access.Draw()
	admin := core.User{ID: core.NewID(), Name: "admin", Created: time.Now(), Grants: map[string]core.Role{"*": core.Admin}}
	newcomer := core.User{ID: core.NewID(), Name: "new", Subject: "https://login.example.com#1", Created: time.Now(), Grants: admin.Grants}
	must(t, w.a.Store.AddUser(t.Context(), admin, hash, entryOf("user.add")))
	must(t, w.a.Store.AddUser(t.Context(), newcomer, hash, entryOf("user.add")))
	_, other := w.user("ana", admin.Grants)
	login := w.jwt(admin.ID, time.Hour)
	said := func(credential, path, words string) bool {
		page := w.ask("GET", path, credential, "").Body.String()
		return strings.Contains(page, words) && strings.Contains(page, `href="/settings#own-password"`)
	}
	const english = "You log in with the password of the first start"
	for _, path := range []string{"/", "/settings", "/instances/shop", "/users"} {
		if !said(login, path, english) {
			t.Errorf("%s does not say it", path)
		}
		if said(other, path, english) || said(w.jwt(newcomer.ID, time.Hour), path, english) {
			t.Errorf("%s says it to others", path)
		}
	}
	must(t, w.a.Store.SetLanguage(t.Context(), admin.ID, "pt"))
	if !said(login, "/", "a senha da primeira inicialização") {
		t.Error("it is not said in Portuguese")
	}
	change := fmt.Sprintf(`{"old_password":%q,"new_password":"a password of their own"}`, password)
	if rec := w.ask("POST", "/api/me/password", login, change); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if page := w.ask("GET", "/", login, "").Body.String(); strings.Contains(page, "primeira inicialização") || !strings.Contains(page, "<main") {
		t.Errorf("it goes on saying so: %s", page)
	}
}
