package checks

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// asked is a stack whose services answer, each in its own way.
func asked(t *testing.T, answers map[core.Address]http.HandlerFunc, rows [][]string) core.Target {
	t.Helper()
	e := &coretest.Engine{Containers: coretest.Running(core.DB, core.Rest, core.Gateway, core.Studio), Ports: map[core.Address]func(net.Conn){},
		Databases: map[string]func(string) ([][]string, error){"postgres": func(string) ([][]string, error) { return rows, nil }}}
	for a, h := range answers {
		e.Ports[a] = coretest.HTTP(h)
	}
	o, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return core.Target{Observation: o, Inspector: e}
}

func TestOpenMCP(t *testing.T) {
	for status, want := range map[int][]string{200: {"SEC-14 gateway"}, 405: {"SEC-14 gateway"}, 401: nil, 403: nil, 404: nil, 503: nil} {
		expect(t, "security.mcp", asked(t, map[core.Address]http.HandlerFunc{{Service: core.Gateway, Port: 8000}: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
		}}, nil), want...)
	}
}

func TestOpenAPI(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   []string
	}{
		"PostgREST's description":   {200, `{"swagger":"2.0","paths":{}}`, []string{"SEC-09 gateway"}},
		"refused to the anon key":   {403, `{"message":"You cannot consume this service"}`, nil},
		"another thing answers 200": {200, `<html>hello</html>`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			target := asked(t, map[core.Address]http.HandlerFunc{{Service: core.Gateway, Port: 8000}: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/rest/v1/" || r.Header.Get("apikey") != "anon" {
					t.Errorf("asked for %s with the key %q", r.URL, r.Header.Get("apikey"))
				}
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
			}}, nil)
			target.Env.Vars = []core.EnvVar{{Key: "ANON_KEY", Value: "anon"}}
			expect(t, "rest.openapi", target, row.want...)
		})
	}
}

func TestSchemaCache(t *testing.T) {
	for name, row := range map[string]struct {
		rows   [][]string
		status int
		body   string
		want   []string
	}{
		"a table that is not served": {[][]string{{"new one"}}, 404, `{"code":"PGRST205"}`, []string{"REST-06 rest"}},
		"a table that is":            {[][]string{{"new one"}}, 200, `[]`, nil},
		"a key that is refused":      {[][]string{{"new one"}}, 401, `{"code":"PGRST301"}`, nil},
		"no table at all":            {nil, 404, `{"code":"PGRST205"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, "rest.cache", asked(t, map[core.Address]http.HandlerFunc{{Service: core.Rest, Port: 3000}: func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/new one" {
					t.Errorf("asked for %s", r.URL)
				}
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
			}}, row.rows), row.want...)
		})
	}
}

func TestHostMemoryAndNames(t *testing.T) {
	s := newScene(t)
	target := core.Target{Observation: s.o}
	expect(t, "host.memory", target)
	s.o.Host.MemoryTotal, s.o.Host.MemoryAvailable = 64*gib, 2*gib // 3 %, and enough
	expect(t, "host.memory", target)
	s.o.Host.MemoryTotal, s.o.Host.MemoryAvailable = 8*gib, gib/4
	expect(t, "host.memory", target, "HOST-01 host")
	expect(t, "host.names", target)
	s.logs(core.Auth, "dial tcp: lookup smtp.example.org on 127.0.0.11:53: server misbehaving")
	expect(t, "host.names", target)
	s.logs(core.Storage, "Error: getaddrinfo EAI_AGAIN s3.example.org")
	expect(t, "host.names", target, "HOST-02 host")
}
