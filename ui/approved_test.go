package ui

import (
	"net/http"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestApprovedByHash wants what changes much done only by the hash of a plan, and
// only where changing is allowed.
func TestApprovedByHash(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.SetInstance(t.Context(), "other", "Other", core.Observe, entryOf("instance.edit")))
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"a text without a hash":           {"PUT", "/api/instances/shop/config/file", `{"file":".env","text":"A=b"}`, http.StatusBadRequest, "plan_hash is missing"},
		"a text of no file":               {"POST", "/api/instances/shop/config/file/plan", `{"text":"A=b"}`, http.StatusBadRequest, `"file" is missing`},
		"a text where one only looks":     {"PUT", "/api/instances/other/config/file", `{"file":".env","text":"A=b","plan_hash":"x"}`, http.StatusForbidden, "only observed"},
		"a text that was approved":        {"PUT", "/api/instances/shop/config/file", `{"file":".env","text":"A=b","plan_hash":"x"}`, http.StatusAccepted, ""},
		"a clone without a hash":          {"POST", "/api/instances/shop/clone", `{"name":"Twin"}`, http.StatusBadRequest, "plan_hash is missing"},
		"an upgrade without a hash":       {"POST", "/api/instances/other/upgrade", `{"confirm":"other"}`, http.StatusBadRequest, "plan_hash is missing"},
		"an upgrade without a word":       {"POST", "/api/instances/other/upgrade", `{"plan_hash":"x"}`, http.StatusBadRequest, `"confirm" must be the instance's id, other`},
		"an upgrade that is undecided":    {"POST", "/api/instances/other/upgrade/plan", `{"to":"0.8.0"}`, http.StatusConflict, "changed the same: .env IMAGE_GOTRUE"},
		"an upgrade that is decided":      {"POST", "/api/instances/other/upgrade/plan", `{"to":"0.8.0","take":{".env":"ours"}}`, http.StatusOK, "nothing is changed; apply it"},
		"a clone with a field too many":   {"POST", "/api/instances/shop/clone/plan", `{"name":"Twin","of":"other"}`, http.StatusBadRequest, `unknown field "of"`},
		"a clone of what one only looks":  {"POST", "/api/instances/other/clone", `{"name":"Twin","plan_hash":"x"}`, http.StatusAccepted, ""},
		"a clone of what is not there":    {"POST", "/api/instances/ghost/clone/plan", `{"name":"Twin"}`, http.StatusNotFound, `there is no instance "ghost"`},
		"a text of what is not there":     {"POST", "/api/instances/ghost/config/file/plan", `{"file":".env","text":""}`, http.StatusNotFound, `there is no instance "ghost"`},
		"the plan of a clone, well asked": {"POST", "/api/instances/other/clone/plan", `{"name":"Twin","schema_only":true,"gateway_port":9000}`, http.StatusOK, "nothing is made or kept"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := w.ask(tt.method, tt.path, login, tt.body)
			answer := decoded(t, rec)
			said, _ := answer["error"].(string)
			if rec.Code == http.StatusOK {
				said, _ = answer["message"].(string)
			}
			if rec.Code != tt.status || !strings.Contains(said, tt.says) {
				t.Errorf("status %d, want %d with %q: %s", rec.Code, tt.status, tt.says, said)
			}
		})
	}
}

// TestUndecidedUpgrade lists what a person must decide, so that a program can ask.
func TestUndecidedUpgrade(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	_, login := w.user("root", map[string]core.Role{"shop": core.Admin})
	rec := w.ask("POST", "/api/instances/shop/upgrade/plan", login, `{"to":"0.8.0"}`)
	const want = `"conflicts":[{"file":".env","where":"IMAGE_GOTRUE","base":"gotrue:1","ours":"gotrue:2","theirs":"gotrue:3"}]`
	if rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), want) {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	if rec := w.ask("POST", "/api/instances/shop/upgrade", login, `{"to":"0.8.0","plan_hash":"x","confirm":"shop"}`); rec.Code != http.StatusAccepted {
		t.Errorf("the job: status %d: %s", rec.Code, rec.Body)
	}
}

// TestUndoIsOfferedWhereItCanBe: what cannot be undone is not said to be.
func TestUndoIsOfferedWhereItCanBe(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	for playbook, want := range map[string]bool{"restart-auth": true, "upgrade": false} {
		id := "done-by-" + playbook
		must(t, w.a.Store.SaveChange(t.Context(), core.Change{ID: id, Instance: "shop", State: core.Committed, Plan: core.Plan{Playbook: playbook}, Actor: "user:root"}, entryOf("change.apply")))
		if got := decoded(t, w.ask("GET", "/api/changes/"+id, login, "")); got["can_undo"] != want {
			t.Errorf("%s: can_undo is %v", playbook, got["can_undo"])
		}
	}
}
