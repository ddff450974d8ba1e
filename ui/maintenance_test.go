package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
)

// TestSchedulesByForm adds a schedule of each kind that the form offers, and
// switches one off and on again with all else as it was.
func TestSchedulesByForm(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	for _, kind := range scheduleKinds {
		if rec := w.form("/instances/shop/schedules", login, url.Values{"kind": {kind}, "spec": {"30 3 * * *"}, "zone": {"America/Sao_Paulo"}}); rec.Code != http.StatusSeeOther {
			t.Errorf("%s: %d %s", kind, rec.Code, rec.Body)
		}
	}
	all, err := w.a.Store.Schedules(t.Context())
	must(t, err)
	var full core.Schedule
	for _, s := range all {
		if s.Scope == core.FullScope {
			full = s
		}
	}
	if full.ID == "" || len(all) != 2+len(scheduleKinds) {
		t.Fatalf("%d schedules: %+v", len(all), all)
	}
	for _, enabled := range []string{"no", "yes"} {
		if rec := w.form("/schedules/"+full.ID+"/turn", login, url.Values{"enabled": {enabled}}); rec.Code != http.StatusSeeOther {
			t.Errorf("%d %s", rec.Code, saidOf(rec))
		}
		s, err := w.a.Store.Schedule(t.Context(), full.ID)
		must(t, err)
		if s.Enabled != (enabled == "yes") || s.Scope != core.FullScope || s.Zone != full.Zone || s.Spec != full.Spec {
			t.Errorf("%s: %+v", enabled, s)
		}
	}
	if rec := w.form("/instances/shop/schedules", login, url.Values{"kind": {"restore-drill"}, "spec": {"every day"}}); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), `value="restore-drill" selected`) {
		t.Errorf("a schedule that was refused: %d", rec.Code)
	}
}

// TestSchedulesOfAllByForm lets only who may on every instance have schedules of all,
// and of Basewright itself, and keeps how late they may be.
func TestSchedulesOfAllByForm(t *testing.T) {
	for name, tt := range map[string]struct {
		grants map[string]core.Role
		offers string // whether the form has every instance, and the state's backup
		want   int    // of a diagnosis of all, and of a backup of the state
		backup int
	}{
		"an operator of one": {map[string]core.Role{"shop": core.Operator}, "false false", http.StatusForbidden, http.StatusForbidden},
		"an admin of one":    {map[string]core.Role{"shop": core.Admin}, "false false", http.StatusForbidden, http.StatusForbidden},
		"an operator of all": {map[string]core.Role{"*": core.Operator}, "true false", http.StatusSeeOther, http.StatusForbidden},
		"an admin of all":    {map[string]core.Role{"*": core.Admin}, "true true", http.StatusSeeOther, http.StatusSeeOther},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, login := w.user("op", tt.grants)
			page := w.ask(http.MethodGet, "/instances/shop/schedules", login, "").Body.String()
			if got := fmt.Sprint(strings.Contains(page, `value="*"`), strings.Contains(page, `value="state-backup"`)); got != tt.offers {
				t.Errorf("the form offers %s, want %s", got, tt.offers)
			}
			send := func(kind, instance, late string, want int) {
				t.Helper()
				rec := w.form("/instances/shop/schedules", login, url.Values{"kind": {kind}, "instance": {instance}, "spec": {"30 3 * * *"}, "jitter": {late}})
				if rec.Code != want {
					t.Errorf("%s of %s: %d, want %d: %s", kind, instance, rec.Code, want, saidOf(rec))
				}
			}
			send("diagnose.quick", "*", "90", tt.want)
			send("state-backup", "shop", "", tt.backup)
			var got []string
			all, err := w.a.Store.Schedules(t.Context())
			must(t, err)
			for _, s := range all {
				if !strings.HasPrefix(s.ID, "sched-") {
					got = append(got, fmt.Sprintf("%s %s %s %d", s.Kind, s.Mode, s.Instance, s.Jitter))
				}
			}
			slices.Sort(got)
			var want []string
			if tt.want == http.StatusSeeOther {
				want = append(want, "diagnose quick * 90")
			}
			if tt.backup == http.StatusSeeOther {
				want = append(want, "state-backup  * 0")
			}
			if !slices.Equal(got, want) {
				t.Errorf("there are %q, want %q", got, want)
			}
		})
	}
}

// TestRefusedScheduleIsKept wants all that was typed on the page that says what is
// wrong with it.
func TestRefusedScheduleIsKept(t *testing.T) {
	w := newWorld(t)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	for late, why := range map[string]string{"4000": "the jitter is from 0 to 3600 seconds", "soon": "is not a number", "-5": "is not a number"} {
		rec := w.form("/instances/shop/schedules", root, url.Values{"kind": {"snapshot.full"}, "instance": {"*"}, "spec": {"1 2 3 * *"}, "zone": {"Europe/Lisbon"}, "jitter": {late}})
		page := rec.Body.String()
		if rec.Code != http.StatusBadRequest || !strings.Contains(page, why) {
			t.Errorf("%s: %d, without %q", late, rec.Code, why)
		}
		for _, kept := range []string{`value="snapshot.full" selected`, `value="*" selected`, `value="1 2 3 * *"`, `value="Europe/Lisbon"`} {
			if !strings.Contains(page, kept) {
				t.Errorf("%s: %s is lost", late, kept)
			}
		}
	}
}

// TestWindowsByForm begins a window now, one later, and refuses what is none.
func TestWindowsByForm(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	later := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Minute)
	for name, tt := range map[string]struct {
		values url.Values
		want   int
	}{
		"now":                {url.Values{"minutes": {"60"}, "reason": {"new disk"}}, http.StatusSeeOther},
		"in two days":        {url.Values{"minutes": {"120"}, "begins": {later.Format(formTime)}}, http.StatusSeeOther},
		"in the past":        {url.Values{"minutes": {"30"}, "begins": {"2020-01-01T00:00"}}, http.StatusBadRequest},
		"for no time":        {url.Values{"minutes": {"0"}}, http.StatusBadRequest},
		"at no moment":       {url.Values{"minutes": {"30"}, "begins": {"soon"}}, http.StatusBadRequest},
		"with a long reason": {url.Values{"minutes": {"30"}, "reason": {strings.Repeat("x", 81)}}, http.StatusBadRequest},
	} {
		rec := w.form("/instances/shop/maintenance", login, tt.values)
		if rec.Code != tt.want || (tt.want == http.StatusBadRequest) != strings.Contains(rec.Body.String(), `class="problem"`) {
			t.Errorf("%s: %d %s", name, rec.Code, saidOf(rec))
		}
	}
	windows, err := w.a.windowsFor(t, "shop")
	must(t, err)
	if len(windows) != 3 || !windows[2].Begins.Equal(later) || windows[2].Ends.Sub(later) != 2*time.Hour || windows[2].Actor != "user:op" {
		t.Errorf("%+v", windows)
	}
}

// windowsFor are the windows of an instance that are open or to come.
func (a *Agent) windowsFor(t *testing.T, instance string) ([]core.Window, error) {
	c := &call{Agent: a, ctx: t.Context()}
	return c.windowsOf(instance)
}

// TestMaintenanceInABrowser begins a window, sees it at the head of the
// instance, and ends it.
func TestMaintenanceInABrowser(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	must(t, w.a.Store.EndWindow(t.Context(), "window-shop", entryOf("maintenance.end")))
	b := browse(t, w)
	b.login()
	b.open("/instances/shop/schedules")
	b.run(chromedp.SendKeys("#why", "new disk", chromedp.ByQuery))
	b.click("#maintenance .primary", ".windows li")
	if text := b.text(".head .since") + b.text(".windows"); !strings.Contains(text, "nothing happens by itself until") || !strings.Contains(text, "new disk") || !strings.Contains(text, "user:ana") {
		t.Errorf("it says %q", text)
	}
	b.shot("maintenance")
	b.run(chromedp.SetValue("#instance", "*", chromedp.ByQuery), chromedp.SetValue("#jitter", "120", chromedp.ByQuery))
	b.click(`form[action$="/schedules"] .primary`, ".list tbody tr:nth-child(2)")
	if text := b.text(".list"); !strings.Contains(text, "Every instance") || !strings.Contains(text, "at most 120 seconds later") {
		t.Errorf("the schedules are %q", text)
	}
	b.dress("dark")
	b.shot("schedules-of-all")
	b.size(390, 844)
	b.open("/instances/shop/schedules")
	b.shot("maintenance-phone")
	b.fits("maintenance")
	b.run(chromedp.Click(".windows button", chromedp.ByQuery), chromedp.WaitNotPresent(".windows", chromedp.ByQuery), chromedp.WaitNotPresent(".head .since", chromedp.ByQuery))
	b.quiet()
}
