package ui

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestALanguageIsTheUsers: what somebody chose meets them in every browser, and
// nobody else; an API token chooses for nobody.
func TestALanguageIsTheUsers(t *testing.T) {
	w := newWorld(t)
	all := map[string]core.Role{core.EveryInstance: core.Admin}
	ana, login := w.user("ana", all)
	_, bob := w.user("bob", all)
	token := w.token(ana.ID, nil, core.Verbs...)
	speaks := func(login string) string {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil) // without the cookie of the browser in which it was chosen
		r.Header.Set("Authorization", "Bearer "+login)
		page := w.send(r).Body.String()
		_, page, _ = strings.Cut(page, `<html lang="`)
		lang, _, _ := strings.Cut(page, `"`)
		return lang
	}
	w.form("/language", token, url.Values{"lang": {"pt"}})
	if a, b := speaks(login), speaks(bob); a != "en" || b != "en" {
		t.Errorf("before anybody chose, ana reads %q and bob %q", a, b)
	}
	w.form("/language", login, url.Values{"lang": {"pt"}})
	if a, b := speaks(login), speaks(bob); a != "pt-BR" || b != "en" {
		t.Errorf("ana chose Portuguese and reads %q, bob %q", a, b)
	}
	w.form("/language", login, url.Values{"lang": {"en"}})
	if a := speaks(login); a != "en" {
		t.Errorf("ana chose English and reads %q", a)
	}
}
