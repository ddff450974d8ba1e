package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

// TestChangeThatMakesAnInstance is seen by those who may make one, while it has
// no instance yet and when it never got one.
func TestChangeThatMakesAnInstance(t *testing.T) {
	w := newWorld(t)
	must(t, w.a.Store.SaveChange(t.Context(), aChange("change-unborn", "unborn")))
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, viewer := w.user("ana", map[string]core.Role{"*": core.Operator})
	if rec := w.ask("GET", "/api/changes/change-unborn", root, ""); rec.Code != http.StatusOK {
		t.Errorf("who makes it: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("GET", "/api/changes/change-unborn", viewer, ""); rec.Code != http.StatusNotFound {
		t.Errorf("somebody else: %d", rec.Code)
	}
	if rec := w.ask("POST", "/api/changes/change-unborn/undo", root, ""); rec.Code != http.StatusNotFound {
		t.Errorf("undoing what never was: %d", rec.Code)
	}
}

// TestCreateByForm lists obstacles, begins without them, and hands the keys over
// once.
func TestCreateByForm(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	page := w.form("/new/check", login, url.Values{"name": {"shop"}, "smtp_password": {canary}}).Body.String()
	if !strings.Contains(page, "2 things are in the way") || strings.Contains(page, canary) {
		t.Errorf("the look: %s", page)
	}
	if page := w.form("/new", login, url.Values{"name": {"Fine"}, "gateway_port": {"eighty"}}).Body.String(); !strings.Contains(page, "eighty is not a number") {
		t.Errorf("a port in words: %s", page)
	}
	rec := w.form("/new", login, url.Values{"name": {"Fine"}})
	if rec.Code != 303 || !strings.HasPrefix(rec.Header().Get("Location"), "/changes/") {
		t.Fatalf("create: %d to %s", rec.Code, rec.Header().Get("Location"))
	}
	if rec := w.ask("GET", rec.Header().Get("Location"), login, ""); rec.Code != http.StatusOK {
		t.Errorf("its progress: %d", rec.Code)
	}
	if rec := w.form("/instances/shop/handover", login, nil); rec.Code != http.StatusBadRequest {
		t.Errorf("the keys of an adopted one: %d", rec.Code)
	}
	made := core.Instance{ID: "fresh", Name: "Fresh", Project: "fresh", Dir: "/srv/fresh", Origin: core.Created, Mode: core.Control}
	must(t, w.a.Store.AddInstance(t.Context(), made, entryOf("instance.register")))
	if rec := w.form("/instances/fresh/handover", login, nil); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "handed-fresh") {
		t.Errorf("the keys: %d", rec.Code)
	}
	if rec := w.form("/instances/fresh/handover", login, nil); rec.Code != http.StatusConflict || strings.Contains(rec.Body.String(), "handed-fresh") {
		t.Errorf("the keys once more: %d", rec.Code)
	}
	entries, err := w.a.Store.FindAudit(t.Context(), store.AuditQuery{Text: "handover"})
	must(t, err)
	if len(entries) != 1 || strings.Contains(entries[0].Detail, "handed") {
		t.Errorf("written down: %v", entries)
	}
}

// TestAdoptByForm adopts what was picked and nothing else.
func TestAdoptByForm(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	if page := w.ask("GET", "/adopt", login, "").Body.String(); !strings.Contains(page, `value="new-one" checked`) || strings.Contains(page, `value="shop"`) {
		t.Errorf("the choice: %s", page)
	}
	if rec := w.form("/adopt", login, nil); rec.Code != http.StatusBadRequest {
		t.Errorf("nothing picked: %d", rec.Code)
	}
	if rec := w.form("/adopt", login, url.Values{"project": {"new-one"}}); rec.Header().Get("Location") != "/instances/new-one?done=adopted" {
		t.Errorf("%d to %s", rec.Code, rec.Header().Get("Location"))
	}
	if i, err := w.a.Store.Instance(t.Context(), "new-one"); err != nil || i.Mode != core.Observe {
		t.Errorf("%v %v", i, err)
	}
}

// TestWhatIsAdoptedIsLookedAt: whoever adopts an instance, by the API or the form, need
// not ask for its first diagnosis, nor wait for the next when they do ask.
func TestWhatIsAdoptedIsLookedAt(t *testing.T) {
	for way, adopt := range map[string]func(*world, string) int{
		"the API": func(w *world, login string) int {
			return w.ask("POST", "/api/instances/adopt", login, `{"project":"new-one"}`).Code
		},
		"the form": func(w *world, login string) int {
			return w.form("/adopt", login, url.Values{"project": {"new-one"}}).Code
		},
	} {
		w := newWorld(t)
		_, login := w.user("root", map[string]core.Role{"*": core.Admin})
		kept := w.a.Hub.Subscribe("", func(e queue.Event) bool { return e.Kind == "diagnosis" })
		goOn := make(chan bool)
		w.look = func(i core.Instance) (*core.Diagnosis, error) {
			<-goOn
			return aDiagnosis(i.ID), nil
		}
		if code := adopt(w, login); code >= 400 { // answered while that look is not done
			t.Fatalf("by %s: %d", way, code)
		}
		if a := decoded(t, w.ask("GET", "/api/instances/new-one/last-diagnostic", login, "")); a["success"] != false || a["run_diagnostic_url"] != "/api/instances/new-one/run-diagnostics" {
			t.Errorf("by %s, before that look: %v", way, a)
		}
		close(goOn)
		select {
		case e := <-kept.Events:
			if d, err := w.a.Store.LastDiagnosis(t.Context(), "new-one"); e.Instance != "new-one" || err != nil || d.Mode != core.Full {
				t.Errorf("by %s: %+v of %s: %v", way, d, e.Instance, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("by %s: nothing looked at it", way)
		}
		if rec := w.ask("POST", "/api/instances/new-one/run-diagnostics", login, ""); rec.Code != http.StatusOK {
			t.Errorf("by %s: who asks is told %d", way, rec.Code)
		}
	}
}
