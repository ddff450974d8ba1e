package ui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

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

func TestGroupsGiveRoles(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	w.withPassword("root")
	sso := i.at(w)
	sso.Roles = map[string]core.Role{"ops": core.Operator, "bosses": core.Admin}
	i.linked(w, nil)
	for _, step := range []struct {
		groups any
		status int
		role   core.Role
	}{
		{[]string{"cooks", "ops"}, http.StatusOK, core.Operator},
		{"cooks ops bosses", http.StatusOK, core.Admin},
		{[]any{"ops", 7}, http.StatusOK, core.Operator},
		{[]string{"cooks"}, http.StatusForbidden, ""},
		{nil, http.StatusForbidden, ""},
	} {
		i.claims["groups"] = step.groups
		rec := i.login(w)
		u, err := w.a.Store.UserBySubject(t.Context(), i.server.URL+"#4711")
		if rec.Code != step.status || err != nil || u.RoleOn("*") != step.role {
			t.Errorf("in %v: %d, %+v, %v", step.groups, rec.Code, u, err)
		}
	}
}
