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

// who says, for every route, the weakest who may call it and the verb that an
// API token needs. It is written down here once more by hand, so that a slip in
// the route table is one that two places must make.
//
// "public" anybody; "login" anybody who is somebody; viewer, operator, admin
// with that role on the instance; "root" admin of every instance.
var who = map[string]string{
	"GET /healthz": "public", "GET /readyz": "public", "GET /metrics": "public", "GET /api/openapi.json": "public", "GET /api": "public",
	"POST /api/login": "public", "POST /api/session": "public",
	"POST /api/logout": "login read", "GET /api/me": "login read", "POST /api/me/password": "login admin", "POST /api/me/proof": "login admin",
	"GET /api/me/factor": "login admin", "PUT /api/me/factor": "login admin", "POST /api/me/factor/remove": "login admin",
	"GET /api/instances": "login read", "POST /api/instances": "root admin", "GET /api/discover": "root admin",
	"POST /api/instances/adopt": "root admin", "GET /api/instances/check-all-health": "root admin",
	"GET /api/instances/:id": "viewer read", "PATCH /api/instances/:id": "admin admin", "DELETE /api/instances/:id": "admin admin",
	"GET /api/instances/:id/run-diagnostics": "operator diagnose", "POST /api/instances/:id/run-diagnostics": "operator diagnose",
	"GET /api/instances/:id/last-diagnostic": "viewer read", "GET /api/instances/:id/diagnostics/:category": "operator diagnose",
	"GET /api/instances/:id/diagnostic-history": "viewer read", "GET /api/instances/:id/health-report": "viewer read", "GET /api/health-report": "login read",
	"POST /api/instances/:id/test/user-creation": "operator diagnose",
	"GET /api/instances/:id/logs":                "viewer logs", "GET /api/instances/:id/diagnostic-logs": "viewer logs", "GET /api/instances/:id/logs/stream": "viewer logs",
	"POST /api/instances/:id/start": "operator restart", "POST /api/instances/:id/stop": "operator restart", "POST /api/instances/:id/safe-restart": "operator restart",
	"GET /api/instances/:id/config": "viewer config", "PUT /api/instances/:id/config": "operator repair",
	"POST /api/instances/:id/config/file/plan": "root admin", "PUT /api/instances/:id/config/file": "root admin",
	"POST /api/instances/:id/upgrade/plan": "admin admin", "POST /api/instances/:id/upgrade": "admin admin",
	"GET /api/instances/:id/upgrade": "admin admin", "GET /api/instances/:id/upgrade/rehearsal": "admin admin", "POST /api/instances/:id/upgrade/rehearsal": "root admin",
	"POST /api/instances/:id/clone/plan": "root admin", "POST /api/instances/:id/clone": "root admin", "GET /api/instances/audit": "root admin",
	"POST /api/instances/:id/repairs/plan": "operator repair", "POST /api/instances/:id/repairs": "operator repair",
	"POST /api/instances/:id/rotate/plan": "operator repair", "POST /api/instances/:id/rotate": "operator repair",
	"GET /api/instances/:id/changes": "viewer read", "GET /api/changes/:cid": "viewer read", "POST /api/changes/:cid/undo": "operator repair",
	"GET /api/instances/:id/snapshots": "viewer read", "POST /api/instances/:id/snapshots": "operator snapshot",
	"POST /api/snapshots/:sid/verify": "operator snapshot", "POST /api/snapshots/:sid/restore": "operator repair", "POST /api/snapshots/:sid/restore/plan": "operator repair",
	"GET /api/quarantine": "login read", "POST /api/quarantine/:aside/restore": "operator repair", "POST /api/quarantine/:aside/purge": "admin admin",
	"GET /api/schedules": "login read", "POST /api/schedules": "login schedule",
	"PUT /api/schedules/:schedule": "operator schedule", "DELETE /api/schedules/:schedule": "operator schedule",
	"GET /api/maintenance": "login read", "POST /api/maintenance": "login schedule", "DELETE /api/maintenance/:window": "operator schedule",
	"GET /api/instances/:id/schedule-config": "viewer read",
	"GET /api/playbooks":                     "login read", "PUT /api/playbooks/:pid": "root admin", "POST /api/playbooks/check": "root admin", "GET /api/checks": "login read",
	"GET /api/events": "login read", "GET /api/audit": "root admin", "GET /api/audit/verify": "root admin", "GET /api/audit/export": "root admin",
	"GET /api/users": "root admin", "POST /api/users": "root admin", "PATCH /api/users/:uid": "root admin", "DELETE /api/users/:uid": "root admin",
	"PUT /api/users/:uid/grants/:instance": "root admin", "DELETE /api/users/:uid/grants/:instance": "root admin",
	"GET /api/tokens": "login admin", "POST /api/tokens": "login admin", "DELETE /api/tokens/:tid": "login admin",
}

// pathOf fills in the parameters of a route for what belongs to an instance.
func pathOf(r route, instance string) string {
	return strings.NewReplacer(":id", instance, ":cid", "change-"+instance, ":sid", "snap-"+instance, ":schedule", "sched-"+instance, ":window", "window-"+instance, ":aside", "aside-"+instance,
		":category", "database", ":uid", "no-user", ":instance", instance, ":tid", "no-token", ":pid", "my-book").Replace(r.path)
}

func onInstance(r route) bool { return r.on >= oneInstance }

func bodyOf(r route) string {
	if r.method == http.MethodGet {
		return ""
	}
	return "{}"
}

// TestEveryRouteAndRole asks every route as every role, of an instance that is
// theirs, of one that is not, and of one that does not exist.
func TestEveryRouteAndRole(t *testing.T) {
	for _, r := range routes {
		name := r.method + " " + r.path
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			level, _, _ := strings.Cut(who[name], " ")
			if level == "" {
				t.Fatal("who may call this route is written nowhere in the test")
			}
			w := newWorld(t)
			close(w.hold)
			for strong, role := range []string{"nothing", "viewer", "operator", "admin", "root"} {
				grants := map[string]core.Role{"shop": core.Role(role)}
				switch role {
				case "nothing":
					grants = nil
				case "root":
					grants = map[string]core.Role{"*": core.Admin}
				}
				w.seed() // the one before may have removed it
				_, login := w.user(role, grants)
				w.expect(t, r, login, "shop", level, strong)
				if onInstance(r) && role != "root" {
					w.hides(t, r, func(instance string) *httptest.ResponseRecorder {
						return w.ask(r.method, pathOf(r, instance), login, bodyOf(r))
					})
				}
			}
		})
	}
	for name := range who {
		method, path, _ := strings.Cut(name, " ")
		found := false
		for _, r := range routes {
			found = found || r.method == method && r.path == path
		}
		if !found {
			t.Errorf("%s is no route any more", name)
		}
	}
}

// expect asks one route as somebody with a role on the instance, who is so
// strong.
func (w *world) expect(t *testing.T, r route, login, instance, level string, strong int) {
	t.Helper()
	rec := w.ask(r.method, pathOf(r, instance), login, bodyOf(r))
	needs := map[string]int{"public": -1, "login": -1, "viewer": 1, "operator": 2, "admin": 3, "root": 4}[level]
	switch {
	case strong >= needs:
		if rec.Code == http.StatusUnauthorized && level != "public" || rec.Code == http.StatusForbidden && !strings.HasPrefix(r.path, "/api/me/") || rec.Code == http.StatusInternalServerError {
			t.Errorf("strength %d: status %d: %s", strong, rec.Code, rec.Body)
		}
		if onInstance(r) && rec.Code == http.StatusNotFound {
			t.Errorf("strength %d: it is hidden: %s", strong, rec.Body)
		}
	case onInstance(r) && strong == 0:
		if rec.Code != http.StatusNotFound {
			t.Errorf("no grant: status %d, want 404: %s", rec.Code, rec.Body)
		}
	case rec.Code != http.StatusForbidden:
		t.Errorf("strength %d: status %d, want 403: %s", strong, rec.Code, rec.Body)
	}
}

// TestBadCredentials shows every route everything that looks like a login and
// is none.
func TestBadCredentials(t *testing.T) {
	w := newWorld(t)
	u, good := w.user("ana", map[string]core.Role{"*": core.Admin})
	gone, goneLogin := w.user("gone", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.RemoveUser(t.Context(), gone.ID, entryOf("user.remove")))
	out, outLogin := w.user("out", map[string]core.Role{"*": core.Admin})
	outToken := w.token(out.ID, nil, core.Verbs...)
	must(t, w.a.Store.DisableUser(t.Context(), out.ID, true, entryOf("user.disable")))
	revoked := w.token(u.ID, nil, core.Verbs...)
	tokens, err := w.a.Store.Tokens(t.Context(), u.ID)
	must(t, err)
	must(t, w.a.Store.RevokeToken(t.Context(), tokens[0].ID, u.ID, entryOf("token.revoke")))
	parts := strings.Split(good, ".")
	cookie := core.NewID()
	must(t, w.a.Store.AddSession(t.Context(), store.Session{ID: access.Digest(cookie), UserID: u.ID, Kind: "cookie", Created: time.Now(), Expires: time.Now().Add(time.Hour)}, entryOf("login")))
	asCookie, err := w.a.Keyring.Sign(access.Claims{UserID: u.ID, Session: cookie, Expires: time.Now().Add(time.Hour)}, time.Now())
	must(t, err)
	bad := map[string]string{
		"nothing": "", "an expired login": w.jwt(u.ID, -time.Second), "a login of a removed user": goneLogin, "a login of a locked out user": outLogin,
		"a token of a locked out user": outToken, "a revoked token": revoked, "a token that never was": access.NewToken(),
		"another signature": parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43), "no signature": parts[0] + "." + parts[1] + ".",
		"no algorithm":  "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"a bare prefix": access.TokenPrefix, "a NUL": "\x00", "very much": strings.Repeat("A", 8000), "a cookie's session as a JWT": asCookie,
	}
	for _, r := range routes {
		if r.on == everybody {
			continue
		}
		for name, credential := range bad {
			rec := w.ask(r.method, pathOf(r, "shop"), credential, bodyOf(r))
			if rec.Code != http.StatusUnauthorized || rec.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %s: status %d: %.100s", r.method, r.path, name, rec.Code, rec.Body)
			}
		}
	}
	if rec := w.ask("GET", "/api/me", good, ""); rec.Code != http.StatusOK {
		t.Errorf("the good one: %d %s", rec.Code, rec.Body)
	}
}

// TestTokenScopes gives an admin's token one verb on one instance, and wants
// exactly the routes of that verb, there.
func TestTokenScopes(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	u, _ := w.user("ana", map[string]core.Role{"*": core.Admin})
	for _, verb := range core.Verbs {
		text := w.token(u.ID, []string{"shop"}, verb)
		for _, r := range routes {
			level, needs, _ := strings.Cut(who[r.method+" "+r.path], " ")
			if level == "public" || r.method == http.MethodDelete && onInstance(r) {
				continue
			}
			rec := w.ask(r.method, pathOf(r, "shop"), text, bodyOf(r))
			refused := rec.Code == http.StatusForbidden
			if want := needs != string(verb) || level == "root"; refused != want && !strings.HasPrefix(r.path, "/api/me/") && !(r.path == "/api/tokens" && r.method == "POST") {
				t.Errorf("%s %s with %q on shop: status %d: %s", r.method, r.path, verb, rec.Code, rec.Body)
			}
			if onInstance(r) {
				if rec := w.ask(r.method, pathOf(r, "other"), text, bodyOf(r)); rec.Code != http.StatusNotFound {
					t.Errorf("%s %s with %q on another instance: status %d", r.method, r.path, verb, rec.Code)
				}
			}
		}
	}
}

func TestATokenMakesNoStrongerOne(t *testing.T) {
	w := newWorld(t)
	u, _ := w.user("ana", map[string]core.Role{"*": core.Admin})
	text := w.token(u.ID, []string{"shop"}, core.MayAdmin, core.MayRead)
	for body, want := range map[string]int{
		`{"name":"x","verbs":["read"],"instances":["shop"]}`:   http.StatusCreated,
		`{"name":"x","verbs":["repair"],"instances":["shop"]}`: http.StatusForbidden,
		`{"name":"x","verbs":["read"],"instances":["other"]}`:  http.StatusForbidden,
		`{"name":"x","verbs":["read"]}`:                        http.StatusForbidden,
		`{"name":"x","verbs":["read"],"user_id":"somebody"}`:   http.StatusBadRequest,
	} {
		if rec := w.ask("POST", "/api/tokens", text, body); rec.Code != want {
			t.Errorf("%s: %d %s", body, rec.Code, rec.Body)
		}
	}
	rec := w.ask("POST", "/api/tokens", text, `{"name":"x","verbs":["read"],"instances":["shop"],"days":366}`)
	made, _ := decoded(t, rec)["token"].(map[string]any)
	if ends, err := time.Parse(time.RFC3339, fmt.Sprint(made["expires"])); err != nil || time.Until(ends) > 24*time.Hour {
		t.Errorf("a token of a day made one until %v: %d %v", ends, rec.Code, err)
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	u, _ := w.user("ana", map[string]core.Role{"*": core.Admin})
	cookie := core.NewID()
	must(t, w.a.Store.AddSession(t.Context(), store.Session{ID: access.Digest(cookie), UserID: u.ID, Kind: "cookie", Created: time.Now(), Expires: time.Now().Add(time.Hour)}, entryOf("login")))
	for name, tt := range map[string]struct {
		headers map[string]string
		want    int
	}{
		"from our own page":        {map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"from a script":            {nil, http.StatusOK},
		"from another site":        {map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"from a sibling":           {map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"from an old browser":      {map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		"from a page without name": {map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		r := httptest.NewRequest("PATCH", "/api/instances/shop", strings.NewReader(`{"name":"A name"}`))
		r.Header.Set("Content-Type", "application/json")
		r.AddCookie(&http.Cookie{Name: cookieName, Value: cookie})
		for k, v := range tt.headers {
			r.Header.Set(k, v)
		}
		if rec := w.send(r); rec.Code != tt.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
}
