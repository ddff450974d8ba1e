package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

// withDrills gives the shop a snapshot of its database, and drills that go on
// until something is sent: what they find.
func withDrills(w *world) chan error {
	w.t.Helper()
	must(w.t, w.a.Store.SaveSnapshot(context.Background(), core.Snapshot{ID: "snap-data", Instance: "shop", Scope: core.DatabaseScope, Size: 48 << 20, Created: time.Now(),
		Reason: "manual: before the sale", Proof: core.Proof{Level: core.Readable, At: time.Now()}}))
	outcome := make(chan error)
	w.a.Works.DrillSnapshot = func(ctx context.Context, _ core.Instance, s core.Snapshot) (core.Snapshot, error) {
		select {
		case err := <-outcome:
			if err == nil {
				s.Proof = core.Proof{Level: core.Proven, At: time.Now(), RTO: core.Span(12400 * time.Millisecond), Detail: "2 databases, 900 rows, 14 roles came back in 12.4s"}
				err = w.a.Store.SaveSnapshot(ctx, s)
			}
			return s, err
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
	return outcome
}

// TestDrill tries a snapshot by API: who waits gets what it proved, nobody
// begins it twice, and what holds no database cannot be proven so.
func TestDrill(t *testing.T) {
	w := newWorld(t)
	outcome := withDrills(w)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	if rec := w.ask("POST", "/api/snapshots/snap-shop/verify?level=proven", login, ""); rec.Code != http.StatusBadRequest {
		t.Errorf("a snapshot without a database: %d", rec.Code)
	}
	if rec := w.form("/snapshots/snap-data/verify", login, url.Values{"level": {"drill"}}); rec.Code != http.StatusSeeOther {
		t.Fatalf("by form: %d %s", rec.Code, saidOf(rec))
	}
	if rec := w.ask("POST", "/api/snapshots/snap-data/verify?level=proven", login, ""); rec.Code != http.StatusConflict {
		t.Errorf("a second one: %d", rec.Code)
	}
	if page := w.ask("GET", "/instances/shop/snapshots", login, "").Body.String(); !strings.Contains(page, "Being restored") || !strings.Contains(page, "every 2s") {
		t.Error("the page does not tell of the drill")
	}
	outcome <- core.Errorf(core.Unreachable, "the image is gone")
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // its last word is in the audit log
		if under, _ := w.a.drills.state("snap-data"); !under {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the drill does not end")
		}
	}
	if page := w.ask("GET", "/instances/shop/snapshots", login, "").Body.String(); !strings.Contains(page, "the image is gone") {
		t.Error("the page does not say why the drill showed nothing")
	}
	go func() { outcome <- nil }()
	rec := w.ask("POST", "/api/snapshots/snap-data/verify?level=proven", login, "")
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `"rto_ms":12400`) {
		t.Errorf("the one that ends well: %d %s", rec.Code, rec.Body)
	}
	entries, err := w.a.Store.FindAudit(t.Context(), store.AuditQuery{Text: "snapshot.drill", Limit: 10})
	must(t, err)
	var said []string
	for _, e := range entries {
		said = append(said, e.Outcome)
	}
	if strings.Join(said, " ") != "ok intent failed intent" {
		t.Errorf("the audit log: %q", said)
	}
}

// TestDrillInABrowser presses the button, and sees the measured time come by
// itself.
func TestDrillInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	outcome := withDrills(w)
	b := browse(t, w)
	b.login()
	b.open("/instances/shop/snapshots")
	b.click(`#snapshot-snap-data button[value=drill]`, `#snapshot-snap-data .busy`)
	b.shot("snapshots-drilled")
	outcome <- nil
	b.run(chromedp.WaitVisible("#snapshot-snap-data .rto", chromedp.ByQuery))
	if text := b.text("#snapshot-snap-data"); !strings.Contains(text, "Restored in 12 s") || !strings.Contains(text, "Proven by a drill") {
		t.Errorf("it says %q", text)
	}
	b.shot("snapshots-proven")
	b.size(390, 844)
	b.open("/instances/shop/snapshots")
	b.shot("snapshots-proven-phone")
	b.fits("snapshots")
	b.size(1360, 900)
	b.open("/instances/shop/snapshots")
	b.click(`#snapshot-snap-data a[href^="/new"]`, ".wizard .notice")
	if text := b.text(".wizard .notice"); !strings.Contains(text, "Databases of shop") {
		t.Errorf("the form for a new instance says %q", text)
	}
	b.shot("create-from-snapshot")
	b.quiet()
}

// TestNewFromSnapshot sends the form for an instance with a snapshot's data.
func TestNewFromSnapshot(t *testing.T) {
	w := newWorld(t)
	withDrills(w)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	create, from := w.a.Works.Create, ""
	w.a.Works.Create = func(ctx context.Context, o CreateOrder, who string) (i core.Instance, j queue.Job, err error) {
		from = o.FromSnapshot
		return create(ctx, o, who)
	}
	if rec := w.ask("GET", "/new?from_snapshot=ghost", login, ""); rec.Code != http.StatusNotFound {
		t.Errorf("a snapshot that is not there: %d", rec.Code)
	}
	if rec := w.form("/new", login, url.Values{"name": {"Twin"}, "from_snapshot": {"snap-data"}}); rec.Code != http.StatusSeeOther || from != "snap-data" {
		t.Errorf("%d, from %q: %s", rec.Code, from, saidOf(rec))
	}
}

// TestCloneInABrowser goes from the instance to its clone: form, plan, change.
func TestCloneInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	var got CloneOrder
	clone := w.a.Works.Clone
	w.a.Works.Clone = func(ctx context.Context, i core.Instance, o CloneOrder, who string) (core.Instance, queue.Job, error) {
		got = o
		return clone(ctx, i, o, who)
	}
	w.a.Works.PlanClone = func(_ context.Context, i core.Instance, o CloneOrder) (core.Plan, error) {
		if o.Name == "taken" {
			return core.Plan{}, core.Errorf(core.Conflict, "there is an instance taken already")
		}
		p := core.Plan{Instance: "shop-test", Playbook: "create", Title: "Create shop-test", Risk: core.LowRisk, Actions: []core.Action{{Op: core.OpUp}}}
		return p, p.Seal()
	}
	b := browse(t, w)
	b.login()
	b.open("/instances/shop")
	b.click(`a[href="/instances/shop/clone"]`, "#name")
	b.shot("clone")
	b.run(chromedp.SendKeys("#name", "taken", chromedp.ByQuery))
	b.click("main form button.primary", ".problem")
	b.run(chromedp.SetValue("#name", "Shop test", chromedp.ByQuery), chromedp.SendKeys("#images", "mirror.example/supabase", chromedp.ByQuery), chromedp.Click("input[name=schema_only]", chromedp.ByQuery))
	b.click("main form button.primary", ".approve")
	b.shot("clone-plan")
	b.click(".approve button", ".verdict")
	if got.Name != "Shop test" || !got.SchemaOnly || got.PlanHash == "" || got.URL != "" || got.Images != "mirror.example/supabase" {
		t.Errorf("what was ordered: %+v", got)
	}
	close(w.hold)
	b.quiet()
}

// TestStopDrills: an agent that stops cancels the drills under way, waits until what
// they made is removed, and begins no other. Who waited for one is told.
func TestStopDrills(t *testing.T) {
	w := newWorld(t)
	withDrills(w)
	begun, removed := make(chan bool), false
	drill := w.a.Works.DrillSnapshot
	w.a.Works.DrillSnapshot = func(ctx context.Context, i core.Instance, s core.Snapshot) (core.Snapshot, error) {
		close(begun)
		s, err := drill(ctx, i, s)
		removed = true
		return s, err
	}
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() { answered <- w.ask("POST", "/api/snapshots/snap-data/verify?level=proven", login, "") }()
	<-begun
	if !w.a.StopDrills(time.Minute) || !removed {
		t.Error("it did not wait for what the drill made to be removed")
	}
	if rec := <-answered; rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "Basewright is stopping") {
		t.Errorf("who waited is told: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("POST", "/api/snapshots/snap-data/verify?level=proven", login, ""); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("a drill that begins while it stops: %d %s", rec.Code, rec.Body)
	}
}
