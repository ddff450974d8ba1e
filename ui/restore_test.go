package ui

import (
	"net/http"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestRestoreIsConfirmed: only whoever names the instance restores a snapshot, and
// only into one that may be changed and that nothing is under way on.
func TestRestoreIsConfirmed(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	ask := func(want int, body, says string) {
		t.Helper()
		rec := w.ask("POST", "/api/snapshots/snap-shop/restore", login, body)
		if rec.Code != want || !strings.Contains(rec.Body.String(), says) {
			t.Errorf("%s: %d, want %d with %q: %s", body, rec.Code, want, says, rec.Body)
		}
	}
	ask(http.StatusBadRequest, `{}`, "shop")
	ask(http.StatusBadRequest, `{"confirm":"other"}`, "shop")
	ask(http.StatusBadRequest, `{"confirm":"shop","into":"x"}`, "unknown field")
	ask(http.StatusAccepted, `{"confirm":"shop"}`, "change_url")
	ask(http.StatusConflict, `{"confirm":"shop"}`, "is under way on shop")
	close(w.hold)
	w.a.Changes.Close(1 << 40)
	must(t, w.a.Store.SetInstance(t.Context(), "shop", "Shop", core.Observe, entryOf("instance.edit")))
	ask(http.StatusForbidden, `{"confirm":"shop"}`, "only observed")
}
