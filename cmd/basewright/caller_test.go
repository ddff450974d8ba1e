package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// caller asks a served agent as a script does. Every answer is held against the
// description that the agent gives of itself, and kept for the search for
// secrets.
type caller struct {
	*served
	t         *testing.T
	login     string
	paths     map[string]map[string]any // of the description, by path and method
	compiler  *jsonschema.Compiler
	compiling sync.Mutex
	heard     lockedBuffer // every answer, with its header
}

type answer = map[string]any

// newCaller logs in and reads the description.
func newCaller(t *testing.T, s *served) *caller {
	t.Helper()
	return callerAs(t, s, s.logIn())
}

// callerAs is one that logged in already, at an earlier start of the agent.
func callerAs(t *testing.T, s *served, login string) *caller {
	t.Helper()
	c := &caller{served: s, t: t, login: login, compiler: jsonschema.NewCompiler()}
	_, text := s.get("/api/openapi.json", "")
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.paths = map[string]map[string]any{}
	for path, item := range doc.(map[string]any)["paths"].(map[string]any) {
		c.paths[path] = item.(map[string]any)
	}
	if err := c.compiler.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// want asks, and wants a status and an answer as it is described.
func (c *caller) want(status int, method, path string, body any) answer {
	c.t.Helper()
	a, got, _ := c.try(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s: status %d, want %d: %v", method, path, got, status, a)
	}
	return a
}

// try asks and holds the answer against the description.
func (c *caller) try(method, path string, body any) (answer, int, http.Header) {
	c.t.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			c.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, &in)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.login)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := loadClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	fmt.Fprintf(&c.heard, "%s %s\n%v\n%s\n", method, path, resp.Header, out.Bytes())
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") && kind != "application/problem+json" {
		return nil, resp.StatusCode, resp.Header
	}
	c.described(method, path, resp, out.Bytes())
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		c.t.Fatalf("%s %s: %v: %s", method, path, err, out.Bytes())
	}
	return a, resp.StatusCode, resp.Header
}

// described wants an answer to be as the description has it.
func (c *caller) described(method, path string, resp *http.Response, body []byte) {
	c.t.Helper()
	route := c.route(method, path)
	if route == "" {
		c.t.Errorf("%s %s is not described", method, path)
		return
	}
	status := fmt.Sprint(resp.StatusCode)
	op := c.paths[route][strings.ToLower(method)].(map[string]any)
	if _, known := op["responses"].(map[string]any)[status]; !known {
		status = "default"
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	content, _ := at(op, "responses", status, "content").(map[string]any)
	if media, ok := content[kind].(map[string]any); content == nil || ok && media["schema"] == nil {
		return // no JSON of ours, such as the description itself
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	at := "api.json#" + (&url.URL{Path: "/paths/" + escape.Replace(route) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escape.Replace(kind) + "/schema"}).EscapedPath()
	c.compiling.Lock() // the compiler keeps what it compiled, and some ask at once
	schema, err := c.compiler.Compile(at)
	c.compiling.Unlock()
	if err != nil {
		c.t.Errorf("%s %s: %d %s is not described: %v", method, path, resp.StatusCode, kind, err)
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		c.t.Errorf("%s %s: the answer is not as described: %v\n%.400s", method, path, err, body)
	}
}

// route finds the described path that an address belongs to, the most literal
// one first.
func (c *caller) route(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	parts, best, literal := strings.Split(path, "/"), "", -1
	for p, item := range c.paths {
		have := strings.Split(p, "/")
		if item[strings.ToLower(method)] == nil || len(have) != len(parts) {
			continue
		}
		same := 0
		for i := range have {
			switch {
			case have[i] == parts[i]:
				same++
			case !strings.HasPrefix(have[i], "{"):
				same = -100
			}
		}
		if same > literal {
			best, literal = p, same
		}
	}
	return best
}

// ended follows a change until nothing more happens, and wants how it ends.
func (c *caller) ended(begun answer, state string) answer {
	c.t.Helper()
	id, _ := at(begun, "change", "id").(string)
	if begun["change_url"] != "/api/changes/"+id {
		c.t.Errorf("the change %q is at %v", id, begun["change_url"])
	}
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(300 * time.Millisecond) {
		a := c.want(http.StatusOK, "GET", "/api/changes/"+id, nil)
		switch now := at(a, "change", "state").(string); now {
		case state:
			return a
		case "committed", "rolled_back", "rollback_failed":
			c.t.Fatalf("change %s is %s, want %s: %v\n%v\n%s", id, now, state, at(a, "change", "reason"), a["journal"], c.out)
		}
	}
	c.t.Fatalf("change %s did not end", id)
	return nil
}

// at walks into an answer.
func at(v any, path ...any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

// has wants fields by the names that the contract fixes.
func (c *caller) has(what string, v any, fields ...string) {
	c.t.Helper()
	m, _ := v.(map[string]any)
	for _, f := range fields {
		if _, there := m[f]; !there {
			c.t.Errorf("%s has no field %s: %.300v", what, f, v)
		}
	}
}

// forms are the ways in which a secret may be written down.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	return slices.Compact([]string{secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))})
}

// noneOf wants no secret in any answer, nor in what the agent printed.
func (c *caller) noneOf(secrets map[string]string) {
	c.t.Helper()
	for where, text := range map[string]string{"an answer": c.heard.String(), "what the agent printed": c.out.String()} {
		for name, value := range secrets {
			for _, form := range forms(value) {
				if i := strings.Index(text, form); i >= 0 {
					c.t.Errorf("%s of .env stands in %s, after: …%.200s", name, where, text[max(0, i-300):i])
				}
			}
		}
	}
}
