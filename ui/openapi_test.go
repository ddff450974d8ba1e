package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/basewright/basewright/core"
)

func TestEveryRouteIsDescribed(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary   string
			Responses map[string]any
			Security  []any
		}
		Components struct{ Schemas map[string]any }
	}
	rec := w.ask("GET", "/api/openapi.json", "", "")
	must(t, json.Unmarshal(rec.Body.Bytes(), &doc))
	if doc.OpenAPI != "3.1.0" || len(doc.Components.Schemas) < 20 {
		t.Errorf("%s with %d schemas", doc.OpenAPI, len(doc.Components.Schemas))
	}
	for _, r := range routes {
		op, found := doc.Paths[parameter.ReplaceAllString(r.path, "{$1}")][strings.ToLower(r.method)]
		switch {
		case !found || op.Summary == "":
			t.Errorf("%s %s is not described", r.method, r.path)
		case op.Responses[strconv.Itoa(r.status)] == nil || op.Responses["default"] == nil:
			t.Errorf("%s %s: its answers are not described", r.method, r.path)
		case (r.on == everybody) != (len(op.Security) == 0):
			t.Errorf("%s %s: whether it needs a login is not described", r.method, r.path)
		}
	}
	if strings.Contains(rec.Body.String(), `"$ref": ""`) {
		t.Error("an empty reference")
	}
}

// TestTheDescriptionIsOpenAPI holds the document to what the OpenAPI Initiative
// says of 3.1, and every schema in it to JSON Schema.
func TestTheDescriptionIsOpenAPI(t *testing.T) {
	law, err := os.Open("testdata/openapi-3.1.schema.json")
	must(t, err)
	defer law.Close()
	schema, err := jsonschema.UnmarshalJSON(law)
	must(t, err)
	doc, err := jsonschema.UnmarshalJSON(newWorld(t).ask("GET", "/api/openapi.json", "", "").Body)
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("law.json", schema))
	must(t, compiler.AddResource("api.json", doc))
	is31, err := compiler.Compile("law.json")
	must(t, err)
	if err := is31.Validate(doc); err != nil {
		t.Errorf("%#v", err)
	}
	for name := range doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := compiler.Compile("api.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// good are requests that succeed, at least one for each route with an answer
// that is described. Order matters: what removes comes last.
var good = []struct{ method, path, body string }{
	{"GET", "/api/instances/other/last-diagnostic", ""},
	{"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/api/me", ""},
	{"GET", "/api/instances", ""}, {"GET", "/api/discover", ""}, {"POST", "/api/instances/adopt", `{"project":"new-one","name":"Neu"}`},
	{"GET", "/api/instances/check-all-health", ""}, {"GET", "/api/instances/shop", ""}, {"PATCH", "/api/instances/shop", `{"name":"Laden","mode":"control"}`}, {"PATCH", "/api/instances/shop", `{"tags":["paid"]}`},
	{"POST", "/api/instances/shop/run-diagnostics?mode=deep", ""}, {"GET", "/api/instances/other/run-diagnostics", ""},
	{"GET", "/api/instances/shop/last-diagnostic", ""}, {"GET", "/api/instances/shop/diagnostics/auth", ""},
	{"GET", "/api/instances/shop/diagnostic-history?limit=5", ""}, {"GET", "/api/instances/shop/health-report?days=3", ""}, {"GET", "/api/health-report?days=3", ""},
	{"POST", "/api/instances/shop/test/user-creation", ""}, {"GET", "/api/instances/shop/logs?range=1h&level=error&service=auth", ""},
	{"GET", "/api/instances/shop/diagnostic-logs?services=auth,db", ""},
	{"GET", "/api/quarantine?instance=shop", ""}, {"POST", "/api/quarantine/aside-shop/restore", ""}, {"POST", "/api/quarantine/aside-shop/purge", `{"confirm":"aside-shop"}`},
	{"POST", "/api/instances/shop/repairs/plan", `{"playbook":"restart-auth"}`}, {"POST", "/api/instances/shop/repairs", `{"playbook":"restart-auth","plan_hash":"x"}`},
	{"POST", "/api/instances/other/rotate/plan", `{"what":"api-keys"}`},
	{"PATCH", "/api/instances/new-one", `{"mode":"control"}`}, {"POST", "/api/instances/other/start", ""}, {"POST", "/api/instances/new-one/stop", ""},
	{"POST", "/api/instances", `{"name":"Fresh"}`}, {"GET", "/api/instances/shop/config", ""}, {"PUT", "/api/instances/shop/config", `{"field":"name","value":"Laden"}`},
	{"GET", "/api/instances/shop/upgrade", ""}, {"POST", "/api/instances/shop/upgrade/rehearsal", `{"to":"0.8.1","plan_hash":"x"}`}, {"GET", "/api/instances/shop/upgrade/rehearsal", ""},
	{"GET", "/api/instances/audit", ""}, {"POST", "/api/instances/new-one/upgrade/plan", `{"take":{".env SITE_URL":"ours"}}`},
	{"POST", "/api/instances/new-one/clone/plan", `{"name":"Twin","schema_only":true}`}, {"POST", "/api/instances/new-one/clone", `{"name":"Twin","plan_hash":"x"}`},
	{"POST", "/api/instances/shop/config/file/plan", `{"file":".env","text":"A=b\n"}`},
	{"GET", "/api/instances/shop/changes", ""}, {"GET", "/api/changes/change-shop", ""},
	{"GET", "/api/instances/shop/snapshots", ""}, {"POST", "/api/instances/shop/snapshots", `{"scope":"database","reason":"before the sale"}`},
	{"POST", "/api/snapshots/snap-shop/verify", ""}, {"POST", "/api/snapshots/snap-shop/restore/plan", `{"only":["config"]}`},
	{"GET", "/api/schedules", ""}, {"POST", "/api/schedules", `{"instance_id":"shop","kind":"diagnose","spec":"*/5 * * * *","zone":"America/Sao_Paulo","mode":"quick"}`},
	{"PUT", "/api/schedules/sched-shop", `{"instance_id":"*","kind":"state-backup","spec":"@daily","enabled":false}`}, {"GET", "/api/instances/shop/schedule-config?interval=6h", ""},
	{"POST", "/api/maintenance", `{"instance_id":"shop","minutes":30,"reason":"new disk"}`}, {"GET", "/api/maintenance", ""}, {"DELETE", "/api/maintenance/WINDOW", ""},
	{"GET", "/api/playbooks", ""}, {"PUT", "/api/playbooks/my-book", `{"source":"return {}"}`}, {"POST", "/api/playbooks/check", `{"source":"wrong"}`}, {"GET", "/api/checks", ""},
	{"GET", "/api/audit?limit=3", ""}, {"GET", "/api/audit/verify", ""},
	{"GET", "/api/users", ""}, {"POST", "/api/users", `{"name":"bob","password":"a long enough one","grants":{"shop":"viewer"}}`},
	{"PATCH", "/api/users/BOB", `{"disabled":true,"password":"another long one"}`}, {"PUT", "/api/users/BOB/grants/shop", `{"role":"operator"}`}, {"DELETE", "/api/users/BOB/grants/shop", ""},
	{"DELETE", "/api/users/BOB", ""},
	{"GET", "/api/tokens?all=1", ""}, {"POST", "/api/tokens", `{"name":"cron","verbs":["diagnose"],"instances":["shop"],"days":30}`}, {"DELETE", "/api/tokens/TOKEN", ""},
	{"DELETE", "/api/schedules/sched-shop", ""},
}

// described compiles what the served document says of a route's answer.
func described(t *testing.T, doc any) func(r *route) (*jsonschema.Schema, error) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("api.json", doc))
	inPointer := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	return func(r *route) (*jsonschema.Schema, error) {
		path := inPointer.Replace(parameter.ReplaceAllString(r.path, "{$1}"))
		return compiler.Compile(fmt.Sprintf("api.json#/paths/%s/%s/responses/%d/content/application~1json/schema", path, strings.ToLower(r.method), r.status))
	}
}

// TestAnswersAreAsDescribed validates what every route answers against the
// OpenAPI document as it is served.
func TestAnswersAreAsDescribed(t *testing.T) {
	w := newWorld(t)
	_, login := w.user("root", map[string]core.Role{"*": core.Admin})
	doc, err := jsonschema.UnmarshalJSON(w.ask("GET", "/api/openapi.json", "", "").Body)
	must(t, err)
	schemaOf := described(t, doc)
	seen, ids := map[string]bool{}, map[string]string{}
	ask := func(method, path, body string) {
		for name, id := range ids {
			path = strings.ReplaceAll(path, name, id)
		}
		rec := w.ask(method, path, login, body)
		r := routeOf(method, path)
		if r == nil || rec.Code != r.status {
			t.Errorf("%s %s: status %d: %s", method, path, rec.Code, rec.Body)
			return
		}
		seen[r.method+" "+r.path] = true
		schema, err := schemaOf(r)
		must(t, err)
		answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Body.Bytes()))
		must(t, err)
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		}
		got := decoded(t, rec)
		if method == "GET" && path == "/api/instances/other/last-diagnostic" && (got["success"] != false || got["run_diagnostic_url"] == nil) {
			t.Errorf("without a diagnosis: %v", got)
		}
		if u, ok := got["user"].(map[string]any); ok && method == "POST" {
			ids["BOB"] = u["id"].(string)
		}
		if v, ok := got["window"].(map[string]any); ok {
			ids["WINDOW"] = v["id"].(string)
		}
		if k, ok := got["token"].(map[string]any); ok {
			ids["TOKEN"] = k["id"].(string)
		}
	}
	for _, g := range good {
		ask(g.method, g.path, g.body)
	}
	close(w.hold)
	w.a.Changes.Close(1 << 40)
	elsewhere := []string{ // asked by tests of their own
		"POST /api/snapshots/:sid/restore", "POST /api/instances/:id/rotate", "POST /api/instances/:id/safe-restart",
		"POST /api/changes/:cid/undo", "DELETE /api/instances/:id", "PUT /api/instances/:id/config/file", "POST /api/instances/:id/upgrade",
	}
	for _, r := range routes {
		if r.out == nil || seen[r.method+" "+r.path] || r.path == "/api/login" || r.path == "/api/session" || r.path == "/api/logout" || strings.HasPrefix(r.path, "/api/me/") {
			continue // those of logins have tests of their own
		}
		if !slices.Contains(elsewhere, r.method+" "+r.path) {
			t.Errorf("%s %s was not asked", r.method, r.path)
		}
	}
}

// routeOf finds the route that a path belongs to, the most literal one first.
func routeOf(method, path string) *route {
	path, _, _ = strings.Cut(path, "?")
	for i := range routes {
		if routes[i].method == method && routes[i].path == path {
			return &routes[i]
		}
	}
	for i := range routes {
		a, b := strings.Split(routes[i].path, "/"), strings.Split(path, "/")
		same := routes[i].method == method && len(a) == len(b)
		for n := range a {
			same = same && (a[n] == b[n] || strings.HasPrefix(a[n], ":"))
		}
		if same {
			return &routes[i]
		}
	}
	return nil
}
