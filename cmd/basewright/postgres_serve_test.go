package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basewright/basewright/core/coretest"
)

// TestServeOnPostgreSQL runs the program with its state in a PostgreSQL server:
// a real project is adopted and diagnosed, by hand and by a schedule; the agent
// is killed while it writes; and after a restart nothing is lost.
func TestServeOnPostgreSQL(t *testing.T) {
	t.Parallel()
	p := newSpeaker(t, "onpg")
	p.say("db", p.dir, 1, "2026-11-21 21:34:37.429 UTC [30] LOG:  quiet")
	p.say("auth", p.dir, 1, `{"level":"info","msg":"quiet"}`)
	p.say("rest", p.dir, 1, "quiet")
	database := "BASEWRIGHT_DATABASE=" + coretest.Postgres(t)
	data := filepath.Join(t.TempDir(), "data")
	s := startServe(t, data, database).ready()
	token := s.logIn()
	s.answers(token, "POST", "/api/instances/adopt", fmt.Sprintf(`{"project":%q}`, p.project), http.StatusCreated, p.project)
	s.answers(token, "POST", "/api/instances/"+p.project+"/run-diagnostics", "", http.StatusOK, `"status":"unhealthy"`)
	s.answers(token, "POST", "/api/schedules", fmt.Sprintf(`{"instance_id":%q,"kind":"diagnose","spec":"* * * * *","zone":"UTC"}`, p.project), http.StatusCreated, `"next"`)
	s.wait(4*time.Minute, func() bool { return ran(s, token) }) // the next minute of a clock, on a slow machine
	if _, history := s.get("/api/instances/"+p.project+"/diagnostic-history", token); !strings.Contains(history, `"trigger":"schedule"`) || !strings.Contains(history, `"trigger":"manual"`) {
		t.Errorf("the history: %.500s", history)
	}
	var made sync.Map
	confirmed := s.writing(token, &made)
	s.wait(4*time.Minute, func() bool { return confirmed.Load() > 50 })
	s.kill() // SIGKILL, in the middle
	again := startServe(t, data, database).ready()
	if n := verified(t, again, token); n < confirmed.Load() {
		t.Errorf("%d writes were confirmed, the audit log has %d entries", confirmed.Load(), n)
	}
	wantLogged(t, again, token, &made)
	again.answers(token, "GET", "/api/instances/"+p.project+"/last-diagnostic", "", http.StatusOK, `"success":true`)
	again.stop()
	out, code := p.run("basewright", []string{database, "BASEWRIGHT_DATA=" + data}, "audit", "verify")
	if code != exitOK || !strings.Contains(out, "unbroken") {
		t.Errorf("audit verify: %d %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(data, "basewright.db")); !os.IsNotExist(err) {
		t.Errorf("there is a file of SQLite, too: %v", err)
	}
}

// answers asks, and wants a status and a text in the answer.
func (s *served) answers(token, method, path, body string, status int, has string) {
	s.t.Helper()
	code, answer, err := s.ask(method, path, token, body)
	if err != nil || code != status || !strings.Contains(answer, has) {
		s.t.Fatalf("%s %s: %d %v %.600s", method, path, code, err, answer)
	}
}

// ran reports whether a schedule has run.
func ran(s *served, token string) bool {
	_, body := s.get("/api/schedules", token)
	var out struct {
		Schedules []struct{ Kind, Outcome string }
	}
	if json.Unmarshal([]byte(body), &out) != nil {
		return false
	}
	for _, x := range out.Schedules {
		if x.Kind == "diagnose" && x.Outcome != "" {
			if x.Outcome != "ok" {
				s.t.Errorf("the schedule ended with %s: %s", x.Outcome, body)
			}
			return true
		}
	}
	return false
}

// writing makes tokens until the agent is gone, and counts those that it
// confirmed.
func (s *served) writing(token string, made *sync.Map) *atomic.Int64 {
	var confirmed, next atomic.Int64
	for range 20 {
		go func() {
			for {
				i := next.Add(1)
				code, _, err := s.ask("POST", "/api/tokens", token, fmt.Sprintf(`{"name":%q,"verbs":["read"],"days":1}`, tokenName(i)))
				if err != nil {
					return
				}
				if code == http.StatusCreated {
					made.Store(tokenName(i), true)
					confirmed.Add(1)
				}
			}
		}()
	}
	return &confirmed
}
