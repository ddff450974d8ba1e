package checks

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/supabase"
)

// says answers everything alike.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// tenants is realtime: it knows one tenant, by the first label of Host, and
// wants the key where clients send it.
func tenants(known string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, _, _ := strings.Cut(r.Host, ".")
		switch {
		case r.URL.Path != "/socket/websocket" || r.URL.Query().Get("apikey") == "":
			w.WriteHeader(http.StatusForbidden)
		case tenant != known:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error":"Tenant not found"}`)
		default:
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	}
}

// routed is a healthy scene whose gateway sends one path to one handler, and
// whose services answer for themselves.
func routed(t *testing.T, path string, behind http.HandlerFunc, itself map[core.Address]http.HandlerFunc) *scene {
	t.Helper()
	s := newScene(t)
	s.files["volumes/api/kong.yml"] = "services:\n  - url: http://realtime-dev.supabase-realtime:4000/socket\n"
	e := &coretest.Engine{Containers: coretest.Running(core.Services...), Ports: map[core.Address]func(net.Conn){}}
	e.Ports[core.Address{Service: core.Gateway, Port: 8000}] = coretest.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inside, ok := strings.CutPrefix(r.URL.Path, path); ok {
			r.URL.Path, r.Host = inside, "realtime-dev.supabase-realtime:4000"
			behind(w, r)
		}
	}))
	for a, h := range itself {
		e.Ports[a] = coretest.HTTP(h)
	}
	s.Inspector = e
	return s
}

func TestMisrouted(t *testing.T) {
	rt, notFound := core.Address{Service: core.Realtime, Port: 4000}, says(404, "404 page not found")
	socket, accepts := "/realtime/v1/", tenants("realtime-dev")
	for name, row := range map[string]struct {
		path   string
		behind http.HandlerFunc
		itself map[core.Address]http.HandlerFunc
		want   []string
	}{
		"realtime knows the tenant": {socket, inSocket(accepts), map[core.Address]http.HandlerFunc{rt: accepts}, nil},
		"realtime refuses the tenant": {
			socket, inSocket(tenants("other")), map[core.Address]http.HandlerFunc{rt: tenants("other")}, []string{"RT-01 realtime"},
		},
		"the pooler answers in realtime's place":       {socket, notFound, map[core.Address]http.HandlerFunc{rt: accepts}, []string{"GW-05 gateway"}},
		"an old pooler refuses in its place":           {socket, says(403, ""), map[core.Address]http.HandlerFunc{rt: accepts}, []string{"GW-05 gateway"}},
		"somebody else answers while realtime is down": {socket, notFound, nil, nil},
		"analytics sends realtime's clients to its login": {
			socket, http.RedirectHandler("/auth/login", http.StatusFound).ServeHTTP, map[core.Address]http.HandlerFunc{rt: accepts}, []string{"GW-05 gateway"},
		},
		"storage answers in auth's place": {
			"/auth/v1", says(404, `{"message":"Route GET:/settings not found"}`),
			map[core.Address]http.HandlerFunc{{Service: core.Auth, Port: 9999}: says(200, "{}")}, []string{"GW-05 gateway"},
		},
		"studio answers in PostgREST's place": {
			"/rest/v1", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><html></html>") },
			map[core.Address]http.HandlerFunc{{Service: core.Rest, Port: 3000}: says(200, `{"swagger":"2.0"}`)}, []string{"GW-05 gateway"},
		},
		"PostgREST gives no description": {
			"/rest/v1", says(404, `{"code":"PGRST126"}`),
			map[core.Address]http.HandlerFunc{{Service: core.Rest, Port: 3000}: says(404, `{"code":"PGRST126"}`)}, nil,
		},
		"Envoy has no route for realtime": {
			socket, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Server", "envoy")
				w.WriteHeader(http.StatusNotFound)
			}, map[core.Address]http.HandlerFunc{rt: accepts}, []string{"GW-18 realtime"},
		},
		"realtime is refused behind Envoy": {
			socket, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Server", "envoy")
				w.Header().Set("X-Envoy-Upstream-Service-Time", "1")
				w.WriteHeader(http.StatusNotFound)
			}, map[core.Address]http.HandlerFunc{rt: tenants("other")}, []string{"RT-01 realtime"},
		},
		"a function answers 404": {"/functions/v1", notFound, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := routed(t, row.path, row.behind, row.itself)
			found := expect(t, "gateway.routes", core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")}, row.want...)
			for _, f := range found {
				if f.Code != "GW-18" && len(f.Evidence) < 2 {
					t.Errorf("%s shows one answer only: %+v", f.Code, f.Evidence)
				}
			}
		})
	}
}

// TestNameUnknownToTheGateway wants the same said of a stopped service whether
// or not the gateway still remembers where it was.
func TestNameUnknownToTheGateway(t *testing.T) {
	nameless, lost := says(503, `{"message":"name resolution failed"}`), says(502, "An invalid response was received from the upstream server")
	for name, row := range map[string]struct {
		state  string
		behind http.HandlerFunc
		want   string
	}{
		"auth runs under another name": {"running", nameless, "GW-06 auth"},
		"auth is stopped":              {"exited", nameless, "GW-07 auth"},
		"auth has just been stopped":   {"exited", lost, "GW-07 auth"},
	} {
		t.Run(name, func(t *testing.T) {
			s := routed(t, "/auth/v1/settings", row.behind, nil)
			s.container(core.Auth).State = row.state
			expect(t, "gateway.routes", core.Target{Observation: s.o, Inspector: s, Key: core.FingerprintKey("test")}, row.want)
		})
	}
}

// inSocket asks h below /socket/, as the gateway's route does.
func inSocket(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/socket/" + r.URL.Path
		h(w, r)
	}
}

// TestTenantHost wants the name that the gateway asks realtime by.
func TestTenantHost(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"shop-realtime":                  {"volumes/api/kong.yml": "services:\n  - url: http://auth:9999\n  - url: http://shop-realtime:4000/socket\n"},
		"realtime-dev.supabase-realtime": {"volumes/api/kong.yml": "services:\n  - url: http://realtime-dev.supabase-realtime:4000/socket\n"},
		"realtime-dev.alias":             {"volumes/api/kong.yml": "services: ["},
	} {
		s := newScene(t)
		for name, text := range files {
			s.files[name] = text
		}
		c := s.container(core.Realtime)
		c.Networks[0].Aliases = append(c.Networks[0].Aliases, "realtime-dev.alias")
		if got := tenantHost(t.Context(), core.Target{Observation: s.o, Inspector: s}, *c); got != want {
			t.Errorf("the gateway asks as %s, want %s", got, want)
		}
	}
	envoy := "a: {host_rewrite_literal: \"realtime-dev.x\"}\nb: {socket_address: {address: 10.0.0.1}}\n"
	if got := sentHosts(gatewayText{filled: envoy, read: supabase.ReadEnvoy}); !slices.Equal(got, []string{"realtime-dev.x", "10.0.0.1"}) {
		t.Errorf("Envoy sends as %q", got)
	}
}
