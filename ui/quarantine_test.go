package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// What is in quarantine is purged by a person who types its id, and by nobody
// else; of an instance that is no more, by an admin of all.
func TestQuarantine(t *testing.T) {
	w := newWorld(t)
	did := []string{}
	w.a.PurgeAside = func(ctx context.Context, id, actor string) (core.Aside, error) {
		did = append(did, "purge "+id+" by "+actor)
		return w.a.Store.Aside(ctx, id)
	}
	w.a.RestoreAside = func(ctx context.Context, id, actor string) (core.Aside, error) {
		did = append(did, "restore "+id+" by "+actor)
		return w.a.Store.Aside(ctx, id)
	}
	must(t, w.a.Store.SaveAside(t.Context(), anAside("aside-gone", "gone")))
	ana, login := w.user("ana", map[string]core.Role{"shop": core.Admin})
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	script := w.token(ana.ID, []string{"shop"}, core.MayAdmin, core.MayRepair, core.MayRead)
	if rec := w.ask("GET", "/api/quarantine", login, ""); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "aside-shop") || strings.Contains(rec.Body.String(), "aside-other") || strings.Contains(rec.Body.String(), "aside-gone") {
		t.Errorf("the list: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("POST", "/api/quarantine/aside-gone/restore", root, ""); rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "the instance gone is no more") || !strings.Contains(rec.Body.String(), "/srv/.quarantine/aside-gone") {
		t.Errorf("put back into an instance that is no more: %d %s", rec.Code, rec.Body)
	}
	if page := w.ask("GET", "/quarantine", root, "").Body.String(); !strings.Contains(page, "/srv/shop/kong.yml") || !strings.Contains(page, `action="/quarantine/aside-gone/purge"`) ||
		strings.Contains(page, `action="/quarantine/aside-gone/restore"`) {
		t.Errorf("the page: %s", page)
	}
	for _, row := range []struct {
		login, path, body string
		want              int
	}{
		{login, "aside-shop/purge", `{}`, http.StatusBadRequest},
		{login, "aside-shop/purge", `{"confirm":"shop"}`, http.StatusBadRequest},
		{script, "aside-shop/purge", `{"confirm":"aside-shop"}`, http.StatusBadRequest},
		{login, "aside-other/purge", `{"confirm":"aside-other"}`, http.StatusNotFound},
		{login, "aside-gone/purge", `{"confirm":"aside-gone"}`, http.StatusNotFound},
		{login, "aside-shop/purge", `{"confirm":"aside-shop"}`, http.StatusOK},
		{script, "aside-shop/restore", ``, http.StatusOK},
		{root, "aside-gone/purge", `{"confirm":"aside-gone"}`, http.StatusOK},
	} {
		if rec := w.ask("POST", "/api/quarantine/"+row.path, row.login, row.body); rec.Code != row.want {
			t.Errorf("%s %s: %d %s", row.path, row.body, rec.Code, rec.Body)
		}
	}
	if rec := w.form("/quarantine/aside-shop/purge", login, url.Values{"confirm": {"something"}}); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "gone for good") {
		t.Errorf("the form with another id: %d", rec.Code)
	}
	if rec := w.form("/quarantine/aside-shop/purge", login, url.Values{"confirm": {" aside-shop "}}); rec.Code != http.StatusSeeOther {
		t.Errorf("the form: %d %s", rec.Code, rec.Body)
	}
	if page := w.ask("GET", "/quarantine", login, "").Body.String(); !strings.Contains(page, `action="/quarantine/aside-shop/restore"`) {
		t.Errorf("the page: %s", page)
	}
	if rec := w.ask("PATCH", "/api/instances/shop", login, `{"mode":"observe"}`); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if page := w.ask("GET", "/quarantine", login, "").Body.String(); strings.Contains(page, `action="/quarantine/aside-shop/restore"`) || !strings.Contains(page, `action="/quarantine/aside-shop/purge"`) {
		t.Errorf("the page of what is observed: %s", page)
	}
	if rec := w.ask("POST", "/api/quarantine/aside-shop/restore", login, ""); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "only observed") {
		t.Errorf("put back where nothing may be written: %d %s", rec.Code, rec.Body)
	}
	if got, want := strings.Join(did, ", "), "purge aside-shop by user:ana, restore aside-shop by token:script of ana, purge aside-gone by user:root, purge aside-shop by user:ana"; got != want {
		t.Errorf("done: %s", got)
	}
}
