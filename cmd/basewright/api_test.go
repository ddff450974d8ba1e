package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// stackCaller speaks with an agent about a stack that it serves.
type stackCaller struct {
	*caller
	p     *person
	stack string
	base  string // address of the stack's routes
}

// TestAPI is the whole of the API on a real stack: each answer is as described
// and has the names of the contract, what is done is done, and no answer holds a
// secret of the stack.
func TestAPI(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	secrets := w.secrets(t, stack)
	s := startServe(t, p.data).ready()
	c := &stackCaller{newCaller(t, s), p, stack, "/api/instances/" + stack}
	events := c.listen()

	c.adopts()
	c.diagnoses()
	c.readsLogs()
	c.signsUp()
	c.isOnlyObserved()
	c.want(http.StatusOK, "PATCH", c.base, answer{"mode": "control"})
	c.repairs()
	c.configures(secrets)
	c.editsFile(secrets)
	c.audits()
	c.clones()
	c.snapshots()
	c.powers()
	c.reports()
	c.crawls()
	if text := events(); !strings.Contains(text, "event: change") || !strings.Contains(text, `"committed"`) || !strings.Contains(text, "event: diagnosis") {
		t.Errorf("the events were:\n%s", text)
	}
	s.stop()
	c.noneOf(secrets)
	p.noSecrets(secrets)
}

// listen reads the events until the returned function is called.
func (c *stackCaller) listen() func() string {
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	resp := c.open(ctx, "/api/events")
	var text lockedBuffer
	var done sync.WaitGroup
	done.Go(func() {
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			line := append(in.Bytes(), '\n')
			_, _ = text.Write(line)
			_, _ = c.heard.Write(line)
		}
	})
	return func() string {
		cancel()
		done.Wait()
		resp.Body.Close()
		return text.String()
	}
}

// open opens a stream.
func (c *stackCaller) open(ctx context.Context, path string) *http.Response {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.login)
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("%s: %d %v", path, resp.StatusCode, resp.Header)
	}
	return resp
}

// adopts finds the stack and takes it on.
func (c *stackCaller) adopts() {
	c.t.Helper()
	if a := c.want(http.StatusOK, "GET", "/readyz", nil); a["status"] != "ready" || at(a, "parts", "engine") != "ok" {
		c.t.Errorf("readyz: %v", a)
	}
	mine := func(a answer) any {
		list, _ := a["instances"].([]any)
		i := slices.IndexFunc(list, func(v any) bool { return at(v, "project") == c.stack })
		return at(any(list), max(i, 0))
	}
	if found := mine(c.want(http.StatusOK, "GET", "/api/discover", nil)); at(found, "adopted") != false {
		c.t.Fatalf("discovered: %v", found)
	}
	c.want(http.StatusNotFound, "GET", c.base, nil)
	c.want(http.StatusNotFound, "POST", "/api/instances/adopt", answer{"project": "no-such-project"})
	i := c.want(http.StatusCreated, "POST", "/api/instances/adopt", answer{"project": c.stack, "name": "The shop"})["instance"]
	if at(i, "id") != c.stack || at(i, "origin") != "adopted" || at(i, "mode") != "observe" || at(i, "name") != "The shop" {
		c.t.Errorf("adopted: %v", i)
	}
	c.want(http.StatusConflict, "POST", "/api/instances/adopt", answer{"project": c.stack})
	if found := mine(c.want(http.StatusOK, "GET", "/api/discover", nil)); at(found, "adopted") != true {
		c.t.Errorf("discovered again: %v", found)
	}
	c.wait(time.Minute, func() bool { // for its first diagnosis, for which nobody asks
		a := c.want(http.StatusOK, "GET", c.base+"/last-diagnostic", nil)
		if a["success"] == false && a["run_diagnostic_url"] != c.base+"/run-diagnostics" {
			c.t.Errorf("without a diagnosis: %v", a)
		}
		return a["success"] == true
	})
}

// categories are those that the contract names.
var categories = []string{"container_status", "service_health", "database_connection", "api_endpoints", "auth_service", "disk_usage",
	"network_connectivity", "configuration", "isolation"}

// diagnoses asks three times at once, then too soon, then for each category.
func (c *stackCaller) diagnoses() {
	c.t.Helper()
	ids := make([]any, 3)
	var all sync.WaitGroup
	for n := range ids {
		all.Go(func() {
			a, _, _ := c.try("POST", c.base+"/run-diagnostics", nil)
			ids[n] = at(a, "diagnostic", "id")
		})
	}
	all.Wait()
	if ids[0] == nil || ids[0] != ids[1] || ids[1] != ids[2] {
		c.t.Fatalf("three who asked at once got %v", ids)
	}
	a, status, header := c.try("POST", c.base+"/run-diagnostics", nil)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || a["last_diagnostic_url"] != c.base+"/last-diagnostic" || a["error"] != a["detail"] {
		c.t.Errorf("too soon: %d %v %v", status, header, a)
	}
	last := c.want(http.StatusOK, "GET", c.base+"/last-diagnostic", nil)
	d := last["diagnostic"]
	c.has("a diagnosis", d, "id", "instance_id", "timestamp", "duration_ms", "mode", "trigger", "status", "results", "findings", "root_causes")
	if at(d, "id") != ids[0] || at(d, "status") != "healthy" || at(d, "trigger") != "manual" || at(d, "mode") != "full" || at(d, "instance_id") != c.stack {
		c.t.Errorf("the last diagnosis: %v", d)
	}
	for _, category := range categories {
		c.has("the result of "+category, at(d, "results", category), "healthy", "status", "issues", "duration_ms")
		a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/"+category, nil)
		if at(a, "result", "healthy") != true || a["category"] != category {
			c.t.Errorf("%s alone: %v", category, a)
		}
	}
	if a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/auth", nil); a["category"] != "auth_service" {
		c.t.Errorf("auth is %v", a["category"])
	}
	c.want(http.StatusNotFound, "GET", c.base+"/diagnostics/everything", nil)
	health := c.want(http.StatusOK, "GET", "/api/instances/check-all-health", nil)
	c.has("check-all-health", health, "success", "timestamp", "total_instances", "results")
	line := at(health, "results", 0)
	c.has("a line of check-all-health", line, "instance_id", "instance_name", "healthy", "status", "issues")
	if health["total_instances"] != 1.0 || at(line, "healthy") != true || at(line, "instance_name") != "The shop" {
		c.t.Errorf("check-all-health: %v", health)
	}
}

// readsLogs reads lines, and follows them.
func (c *stackCaller) readsLogs() {
	c.t.Helper()
	for _, path := range []string{"/logs?service=auth&range=1h", "/diagnostic-logs?services=auth,db&level=info&range=1h"} {
		a := c.want(http.StatusOK, "GET", c.base+path, nil)
		c.has("the logs", a, "success", "logs", "summary")
		c.has("their summary", a["summary"], "total_entries", "error_count", "warning_count")
		c.has("a line", at(a, "logs", 0), "ts", "service", "level", "message", "fields", "code")
		list, _ := a["logs"].([]any)
		if float64(len(list)) != at(a, "summary", "total_entries") || slices.ContainsFunc(list, func(v any) bool { return at(v, "service") != "auth" && at(v, "service") != "db" }) {
			c.t.Errorf("%s: %d lines, %v", path, len(list), a["summary"])
		}
	}
	c.want(http.StatusBadRequest, "GET", c.base+"/logs?level=loud", nil)
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	resp := c.open(ctx, c.base+"/logs/stream?service=auth")
	defer resp.Body.Close()
	for in := bufio.NewScanner(resp.Body); in.Scan(); {
		_, _ = c.heard.Write(in.Bytes())
		if data, found := bytes.CutPrefix(in.Bytes(), []byte("data: ")); found {
			var line answer
			if err := json.Unmarshal(data, &line); err != nil || line["service"] != "auth" {
				c.t.Errorf("the stream says %s: %v", data, err)
			}
			return
		}
	}
	c.t.Error("the stream has no lines")
}

// signsUp runs the probe, which leaves nobody behind.
func (c *stackCaller) signsUp() {
	c.t.Helper()
	count := func() string {
		return c.p.sql(c.t, c.stack, "select count(*), md5(coalesce(string_agg(id::text, ',' order by id), '')) from auth.users;")
	}
	before := count()
	a := c.want(http.StatusOK, "POST", c.base+"/test/user-creation", nil)
	steps, _ := a["steps"].([]any)
	if a["healthy"] != true || len(steps) < 4 || slices.ContainsFunc(steps, func(v any) bool { return at(v, "status") != "ok" && at(v, "step") != "mail" }) {
		c.t.Errorf("the probe: %v", a)
	}
	if now := count(); now != before {
		c.t.Errorf("users were %s, are %s", before, now)
	}
}

// isOnlyObserved wants everything refused that would change the stack, by the
// API and by the terminal.
func (c *stackCaller) isOnlyObserved() {
	c.t.Helper()
	t := c.t
	c.want(http.StatusOK, "PATCH", c.base, answer{"mode": "control"})
	snapshot := at(c.want(http.StatusCreated, "POST", c.base+"/snapshots", answer{"scope": "config"}), "snapshot", "id").(string)
	c.want(http.StatusOK, "PATCH", c.base, answer{"mode": "observe"})
	before := c.p.state(t, c.stack)
	for path, body := range map[string]answer{"start": nil, "stop": nil, "safe-restart": nil, "snapshots": {"scope": "config"}, "repairs": {"playbook": "restart-auth", "plan_hash": "x"}} {
		var in any
		if body != nil {
			in = body
		}
		if a := c.want(http.StatusForbidden, "POST", c.base+"/"+path, in); !strings.Contains(a["error"].(string), "only observed") {
			t.Errorf("%s: %v", path, a)
		}
	}
	c.want(http.StatusForbidden, "PUT", c.base+"/config", answer{"field": "DISABLE_SIGNUP", "value": "true"})
	for _, args := range [][]string{
		{"repair", c.stack, "restart-auth", "--yes"}, {"config", c.stack, "set", "DISABLE_SIGNUP=true", "--yes"},
		{"config", c.stack, "unset", "DISABLE_SIGNUP", "--yes"}, {"snapshot", "restore", snapshot, "--yes"}, {"snapshot", "create", c.stack},
	} {
		if out := c.p.basewright(exitFound, args...); !strings.Contains(out, "observe") {
			t.Errorf("%q of what is only observed says %s", args, out)
		}
	}
	if d := difference(before, c.p.state(t, c.stack)); d != "" {
		t.Errorf("what is only observed was changed: %s", d)
	}
}
