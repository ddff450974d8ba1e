package ui

import (
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestFiguresForPrometheus does a little of everything and wants it counted, by
// routes and codes, and nothing to name an instance, a user or a secret.
func TestFiguresForPrometheus(t *testing.T) {
	w := newWorld(t)
	close(w.hold)
	ended := make(chan bool, 10)
	w.a.Diagnoses.Ended = w.a.Metrics.Diagnosis
	w.a.Changes.Ended = func(c *core.Change) { w.a.Metrics.Change(c); ended <- true }
	w.withPassword("ana")
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	w.ask("POST", "/api/instances/shop/run-diagnostics", login, "")
	w.ask("POST", "/api/instances/shop/safe-restart", login, "")
	<-ended
	w.logIn("/api/login", "192.0.2.1", "ana", "wrong password")
	w.ask("GET", "/api/instances/c4nary", login, "")
	w.ask("GET", "/nothing/c4nary", "", "")
	w.a.Metrics.Schedule(core.Schedule{Kind: core.ScheduleReport}, "ok")
	text := w.ask("GET", "/metrics", "", "").Body.String()
	for _, want := range []string{
		`basewright_diagnoses_total{status="unhealthy",trigger="manual"} 1`, `basewright_findings_total{code="PG-01"} 1`, `basewright_diagnosis_seconds_count 1`,
		`basewright_changes_total{state="committed"} 1`, `basewright_change_seconds_count 1`, `basewright_logins_total{outcome="wrong"} 1`,
		`basewright_schedule_runs_total{kind="report",outcome="ok"} 1`, `basewright_http_requests_total{method="POST",route="/api/instances/:id/run-diagnostics",status="200"} 1`,
		`basewright_http_requests_total{method="",route="none",status="404"} 1`, `basewright_http_seconds_count{route="/api/instances/:id"} 1`, `basewright_http_places{place="inside"}`,
		`basewright_http_shed_total 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, secret := range []string{canary, "c4nary", `"shop"`, `"ana"`} {
		if strings.Contains(text, secret) {
			t.Errorf("the figures name %s", secret)
		}
	}
}

// TestRequestsHaveIDs: each answer has one of its own, which a problem repeats and
// the client cannot choose.
func TestRequestsHaveIDs(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	seen := map[string]bool{}
	for _, path := range []string{"/api/instances", "/api/instances/ghost", "/healthz", "/nothing", "/"} {
		rec := w.ask("GET", path, login, "")
		id := rec.Header().Get("X-Request-Id")
		if !regexp.MustCompile(`^[A-Z2-7]{16}$`).MatchString(id) || seen[id] {
			t.Errorf("%s: the id is %q", path, id)
		}
		seen[id] = true
		if rec.Header().Get("Content-Type") == "application/problem+json" && decoded(t, rec)["request_id"] != id {
			t.Errorf("%s: the problem has another id", path)
		}
	}
}
