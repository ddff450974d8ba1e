package create

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	keyauth "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/api_key_auth/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/basic_auth/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/configs"
)

// readEnvoy reads YAML as Envoy does: strictly, as its own messages, with the
// bounds that they declare checked all the way down.
func readEnvoy(t *testing.T, data []byte, into proto.Message) {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
	validate(t, into)
}

// validate checks a message and those that are packed into it.
func validate(t *testing.T, m proto.Message) {
	t.Helper()
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			t.Errorf("%s: %v", m.ProtoReflect().Descriptor().FullName(), err)
		}
	}
	if packed, ok := m.(*anypb.Any); ok {
		inner, err := packed.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		validate(t, inner)
		return
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				validate(t, v.Message().Interface())
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				validate(t, v.List().Get(i).Message().Interface())
			}
		case f.Message() != nil && !f.IsMap():
			validate(t, v.Message().Interface())
		}
		return true
	})
}

// resources reads a file of resources, each as the message that it says it is.
func resources(t *testing.T, data []byte) []proto.Message {
	t.Helper()
	var doc struct{ Resources []any }
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var out []proto.Message
	for _, r := range doc.Resources {
		text, err := yaml.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var packed anypb.Any
		readEnvoy(t, text, &packed)
		m, err := packed.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

// started runs the gateway's start script with an envoy that only ends, and
// returns the listener that it wrote.
func started(t *testing.T, release fs.FS, env ...string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	script, err := fs.ReadFile(release, "volumes/api/envoy/docker-entrypoint.sh")
	if err != nil {
		t.Fatal(err)
	}
	template, err := fs.ReadFile(release, "volumes/api/envoy/lds.template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here := strings.ReplaceAll(string(script), "/etc/envoy/", dir+"/")
	for name, text := range map[string]string{"start.sh": here, "lds.template.yaml": string(template), "envoy": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sh", filepath.Join(dir, "start.sh"))
	cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "ANON_KEY=anon.jwt-1_x", "SERVICE_ROLE_KEY=service.jwt-2_x", "DASHBOARD_USERNAME=ana",
		"DASHBOARD_PASSWORD=p'a&s|s\\w", "JWT_ISSUER=https://shop.example.com/auth/v1"}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return out, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "lds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return data, nil
}

func envoyRelease(t *testing.T) fs.FS {
	t.Helper()
	all := configs.Releases()
	release, err := configs.Release(all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// managerOf reads the listener and returns its HTTP connection manager.
func managerOf(t *testing.T, data []byte) *hcm.HttpConnectionManager {
	t.Helper()
	l := resources(t, data)[0].(*listener.Listener)
	m, err := l.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	return m.(*hcm.HttpConnectionManager)
}

// TestEnvoyReadsItsFiles has Envoy's own messages read what the gateway would, and
// follows each route to a cluster that is there.
func TestEnvoyReadsItsFiles(t *testing.T) {
	release := envoyRelease(t)
	boot, err := fs.ReadFile(release, "volumes/api/envoy/envoy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrap.Bootstrap
	readEnvoy(t, boot, &b)
	if b.Admin.Address.GetSocketAddress().Address != "127.0.0.1" {
		t.Error("Envoy's administration can be reached from outside")
	}
	data, err := fs.ReadFile(release, "volumes/api/envoy/cds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range resources(t, data) {
		known[r.(*cluster.Cluster).Name] = true
	}
	lds, err := started(t, release)
	if err != nil {
		t.Fatalf("%v: %s", err, lds)
	}
	used := map[string]bool{}
	for _, r := range managerOf(t, lds).GetRouteConfig().VirtualHosts[0].Routes {
		if r.GetDirectResponse() != nil {
			continue
		}
		used[r.GetRoute().GetCluster()] = true
		if !known[r.GetRoute().GetCluster()] {
			t.Errorf("%s leads to %q, which is no cluster", r.Name, r.GetRoute().GetCluster())
		}
	}
	if len(used) != len(known) || len(known) != 7 {
		t.Errorf("routes lead to %v of %v", used, known)
	}
	sum := sha1.Sum([]byte("p'a&s|s\\w"))
	for _, want := range []string{"{key: 'anon.jwt-1_x', client: anon}", "{key: 'service.jwt-2_x', client: service_role}", "'ana:{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "'"} {
		if !strings.Contains(string(lds), want) {
			t.Errorf("the listener has not %q", want)
		}
	}
	if strings.Contains(string(lds), "${") {
		t.Error("the listener holds what nothing filled in")
	}
	if out, err := started(t, release, "JWT_ISSUER=shop.example.com"); err == nil || !strings.Contains(string(out), "JWT_ISSUER must start with http:// or https://") {
		t.Errorf("an address that is none: %v: %s", err, out)
	}
}

// routeFor returns the first route that a path matches, as Envoy looks for it.
func routeFor(t *testing.T, routes []*route.Route, path string) *route.Route {
	t.Helper()
	for _, r := range routes {
		m := r.Match
		switch {
		case m.GetPrefix() != "" && strings.HasPrefix(path, m.GetPrefix()),
			m.GetSafeRegex() != nil && regexp.MustCompile("^(?:"+m.GetSafeRegex().Regex+")$").MatchString(path):
			return r
		}
	}
	t.Fatalf("no route for %s", path)
	return nil
}

// asks says what a route wants to see: a key of anybody, the service's, the
// dashboard's password, or nothing.
func asks(t *testing.T, r *route.Route) string {
	t.Helper()
	off := func(name string) bool {
		var f route.FilterConfig
		packed := r.TypedPerFilterConfig[name]
		return packed != nil && packed.MessageIs(&f) && packed.UnmarshalTo(&f) == nil && f.Disabled
	}
	key, password := !off("envoy.filters.http.api_key_auth"), !off("envoy.filters.http.basic_auth")
	var per keyauth.ApiKeyAuthPerRoute
	packed := r.TypedPerFilterConfig["envoy.filters.http.api_key_auth"]
	switch {
	case key && password:
		return "both"
	case password:
		return "password"
	case !key:
		return "nothing"
	case packed.MessageIs(&per) && packed.UnmarshalTo(&per) == nil && strings.Join(per.AllowedClients, ",") == "service_role":
		return "service"
	}
	return "key"
}

// TestEnvoyGuardsAsKong wants of each path what kong.yml wants, and leads it to the
// same service.
func TestEnvoyGuardsAsKong(t *testing.T) {
	lds, err := started(t, envoyRelease(t))
	if err != nil {
		t.Fatalf("%v: %s", err, lds)
	}
	m := managerOf(t, lds)
	routes := m.GetRouteConfig().VirtualHosts[0].Routes
	for path, want := range map[string]string{
		"/auth/v1/verify": "nothing auth", "/auth/v1/callback": "nothing auth", "/auth/v1/authorize": "nothing auth", "/auth/v1/.well-known/jwks.json": "nothing auth",
		"/auth/v1/sso/saml/acs": "nothing auth", "/.well-known/oauth-authorization-server/auth/v1": "nothing auth",
		"/auth/v1/token": "key auth", "/auth/v1/admin/users": "key auth", "/rest/v1/": "service rest", "/rest/v1": "service rest", "/rest/v1/notes": "key rest",
		"/graphql/v1": "key rest", "/realtime/v1/websocket": "key realtime", "/realtime/v1/api/broadcast": "key realtime", "/pg/schemas": "service meta",
		"/storage/v1/object/a": "nothing storage", "/functions/v1/hello": "nothing functions", "/": "password studio", "/project/default": "password studio",
		"/pg": "password studio", "/realtime/v1/api/tenants/x": "403", "/realtime/v1/api/openapi": "403", "/api/mcp": "403", "/mcp": "403",
	} {
		r := routeFor(t, routes, path)
		got := asks(t, r) + " " + r.GetRoute().GetCluster()
		if d := r.GetDirectResponse(); d != nil && d.Status == http.StatusForbidden {
			got = "403"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if r.GetRoute().GetCluster() == "realtime" && !strings.HasPrefix(r.GetRoute().GetHostRewriteLiteral(), "realtime-dev.") {
			t.Errorf("%s: realtime does not learn its tenant", path)
		}
		if d := r.GetRoute(); d != nil && d.Timeout == nil {
			t.Errorf("%s has Envoy's own 15 seconds", path)
		}
	}
	if names := m.HttpFilters; names[0].Name != "envoy.filters.http.cors" || names[len(names)-1].Name != "envoy.filters.http.router" {
		t.Error("a preflight, which has no key, does not come to CORS first, or nothing is routed at the end")
	}
}
