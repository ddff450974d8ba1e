package ui

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

var liveOf = regexp.MustCompile(`id="fleet-list" hx-get="([^"]*)"`)

// onFleet is the list at an address: where it asks for itself again, its rows, and
// whether it says that it would be another.
func (w *world) onFleet(login, path string) (live string, rows []string, moved bool) {
	w.t.Helper()
	text := w.ask("GET", path, login, "").Body.String()
	m := liveOf.FindStringSubmatch(text)
	if m == nil {
		w.t.Fatalf("%s has no list: %.300s", path, text)
	}
	for _, r := range rowOf.FindAllStringSubmatch(text, -1) {
		rows = append(rows, r[1])
	}
	return strings.ReplaceAll(m[1], "&amp;", "&"), rows, strings.Contains(text, "The list has changed")
}

// found stores another diagnosis of an instance.
func (w *world) found(instance string, s core.Status) {
	w.t.Helper()
	d := aDiagnosis(instance)
	d.Status = s
	must(w.t, w.a.Store.SaveDiagnosis(w.t.Context(), d))
}

// TestFleetStaysInOrder: a live list keeps its rows where they are, tells what is
// new in them, and says when it would be another; nobody's rows are got by naming
// them.
func TestFleetStaysInOrder(t *testing.T) {
	w := newWorld(t)
	fleetOf(w, 4)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	_, one := w.user("ana", map[string]core.Role{"customer-001": core.Viewer})
	live, before, moved := w.onFleet(login, "/?status=healthy&sort=worst")
	if want := []string{"customer-000", "customer-001", "customer-002"}; !slices.Equal(before, want) || moved {
		t.Fatalf("at first %q, moved: %v", before, moved)
	}
	if again, rows, moved := w.onFleet(login, live); again != live || !slices.Equal(rows, before) || moved {
		t.Errorf("where nothing happened: %q %q, moved: %v", again, rows, moved)
	}
	w.found("customer-001", core.Unhealthy)
	w.found("shop", core.Healthy)
	live, rows, moved := w.onFleet(login, live)
	if !slices.Equal(rows, append(before, "shop")) || !moved {
		t.Errorf("one is broken and one is new: %q, moved: %v", rows, moved)
	}
	if text := w.ask("GET", live, login, "").Body.String(); !strings.Contains(row(text, "customer-001"), "Unhealthy") || !strings.Contains(text, `href="/?sort=worst&amp;status=healthy">`) {
		t.Errorf("what is shown is old, or the way back is lost: %s", row(text, "customer-001"))
	}
	if _, rows, moved := w.onFleet(login, "/?status=healthy&sort=worst"); !slices.Equal(rows, []string{"customer-000", "customer-002", "shop"}) || moved {
		t.Errorf("asked for anew: %q, moved: %v", rows, moved)
	}
	must(t, w.a.Store.RemoveInstance(t.Context(), "customer-000", entryOf("instance.delete")))
	if _, rows, _ := w.onFleet(login, live); slices.Contains(rows, "customer-000") {
		t.Error("what was removed is still shown")
	}
	if _, rows, _ := w.onFleet(one, live); !slices.Equal(rows, []string{"customer-001"}) {
		t.Errorf("who may see one sees %q", rows)
	}
	w.found("customer-002", core.Unhealthy)
	_, rows, _ = w.onFleet(login, "/?group=status&rows=shop,customer-002,customer-001")
	if rows[0] != "customer-002" || rows[1] != "customer-001" {
		t.Errorf("in groups: %q", rows)
	}
}

// TestFleetMovesWhenAsked breaks an instance low on the page in a browser: its row
// stays where it is until somebody asks for the new order.
func TestFleetMovesWhenAsked(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 12)
	b := browse(t, w)
	b.login()
	b.listens()
	place := func() (n int) {
		b.eval(`[...document.querySelectorAll("[id^=row-]")].findIndex((row) => row.id === "row-customer-009")`, &n)
		return n
	}
	before := place()
	i, err := w.a.Store.Instance(t.Context(), "customer-009")
	must(t, err)
	_, err = w.a.Diagnoses.Run(t.Context(), i, core.Full, core.BySchedule)
	must(t, err)
	b.run(chromedp.WaitVisible("#row-customer-009 .status.unhealthy", chromedp.ByQuery), chromedp.WaitVisible(".moved a", chromedp.ByQuery))
	if after := place(); after != before {
		t.Errorf("the row went from %d to %d", before, after)
	}
	b.shot("fleet-moved")
	b.size(390, 844)
	b.fits("the list that has changed")
	b.shot("fleet-moved-phone")
	b.run(chromedp.Click(".moved a", chromedp.ByQuery), chromedp.WaitNotPresent(".moved a", chromedp.ByQuery), chromedp.WaitVisible("#row-customer-009", chromedp.ByQuery))
	if after := place(); after >= before {
		t.Errorf("asked for anew the row is at %d, before at %d", after, before)
	}
	if u, err := url.Parse(b.where()); err != nil || u.Query().Has("rows") {
		t.Errorf("the address is %s: %v", b.where(), err)
	}
	b.quiet()
}
