package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const kongYAML = `
_format_version: '2.1'
consumers:
  - username: DASHBOARD
  - username: anon
    keyauth_credentials:
      - key: $SUPABASE_ANON_KEY
      - key: $SUPABASE_PUBLISHABLE_KEY
  - username: service_role
    keyauth_credentials:
      - key: $SUPABASE_SERVICE_KEY
acls:
  - consumer: anon
    group: anon
  - consumer: service_role
    group: admin
basicauth_credentials:
  - consumer: DASHBOARD
    username: $DASHBOARD_USERNAME
    password: $DASHBOARD_PASSWORD
services:
  - name: auth-v1-open
    url: http://UPSTREAM/verify
    routes: [{name: open, strip_path: true, paths: [/auth/v1/verify]}]
    plugins: [{name: cors}]
  - name: auth-v1
    url: http://UPSTREAM/
    routes: [{name: auth, strip_path: true, paths: [/auth/v1/]}]
    plugins:
      - name: cors
      - name: key-auth
        config: {hide_credentials: false}
      - name: request-transformer
        config:
          add: {headers: ["Authorization: $LUA_AUTH_EXPR", "Content-Profile: graphql_public"]}
          replace: {headers: ["Authorization: $LUA_AUTH_EXPR"]}
      - name: acl
        config: {hide_groups_header: true, allow: [admin, anon]}
  - name: realtime
    url: http://UPSTREAM/socket
    routes: [{name: ws, strip_path: true, paths: [/realtime/v1/]}]
    plugins: [{name: cors}]
  - name: storage-s3
    url: http://UPSTREAM/
    routes: [{name: s3, strip_path: false, preserve_host: true, paths: [/s3]}]
    plugins:
      - name: request-transformer
        config: {add: {headers: ["Authorization: $LUA_AUTH_EXPR"]}}
      - name: post-function
        config: {access: ['kong.service.request.clear_header("authorization")']}
  - name: meta
    url: http://UPSTREAM/
    routes: [{name: meta, strip_path: true, paths: [/pg/]}]
    plugins:
      - name: key-auth
        config: {hide_credentials: true}
      - name: acl
        config: {allow: [admin]}
  - name: rest
    url: http://UPSTREAM/
    routes: [{name: rest, strip_path: true, paths: [/rest/v1/]}]
  - name: rest-openapi
    url: http://UPSTREAM/
    routes: [{name: openapi, strip_path: true, paths: ["~/rest/v1/?$"]}]
    plugins:
      - name: key-auth
        config: {hide_credentials: true}
      - name: acl
        config: {allow: [admin]}
  - name: mcp
    url: http://UPSTREAM/api/mcp
    routes: [{name: mcp, strip_path: true, paths: [/mcp]}]
    plugins:
      - name: request-termination
        config: {status_code: 403, message: "Access is forbidden."}
  - name: local
    url: http://UPSTREAM/
    routes: [{name: local, paths: [/local]}]
    plugins:
      - name: ip-restriction
        config: {allow: [127.0.0.1, "::1"], deny: []}
  - name: gone
    url: http://GONE/
    routes: [{name: gone, paths: [/gone]}]
  - name: unknown
    url: http://nosuch.invalid:1/
    routes: [{name: unknown, paths: [/unknown]}]
  - name: slow
    url: http://UPSTREAM/
    read_timeout: 100
    routes: [{name: slow, paths: [/slow], strip_path: false}]
  - name: dashboard
    url: http://UPSTREAM/
    routes: [{name: all, paths: [/dash]}]
    plugins:
      - name: basic-auth
        config: {hide_credentials: true}
`

// newTestKong renders and parses kongYAML in front of an upstream that reports what reaches it.
func newTestKong(t *testing.T, more env) (*kong, *buffer) {
	t.Helper()
	stop := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-stop
		}
		if r.Header.Get("Upgrade") == "websocket" {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(101)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "upstream")
		io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" host="+r.Host+" auth="+r.Header.Get("Authorization")+" profile="+r.Header.Get("Content-Profile")+
			" key="+r.Header.Get("apikey")+" consumer="+r.Header.Get("X-Consumer-Username"))
	}))
	t.Cleanup(func() { close(stop); up.Close() })
	e := env{"SUPABASE_ANON_KEY": "anon-key", "SUPABASE_SERVICE_KEY": "service-key", "SUPABASE_PUBLISHABLE_KEY": "",
		"DASHBOARD_USERNAME": "supabase", "DASHBOARD_PASSWORD": "pw"}
	for k, v := range more {
		e[k] = v
	}
	dir := t.TempDir()
	f := kongPaths{filepath.Join(dir, "temp.yml"), filepath.Join(dir, "kong-entrypoint.sh"), filepath.Join(dir, "made", "kong.yml")}
	text := strings.NewReplacer("UPSTREAM", strings.TrimPrefix(up.URL, "http://"), "GONE", "127.0.0.1:"+freePort(t)).Replace(kongYAML)
	if err := os.WriteFile(f.template, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	f.prepare(e, func(s string) { t.Error(s) })
	conf, err := f.parse()
	if err != nil {
		t.Fatal(err)
	}
	log := &buffer{}
	return newKong(conf, e, log, log), log
}

func TestKongRoutesAndPlugins(t *testing.T) {
	k, log := newTestKong(t, nil)
	for name, tt := range map[string]struct {
		method, path string
		headers      []string
		status       int
		want         string
	}{
		"the longest prefix wins, without a key":        {"GET", "/auth/v1/verify?token=x", nil, 200, "GET /verify?token=x host=127.0.0.1:"},
		"strip_path takes the prefix away":              {"GET", "/auth/v1/admin/users?page=1", []string{"apikey: anon-key"}, 200, "GET /admin/users?page=1"},
		"a key in the query counts":                     {"GET", "/auth/v1/health?apikey=service-key", nil, 200, "consumer=service_role"},
		"no key":                                        {"GET", "/auth/v1/health", nil, 401, `"message":"No API key found in request"`},
		"a wrong key":                                   {"GET", "/auth/v1/health", []string{"apikey: nonsense"}, 401, `"message":"Unauthorized"`},
		"an empty key is no key, though one is unset":   {"GET", "/auth/v1/health", []string{"apikey: "}, 401, `"message":"No API key found in request"`},
		"the key becomes the Authorization header":      {"GET", "/auth/v1/x", []string{"apikey: anon-key"}, 200, "auth=anon-key profile=graphql_public"},
		"a user's own token passes through":             {"GET", "/auth/v1/x", []string{"apikey: anon-key", "Authorization: Bearer user"}, 200, "auth=Bearer user"},
		"acl refuses the wrong group":                   {"GET", "/pg/schemas", []string{"apikey: anon-key"}, 403, `"message":"You cannot consume this service"`},
		"acl lets the right group in, credentials hide": {"GET", "/pg/schemas", []string{"apikey: service-key"}, 200, "GET /schemas host=127.0.0.1"},
		"a path of a regular expression comes first":    {"GET", "/rest/v1/", []string{"apikey: anon-key"}, 403, `"message":"You cannot consume this service"`},
		"and is taken away as a whole":                  {"GET", "/rest/v1?x=1", []string{"apikey: service-key"}, 200, "GET /?x=1 host="},
		"what it does not match goes on":                {"GET", "/rest/v1/todo", nil, 200, "GET /todo host="},
		"request-termination":                           {"GET", "/mcp", nil, 403, `"message":"Access is forbidden."`},
		"ip-restriction refuses a foreign address":      {"GET", "/local", nil, 403, `"message":"IP address not allowed: 192.0.2.1"`},
		"no route":                              {"GET", "/nothing", nil, 404, `"message":"no Route matched with those values"`},
		"strip_path false keeps the path":       {"GET", "/s3/bucket", []string{"Host: public.example.com"}, 200, "GET /s3/bucket host=public.example.com auth= "},
		"basic-auth without a password":         {"GET", "/dash", nil, 401, `"message":"Unauthorized"`},
		"basic-auth with a wrong one":           {"GET", "/dash", []string{"Authorization: Basic c3VwYWJhc2U6bm8="}, 401, `"message":"Unauthorized"`},
		"basic-auth with the right one, hidden": {"GET", "/dash", []string{"Authorization: Basic c3VwYWJhc2U6cHc="}, 200, "auth= "},
		"the upstream refuses the connection":   {"GET", "/gone", nil, 502, `"message":"An invalid response was received from the upstream server"`},
		"the upstream's name is unknown":        {"GET", "/unknown", nil, 503, `"message":"name resolution failed"`},
		"the upstream does not answer":          {"GET", "/slow", nil, 504, `"message":"The upstream server is timing out"`},
		"a preflight is answered here":          {"OPTIONS", "/auth/v1/x", []string{"Origin: http://a", "Access-Control-Request-Method: GET"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, h := ask(t, k, tt.method, tt.path, "", tt.headers...)
			if status != tt.status {
				t.Errorf("status %d, %s", status, body)
			}
			want(t, "body", body, tt.want)
			if status >= 400 && (h.Get("Server") != "kong/3.9.1" || !strings.Contains(body, `"request_id":"`)) {
				t.Errorf("not Kong's own answer: %v %s", h, body)
			}
			if strings.HasPrefix(tt.path, "/auth/v1/") && len(h.Values("Access-Control-Allow-Origin")) != 1 {
				t.Errorf("cors: %v", h)
			}
		})
	}
	want(t, "access log", log.String(), `192.0.2.1 - - [`)
	want(t, "error log", log.String(), `connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1, server: kong, request: "GET /gone HTTP/1.1", upstream: "http://127.0.0.1:`)
	want(t, "error log", log.String(), `DNS resolution failed: dns server error: 3 name error`)
}

func TestKongHeadersOfRefusals(t *testing.T) {
	k, _ := newTestKong(t, nil)
	_, _, h := ask(t, k, "GET", "/auth/v1/x", "")
	want(t, "key-auth", h.Get("WWW-Authenticate"), "Key")
	_, _, h = ask(t, k, "GET", "/dash", "")
	want(t, "basic-auth", h.Get("WWW-Authenticate"), "Basic realm=")
}

func TestKongTranslatesOpaqueKeys(t *testing.T) {
	k, _ := newTestKong(t, env{"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x", "SUPABASE_SECRET_KEY": "sb_secret_y",
		"ANON_KEY_ASYMMETRIC": "anon.es256", "SERVICE_ROLE_KEY_ASYMMETRIC": "service.es256"})
	for name, tt := range map[string]struct {
		headers []string
		want    string
	}{
		"the publishable key becomes the anon token": {[]string{"apikey: sb_publishable_x"}, "auth=Bearer anon.es256"},
		"also when it is sent as a bearer":           {[]string{"apikey: sb_publishable_x", "Authorization: Bearer sb_publishable_x"}, "auth=Bearer anon.es256"},
		"a legacy key passes":                        {[]string{"apikey: anon-key"}, "auth=anon-key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, body, _ := ask(t, k, "GET", "/auth/v1/x", "", tt.headers...)
			want(t, "upstream", body, tt.want)
		})
	}
}

func TestKongProxiesWebsockets(t *testing.T) {
	k, _ := newTestKong(t, nil)
	s := httptest.NewServer(k)
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "101") {
		t.Errorf("%q %v", line, err)
	}
}
