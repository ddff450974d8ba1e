package main

import (
	"bytes"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// repairs has a fault found, planned for, mended, and the mending undone.
func (c *stackCaller) repairs() {
	c.t.Helper()
	t := c.t
	c.p.lab("break", c.stack, "GW-07")
	if a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/containers", nil); at(a, "result", "healthy") != false {
		t.Errorf("with auth stopped: %v", a)
	}
	a := c.want(http.StatusOK, "POST", c.base+"/test/user-creation", nil)
	if steps := a["steps"].([]any); a["healthy"] != false || !slices.ContainsFunc(steps, func(v any) bool { return at(v, "step") == "auth" && at(v, "status") == "failed" }) {
		t.Errorf("the probe with auth stopped: %v", a)
	}
	order := answer{"finding": "SVC-02"}
	plan := c.want(http.StatusOK, "POST", c.base+"/repairs/plan", order)["plan"]
	c.has("a plan", plan, "plan_hash", "actions", "diff", "risk", "downtime_ms", "snapshot", "claims", "basis")
	c.want(http.StatusBadRequest, "POST", c.base+"/repairs", order)
	c.want(http.StatusConflict, "POST", c.base+"/repairs", answer{"finding": "SVC-02", "plan_hash": strings.Repeat("0", 64)})
	order["plan_hash"] = at(plan, "plan_hash")
	begun, status, header := c.try("POST", c.base+"/repairs", order)
	id, _ := at(begun, "change", "id").(string)
	if status != http.StatusAccepted || header.Get("Location") != "/api/changes/"+id {
		t.Fatalf("the repair: %d %v", status, begun)
	}
	if p := c.want(http.StatusConflict, "POST", c.base+"/stop", nil); p["change_id"] != id {
		t.Errorf("while it is repaired: %v", p)
	}
	done := c.ended(begun, "committed")
	receipt := done["change"]
	if !slices.Contains(at(receipt, "before", "root_causes").([]any), any("SVC-02")) || at(receipt, "after", "status") != "healthy" ||
		at(receipt, "actor") != "user:admin" || at(receipt, "snapshot") == nil || done["can_undo"] != true || len(done["journal"].([]any)) < 4 {
		t.Errorf("the receipt: %v", done)
	}
	if d := c.want(http.StatusOK, "GET", c.base+"/last-diagnostic", nil)["diagnostic"]; at(d, "trigger") != "verify" || at(d, "status") != "healthy" {
		t.Errorf("after the repair the last diagnosis is %v of %v", at(d, "status"), at(d, "trigger"))
	}
	c.ended(c.want(http.StatusAccepted, "POST", "/api/changes/"+id+"/undo", nil), "committed")
	if a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/container_status", nil); at(a, "result", "healthy") != false {
		t.Errorf("with the repair undone: %v", a["result"])
	}
	c.p.lab("mend", c.stack, "GW-07")
	list := c.want(http.StatusOK, "GET", c.base+"/changes", nil)["changes"].([]any)
	if len(list) != 2 || at(list[1], "id") != id {
		t.Errorf("the changes: %v", list)
	}
}

// configures edits a setting in both forms, and one that does not work.
func (c *stackCaller) configures(secrets map[string]string) {
	c.t.Helper()
	t := c.t
	env := filepath.Join(c.p.folder(c.stack), ".env")
	original := c.p.file(env)
	c.has("a setting", at(c.want(http.StatusOK, "GET", c.base+"/config", nil), "settings", 0), "key", "value", "set", "type", "services")
	c.want(http.StatusBadRequest, "PUT", c.base+"/config", answer{"field": "DISABLE_SINGUP", "value": "true"})
	c.want(http.StatusBadRequest, "PUT", c.base+"/config", answer{})
	first := c.want(http.StatusOK, "PUT", c.base+"/config", answer{"field": "DISABLE_SIGNUP", "value": "true"})
	if c.p.setting(env, "DISABLE_SIGNUP") != "true" || at(first, "change", "state") != "committed" {
		t.Errorf("the edit: %v", first)
	}
	secrets["new DASHBOARD_PASSWORD"] = "an0ther-pl4nted+dashboard/password"
	second := c.want(http.StatusOK, "PUT", c.base+"/config", answer{"changes": answer{"DISABLE_SIGNUP": "false", "dashboard_password": secrets["new DASHBOARD_PASSWORD"]}})
	if c.p.setting(env, "DASHBOARD_PASSWORD") != secrets["new DASHBOARD_PASSWORD"] {
		t.Errorf("the edit of two: %v", second)
	}
	before := c.p.file(env)
	bad := c.want(http.StatusConflict, "PUT", c.base+"/config", answer{"field": "KONG_HTTP_PORT", "value": c.p.otherPort(c.stack)})
	if text := bad["error"].(string); !strings.Contains(text, "rolled_back") || !strings.Contains(text, "port") {
		t.Errorf("a port that is taken: %v", bad)
	}
	if !bytes.Equal(before, c.p.file(env)) {
		t.Error("the .env is not what it was before the edit that failed")
	}
	for _, a := range []answer{second, first} {
		c.ended(c.want(http.StatusAccepted, "POST", at(a, "change_url").(string)+"/undo", nil), "committed")
	}
	if !bytes.Equal(original, c.p.file(env)) {
		t.Error("undone, the .env is not what it was")
	}
	c.want(http.StatusOK, "PUT", c.base+"/config", answer{"field": "name", "value": "Laden"})
}

// snapshots takes one and reads it back.
func (c *stackCaller) snapshots() {
	c.t.Helper()
	t := c.t
	s := c.want(http.StatusCreated, "POST", c.base+"/snapshots", answer{"scope": "database", "reason": "before the sale"})["snapshot"]
	id := at(s, "id").(string)
	if at(s, "scope") != "database" || at(s, "size").(float64) < 1000 || at(s, "reason") != "manual: before the sale" {
		t.Errorf("the snapshot: %v", s)
	}
	v := c.want(http.StatusOK, "POST", "/api/snapshots/"+id+"/verify", nil)
	if at(v, "snapshot", "proof", "level") != "readable" {
		t.Errorf("verified: %v", v)
	}
	list := c.want(http.StatusOK, "GET", c.base+"/snapshots", nil)["snapshots"].([]any)
	if !slices.ContainsFunc(list, func(v any) bool { return at(v, "id") == id }) {
		t.Errorf("the list has not %s: %v", id, list)
	}
	c.want(http.StatusNotFound, "POST", "/api/snapshots/none/verify", nil)
}

// powers stops and starts the stack, and restarts it when there is time.
func (c *stackCaller) powers() {
	c.t.Helper()
	t := c.t
	before := c.p.containers(c.stack)
	c.ended(c.want(http.StatusAccepted, "POST", c.base+"/stop", nil), "committed")
	if a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/container_status", nil); at(a, "result", "healthy") != false {
		t.Errorf("stopped: %v", a["result"])
	}
	c.ended(c.want(http.StatusAccepted, "POST", c.base+"/start", nil), "committed")
	if a := c.want(http.StatusOK, "GET", c.base+"/diagnostics/api_endpoints", nil); at(a, "result", "healthy") != true {
		t.Errorf("started: %v", a)
	}
	for service, id := range c.p.containers(c.stack) {
		if before[service] != id {
			t.Errorf("%s was made anew by a stop and a start", service)
		}
	}
	if inAll.now() {
		c.ended(c.want(http.StatusAccepted, "POST", c.base+"/safe-restart", nil), "committed")
	}
	if !slices.Contains([]string{"healthy"}, at(c.want(http.StatusOK, "GET", c.base+"/last-diagnostic", nil), "diagnostic", "status").(string)) {
		t.Error("at the end it is not healthy")
	}
}

// reports reads what is kept of all this.
func (c *stackCaller) reports() {
	c.t.Helper()
	t := c.t
	h := c.want(http.StatusOK, "GET", c.base+"/diagnostic-history?limit=50", nil)
	if list := h["diagnostics"].([]any); len(list) < 5 || h["total"] != float64(len(list)) {
		t.Errorf("the history has %v", h["total"])
	}
	r := c.want(http.StatusOK, "GET", c.base+"/health-report?days=7", nil)
	c.has("the report", r, "health_trend", "most_common_issues", "uptime_percentage", "total_diagnostics", "repairs", "unproven_snapshots")
	takenBack := 1.0
	if inAll.now() {
		takenBack++
	}
	if up, _ := r["uptime_percentage"].(float64); up <= 0 || up > 100 || at(r, "repairs", "committed").(float64) < 5 || at(r, "repairs", "rolled_back") != takenBack {
		t.Errorf("the report: %v", r)
	}
	for _, interval := range []string{"1h", "6h", "12h", "24h"} {
		a := c.want(http.StatusOK, "GET", c.base+"/schedule-config?interval="+interval, nil)
		if text, _ := a["crontab"].(string); !strings.Contains(text, c.url+c.base+"/run-diagnostics") || !strings.Contains(text, "YOUR_TOKEN") {
			t.Errorf("the crontab: %v", a)
		}
	}
	entries := c.want(http.StatusOK, "GET", "/api/audit?limit=1000", nil)["entries"].([]any)
	for _, action := range []string{"user.add", "login", "instance.adopt", "instance.edit", "probe.signup", "snapshot.take", "change.apply", "change.end"} {
		if !slices.ContainsFunc(entries, func(v any) bool { return at(v, "action") == action }) {
			t.Errorf("the audit log has no %s", action)
		}
	}
	if v := c.want(http.StatusOK, "GET", "/api/audit/verify", nil); v["success"] != true || v["entries"].(float64) < float64(len(entries)) {
		t.Errorf("audit verify: %v", v)
	}
}

// crawls asks every address that is described and only reads.
func (c *stackCaller) crawls() {
	c.t.Helper()
	fill := strings.NewReplacer("{id}", c.stack, "{category}", string(core.Isolation), "{pid}", "restart-auth", "{cid}",
		at(c.want(http.StatusOK, "GET", c.base+"/changes", nil), "changes", 0, "id").(string))
	for path, item := range c.paths {
		address := fill.Replace(path)
		if item["get"] == nil || strings.HasSuffix(path, "/stream") || strings.HasSuffix(path, "/events") {
			continue
		}
		if strings.Contains(address, "{") {
			c.t.Errorf("%s was not asked", path)
			continue
		}
		a, status, _ := c.try("GET", address, nil)
		adopted := strings.HasSuffix(path, "/upgrade") && status == http.StatusConflict // its files are not ours to merge
		if status >= 400 && status != http.StatusTooManyRequests && !adopted {
			c.t.Errorf("GET %s: %d %v", address, status, a)
		}
	}
}
