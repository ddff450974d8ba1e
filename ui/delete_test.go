package ui

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestDeleteOverTheAPI deletes an instance that Basewright created: the answer is
// a change, which outlives the instance for those who see all; its data moves only
// when the instance is named once more.
func TestDeleteOverTheAPI(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	ctx := context.Background()
	made := core.Instance{ID: "made", Name: "Made", Project: "made", Origin: core.Created, Mode: core.Control}
	must(t, w.a.Store.AddInstance(ctx, made, entryOf("instance.register")))
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, other := w.user("other", map[string]core.Role{"shop": core.Admin})

	for _, query := range []string{"?data=quarantine", "?data=quarantine&confirm=shop", "?data=gone"} {
		if rec := w.ask("DELETE", "/api/instances/made"+query, root, ""); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	if rec := w.ask("DELETE", "/api/instances/made", other, ""); rec.Code != http.StatusNotFound {
		t.Errorf("somebody else: %d", rec.Code)
	}
	rec := w.ask("DELETE", "/api/instances/made?data=quarantine&confirm=made", root, "")
	if rec.Code != http.StatusAccepted || !strings.HasPrefix(rec.Header().Get("Location"), "/api/changes/") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.a.Changes.Close(1 << 40)

	c := aChange("the-deletion", "made")
	c.Plan.Actions = []core.Action{{Op: core.OpRemove}, {Op: core.OpUnregister}}
	must(t, w.a.Store.SaveChange(ctx, c))
	for login, want := range map[string]int{root: http.StatusOK, other: http.StatusNotFound} {
		if rec := w.ask("GET", "/api/changes/the-deletion", login, ""); rec.Code != want {
			t.Errorf("the receipt of a deletion: %d, want %d", rec.Code, want)
		}
		if rec := w.ask("GET", "/api/instances/made", login, ""); rec.Code != http.StatusNotFound {
			t.Errorf("the deleted instance: %d", rec.Code)
		}
	}
}
