package ui

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestOnlyRoutesAnswer asks addresses and methods that are no routes, those of the
// parts of routes among them, as somebody who may little: nothing answers but
// refusals.
func TestOnlyRoutesAnswer(t *testing.T) {
	w := newWorld(t)
	_, viewer := w.user("vic", map[string]core.Role{"shop": core.Viewer})
	parts := []string{"", "api", "instances", "shop", "other", "..", "%2e%2e", "plugins", "containers", "json", "v1.47", "_ping", "static", "debug", "pprof", "changes", "users", "config", "logs", "admin", "*", "~", ".env"}
	asked := 0
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
		for _, a := range parts {
			for _, b := range parts {
				for _, c := range []string{"", "/logs", "//x", "/%00", "/;a=b", "/./", "/exec", "/json"} {
					path := "/" + a + "/" + b + c
					if u, err := url.Parse(path); err != nil || u.Host != "" || routed(method, u.Path) {
						continue
					}
					asked++
					rec := w.ask(method, path, viewer, "")
					if rec.Code < http.StatusBadRequest {
						t.Errorf("%s %s: %d to %q", method, path, rec.Code, rec.Header().Get("Location"))
					}
				}
			}
		}
	}
	if asked < 10_000 {
		t.Errorf("only %d were asked", asked)
	}
}

// routed reports whether a route of the API or the panel takes an address.
func routed(method, path string) bool {
	parts := strings.Split(path, "/")
	for _, r := range everyRoute() {
		own := strings.Split(r.path, "/")
		fits := (r.method == method || method == "HEAD" && r.headed()) && len(own) == len(parts)
		for i := range own {
			fits = fits && (own[i] == parts[i] || strings.HasPrefix(own[i], ":") && parts[i] != "")
		}
		if fits {
			return true
		}
	}
	return false
}

// TestWhatABodyNamesIsAskedFor: who may something on one instance names another in
// the body, or what belongs to it, and is told that it is not there.
func TestWhatABodyNamesIsAskedFor(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	u, login := w.user("op", map[string]core.Role{"shop": core.Operator})
	for _, ask := range []struct{ method, path, body string }{
		{"POST", "/api/schedules", `{"instance_id":"other","kind":"diagnose","spec":"@daily"}`},
		{"PUT", "/api/schedules/sched-shop", `{"instance_id":"other","kind":"diagnose","spec":"@daily"}`},
		{"PUT", "/api/schedules/sched-other", `{"instance_id":"shop","kind":"diagnose","spec":"@daily"}`},
		{"POST", "/api/maintenance", `{"instance_id":"other","minutes":5}`},
		{"GET", "/api/events?instance=other", ""},
		{"GET", "/api/quarantine?instance=other", ""},
	} {
		rec := w.ask(ask.method, ask.path, login, ask.body)
		if rec.Code == http.StatusOK && ask.method == "GET" && !strings.Contains(rec.Body.String(), "aside-other") {
			continue // nothing of it
		}
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s %s %s: %d %s", ask.method, ask.path, ask.body, rec.Code, rec.Body)
		}
	}
	kept, err := w.a.Store.Schedule(t.Context(), "sched-shop")
	must(t, err)
	if windows, err := w.a.Store.Windows(t.Context(), time.Now()); err != nil || len(windows) != 2 || kept.Instance != "shop" {
		t.Errorf("%d windows; the schedule is of %s: %v", len(windows), kept.Instance, err)
	}
	script := w.ask("POST", "/api/tokens", login, `{"name":"x","verbs":["read"],"instances":["other"]}`)
	if script.Code == http.StatusCreated {
		text := decoded(t, script)["text"].(string)
		if rec := w.ask("GET", "/api/instances/other", text, ""); rec.Code != http.StatusNotFound {
			t.Errorf("a token that names another instance sees it: %d, of %s", rec.Code, u.Name)
		}
	}
}
