package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// whoPages says for every page and form of the panel the weakest who may have
// it; see who.
var whoPages = map[string]string{
	"GET /login": "public", "GET /login/sso": "public", "GET /login/sso/return": "public", "POST /login/sso/code": "public", "POST /login": "public", "POST /logout": "login", "POST /language": "public", "POST /theme": "public", "GET /static/:hash/:file": "public",
	"GET /": "login", "POST /diagnose": "login",
	"GET /instances/:id": "viewer", "POST /instances/:id/diagnose": "operator", "POST /instances/:id/power": "operator", "POST /instances/:id/edit": "admin",
	"GET /instances/:id/history": "viewer", "GET /instances/:id/fix": "operator", "POST /instances/:id/fix": "operator", "GET /instances/:id/changes": "viewer",
	"GET /changes/:cid": "viewer", "POST /changes/:cid/undo": "operator", "GET /instances/:id/logs": "viewer",
	"GET /instances/:id/files": "root", "POST /instances/:id/files": "root", "GET /instances/:id/files/:draft": "root", "POST /instances/:id/files/:draft": "root",
	"GET /instances/:id/clone": "root", "GET /instances/:id/clone/plan": "root", "POST /instances/:id/clone": "root",
	"GET /instances/:id/upgrade": "admin", "GET /instances/:id/upgrade/plan": "admin", "POST /instances/:id/upgrade": "admin", "POST /instances/:id/upgrade/rehearsal": "root",
	"GET /instances/:id/keys": "admin", "POST /instances/:id/keys": "admin",
	"GET /instances/:id/config": "viewer", "POST /instances/:id/config": "operator", "GET /instances/:id/config/:draft": "operator", "POST /instances/:id/config/:draft": "operator",
	"GET /instances/:id/snapshots": "viewer", "POST /instances/:id/snapshots": "operator", "POST /snapshots/:sid/verify": "operator",
	"GET /snapshots/:sid/restore": "operator", "POST /snapshots/:sid/restore": "operator",
	"GET /instances/:id/schedules": "viewer", "POST /instances/:id/schedules": "operator", "POST /schedules/:schedule/remove": "operator",
	"POST /schedules/:schedule/turn": "operator", "POST /instances/:id/maintenance": "operator", "POST /maintenance/:window/end": "operator",
}

// form sends a form as whoever holds the credential.
func (w *world) form(path, credential string, values url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return w.send(r)
}

// TestEveryPageAndRole asks every page and form as every role, of an instance
// that is theirs, of one that is not, and of one that does not exist.
func TestEveryPageAndRole(t *testing.T) {
	for _, r := range pages {
		name := r.method + " " + r.path
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			level := whoPages[name]
			if level == "" {
				t.Fatal("who may have this page is written nowhere in the test")
			}
			w := newWorld(t)
			close(w.hold)
			if rec := w.page(r, "shop", ""); (rec.Code == http.StatusSeeOther && strings.HasPrefix(rec.Header().Get("Location"), "/login")) == (level == "public") && r.path != "/login" {
				t.Errorf("without a login: %d to %s", rec.Code, rec.Header().Get("Location"))
			}
			for strong, role := range []string{"nothing", "viewer", "operator", "admin", "root"} {
				grants := map[string]core.Role{"shop": core.Role(role)}
				switch role {
				case "nothing":
					grants = nil
				case "root":
					grants = map[string]core.Role{"*": core.Admin}
				}
				w.seed()
				_, login := w.user(role, grants)
				w.mayHave(t, r, login, level, strong)
				if onInstance(r) && role != "root" {
					w.hides(t, r, func(instance string) *httptest.ResponseRecorder { return w.page(r, instance, login) })
				}
			}
		})
	}
	if len(whoPages) != len(pages) {
		t.Errorf("%d pages, and %d of which the test knows who may have them", len(pages), len(whoPages))
	}
}

func (w *world) page(r route, instance, login string) *httptest.ResponseRecorder {
	if r.method == http.MethodPost {
		return w.form(pathOf(r, instance), login, nil)
	}
	return w.ask(r.method, pathOf(r, instance), login, "")
}

func (w *world) mayHave(t *testing.T, r route, login, level string, strong int) {
	t.Helper()
	rec := w.page(r, "shop", login)
	needs := map[string]int{"public": -1, "login": -1, "viewer": 1, "operator": 2, "admin": 3, "root": 4}[level]
	switch {
	case strong >= needs:
		toLogin := strings.HasPrefix(rec.Header().Get("Location"), "/login") && r.path != "/logout"
		if toLogin || rec.Code == http.StatusForbidden || rec.Code == http.StatusInternalServerError || onInstance(r) && rec.Code == http.StatusNotFound && !strings.Contains(r.path, ":draft") {
			t.Errorf("strength %d: status %d: %s", strong, rec.Code, saidOf(rec))
		}
	case onInstance(r) && strong == 0:
		if rec.Code != http.StatusNotFound {
			t.Errorf("no grant: status %d, want 404", rec.Code)
		}
	case rec.Code != http.StatusForbidden:
		t.Errorf("strength %d: status %d, want 403", strong, rec.Code)
	}
}

var lede = regexp.MustCompile(`(?s)<p class="lede">(.*?)</p>`)

// saidOf is what a page of trouble says.
func saidOf(rec *httptest.ResponseRecorder) string {
	if m := lede.FindStringSubmatch(rec.Body.String()); m != nil {
		return m[1]
	}
	return ""
}

// TestWhereItLeads wants no form or login to lead to another site.
func TestWhereItLeads(t *testing.T) {
	for in, want := range map[string]string{
		"/instances/shop?x=1": "/instances/shop?x=1", "": "/", "//evil.example/": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "/\tx": "/", "shop": "/",
	} {
		if got := ours(in); got != want {
			t.Errorf("%q leads to %q, want %q", in, got, want)
		}
	}
	w := newWorld(t)
	w.withPassword("ana")
	rec := w.form("/login", "", url.Values{"username": {"ana"}, "password": {goodPassword}, "next": {"//evil.example/x"}})
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/" {
		t.Errorf("%d to %s", rec.Code, rec.Header().Get("Location"))
	}
}

// TestPagesAreStrict wants the policy on every page, and nothing inline in it.
func TestPagesAreStrict(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.SaveDiagnosis(t.Context(), aDiagnosis("shop")))
	inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|javascript:`)
	for _, r := range pages {
		if r.method != http.MethodGet || strings.HasPrefix(r.path, "/static/") {
			continue
		}
		rec := w.ask(r.method, pathOf(r, "shop"), login, "")
		if rec.Code == http.StatusSeeOther {
			continue // who is logged in is led on
		}
		policy := rec.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", r.path, policy)
		}
		if m := inline.FindString(rec.Body.String()); m != "" {
			t.Errorf("%s holds %q", r.path, m)
		}
		if strings.Contains(rec.Body.String(), canary) {
			t.Errorf("%s holds a secret", r.path)
		}
	}
}

// TestFindingsInPortuguese reads what was found, and playbooks, as a reader of
// Portuguese, who is also told what a finding itself said.
func TestFindingsInPortuguese(t *testing.T) {
	w := newWorld(t)
	d := brokenShop(time.Now())
	d.Findings[0].Title = "The role authenticator is refused"
	must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	w.a.Works.Checks = func() []core.Checker {
		return []core.Checker{{ID: "x.y", Finds: []core.Explanation{{Code: "PG-01", Title: "The database does not accept the password that the stack uses", Do: "Apply the playbook."}, {Code: "UPG-04", Title: "A newer release is there"}}}}
	}
	repaired := aChange("change-shop", "shop")
	repaired.Plan.Title = "Restart auth"
	repaired.State, repaired.Reason = core.RolledBack, "PG-01 is still there after the change"
	must(t, w.a.Store.SaveChange(t.Context(), repaired))
	journal(w, "change-shop", time.Now())
	old := aChange("change-old", "shop")
	old.State, old.Snapshot, old.Thinned = core.Committed, "gone", time.Now()
	must(t, w.a.Store.SaveChange(t.Context(), old))
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	for path, want := range map[string]struct{ there, gone []string }{
		"/instances/shop": {[]string{"O banco não aceita a senha que a stack usa", "Aplique o playbook", `lang="en">The role authenticator is refused<`, "Um serviço não responde ao gateway", "Sobraram containers de logs"},
			[]string{"Apply the playbook", "does not answer the gateway", "A newer release is there"}},
		"/":                       {[]string{"O banco não aceita a senha que a stack usa"}, []string{"is refused"}},
		"/instances/shop/history": {[]string{"O banco não aceita a senha que a stack usa"}, []string{"does not accept"}},
		"/playbooks":              {[]string{"Reiniciar o auth", "Mine"}, []string{"Restart auth"}},
		"/playbooks/restart-auth": {[]string{"<h1>Reiniciar o auth"}, []string{"Restart auth"}},
		"/instances/shop/changes": {[]string{"Reiniciar o auth"}, []string{"Restart auth"}},
		"/changes/change-shop":    {[]string{"<h1>Reiniciar o auth", "PG-01 continua depois da mudança", "diagnosticar antes"}, []string{"Restart auth", "is still there", "diagnose before"}},
		"/changes/change-old":     {[]string{"Os passos, as provas e o efeito desta mudança antiga foram removidos"}, nil},
		"/changes/change-other":   {[]string{"<h1>a plan"}, nil},
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+root)
		r.Header.Set("Accept-Language", "pt-BR")
		text := w.send(r).Body.String()
		for _, there := range want.there {
			if !strings.Contains(text, there) {
				t.Errorf("%s does not say %q", path, there)
			}
		}
		for _, gone := range want.gone {
			if strings.Contains(text, gone) {
				t.Errorf("%s says %q in English", path, gone)
			}
		}
	}
}

// TestPageNumberThatIsNone wants a sentence for a page that cannot be.
func TestPageNumberThatIsNone(t *testing.T) {
	w := newWorld(t)
	must(t, w.a.Store.SaveDiagnosis(t.Context(), aDiagnosis("shop")))
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	for _, path := range []string{"/", "/instances/shop/changes", "/instances/shop/history", "/instances/shop/snapshots"} {
		for _, page := range []string{"0", "-1", "abc"} {
			if rec := w.ask("GET", path+"?page="+page, root, ""); rec.Code != http.StatusBadRequest {
				t.Errorf("%s, page %s: %d", path, page, rec.Code)
			}
		}
	}
}
