package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

var (
	rowOf  = regexp.MustCompile(`id="row-([a-z0-9-]+)"`)
	headOf = regexp.MustCompile(`(?s)scope="rowgroup"[^>]*>(.*?)</th>`)
	markup = regexp.MustCompile(`(?s)<[^>]*>`)
)

// TestFleetIsGrouped asks for the list as somebody without JavaScript does: what
// is searched, filtered, sorted and grouped stands in the address, and every
// link keeps the rest of it.
func TestFleetIsGrouped(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	fleetOf(w, 12)
	w.a.Host = "rack-1"
	ask := func(path string) (text string, rows, groups []string) {
		rec := w.ask("GET", path, login, "")
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, rec.Code)
		}
		text = rec.Body.String()
		for _, m := range rowOf.FindAllStringSubmatch(text, -1) {
			rows = append(rows, m[1])
		}
		for _, m := range headOf.FindAllStringSubmatch(text, -1) {
			groups = append(groups, strings.Join(strings.Fields(markup.ReplaceAllString(m[1], "")), " "))
		}
		return text, rows, groups
	}
	for path, want := range map[string]string{
		"/":                      "",
		"/?group=tag":            "eu 4, trial 4, Without a tag 6",
		"/?group=host":           "rack-1 14",
		"/?group=release":        "2026.10 12, Release unknown 2",
		"/?group=status":         "Unhealthy 2, Degraded 1, Unknown 2, Healthy 9",
		"/?group=tag&tag=paid":   "eu 4",
		"/?group=tag&q=trial+00": "trial 3",
		"/?group=nonsense":       "",
	} {
		if _, _, groups := ask(path); strings.Join(groups, ", ") != want {
			t.Errorf("%s: %q, want %q", path, groups, want)
		}
	}
	if _, rows, _ := ask("/?group=tag&sort=name"); rows[0] != "customer-000" || rows[4] != "customer-001" || rows[13] != "shop" {
		t.Errorf("within the groups the order is %q", rows)
	}
	text, _, _ := ask("/?q=customer&group=tag&sort=name&page=1&tag=paid")
	if !strings.Contains(text, "/?group=tag&amp;q=customer&amp;sort=name&amp;status=healthy&amp;tag=paid") {
		t.Error("the link to one status forgets the rest")
	}
}

// TestThousandInstances pages through a thousand instances in groups: each page
// is bounded, every instance is on one of them, once. What the server takes is
// said, and not judged.
func TestThousandInstances(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a store; left out by -short")
	}
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	for i := range 1000 {
		id := fmt.Sprintf("i-%04d", i)
		must(t, w.a.Store.AddInstance(t.Context(), core.Instance{ID: id, Name: id, Project: id, Origin: core.Adopted, Mode: core.Control, Tags: tagged[i%3]}, entryOf("instance.adopt")))
		d := aDiagnosis(id)
		d.Timestamp = time.Now().Add(-time.Duration(i) * time.Minute)
		must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	}
	seen, best := map[string]int{}, time.Hour
	for page := 1; page <= 21; page++ {
		r := httptest.NewRequest("GET", fmt.Sprintf("/?group=tag&sort=name&page=%d", page), nil)
		r.Header.Set("Authorization", "Bearer "+login)
		start := time.Now()
		rec := w.send(r)
		best = min(best, time.Since(start))
		rows := rowOf.FindAllStringSubmatch(rec.Body.String(), -1)
		if len(rows) > fleetPage || rec.Body.Len() > 150<<10 {
			t.Errorf("page %d has %d rows and %d bytes before it is compressed", page, len(rows), rec.Body.Len())
		}
		for _, m := range rows {
			seen[m[1]]++
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is on %d pages", id, n)
		}
	}
	if len(seen) != 1002 {
		t.Errorf("%d instances are on the pages", len(seen))
	}
	t.Logf("1,000 instances in groups: a page takes %s of the server", best)
}

// TestTagsAreWritten gives an instance tags in the panel, and refuses what is
// none.
func TestTagsAreWritten(t *testing.T) {
	w := newWorld(t)
	_, admin := w.user("boss", map[string]core.Role{"shop": core.Admin})
	for text, want := range map[string]string{"EU, paid  eu": "eu paid", "": "", "<b>": "?"} {
		rec := w.form("/instances/shop/edit", admin, url.Values{"tags": {text}})
		if want == "?" {
			if rec.Code != http.StatusBadRequest {
				t.Errorf("%q: %d", text, rec.Code)
			}
			continue
		}
		i, err := w.a.Store.Instance(t.Context(), "shop")
		must(t, err)
		if rec.Code != http.StatusSeeOther || strings.Join(i.Tags, " ") != want || i.Name != "Shop" || i.Mode != core.Control {
			t.Errorf("%q: %d, %+v", text, rec.Code, i)
		}
	}
}

// TestFleetInABrowser groups and filters without a new page, and finds the same
// again after a reload.
func TestFleetInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 12)
	b := browse(t, w)
	b.login()
	b.eval(`window.stays = true`, nil)
	choose := func(name, value string) chromedp.Action {
		return chromedp.Evaluate(fmt.Sprintf(`(() => { const s = document.querySelector("select[name=%s]"); s.value = %q; s.dispatchEvent(new Event("change", { bubbles: true })); })()`, name, value), nil)
	}
	b.run(choose("group", "tag"), chromedp.WaitVisible(".group", chromedp.ByQuery))
	b.shot("fleet-groups")
	b.run(choose("tag", "trial"), chromedp.WaitNotPresent("#row-customer-000", chromedp.ByQuery))
	var stays bool
	var at string
	b.eval(`Boolean(window.stays)`, &stays)
	b.eval(`location.search`, &at)
	if q, err := url.ParseQuery(strings.TrimPrefix(at, "?")); err != nil || !stays || q.Get("group") != "tag" || q.Get("tag") != "trial" {
		t.Errorf("the address says %q, on the same page: %v", at, stays)
	}
	b.open("/" + at)
	var groups, rows int
	b.eval(`document.querySelectorAll(".group").length`, &groups)
	b.eval(`document.querySelectorAll("[id^=row-]").length`, &rows)
	if groups != 1 || rows != 4 {
		t.Errorf("after a reload: %d groups of %d rows", groups, rows)
	}
	b.size(390, 844)
	b.open("/?group=tag")
	b.shot("fleet-groups-phone")
	b.fits("groups")
	b.quiet()
}

// TestFirstRunOffersEachWayOnce opens the list while there is nothing in it.
func TestFirstRunOffersEachWayOnce(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	for _, i := range shopOf {
		must(t, w.a.Store.RemoveInstance(t.Context(), i.ID, entryOf("instance.forget")))
	}
	text := w.ask("GET", "/", login, "").Body.String()
	if !strings.Contains(text, `class="guide"`) {
		t.Fatal("there is no guide")
	}
	for _, way := range []string{"/adopt", "/new"} {
		if n := strings.Count(text, `class="button" href="`+way) + strings.Count(text, `class="button primary" href="`+way); n != 1 {
			t.Errorf("%s is offered %d times", way, n)
		}
	}
}
