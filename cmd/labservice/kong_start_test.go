package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKongDoesNotStart(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"an empty file":     {"", "failed parsing declarative configuration: expected an object"},
		"a list":            {"- a\n- b\n", "expected an object"},
		"not YAML":          {"a: [", "failed parsing declarative configuration: "},
		"an unknown plugin": {"services:\n- {name: a, url: 'http://a', plugins: [{name: nosuch}]}", "plugin 'nosuch' not enabled"},
		"a service without": {"services:\n- {name: a}", "required field missing"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "kong.yml")
			if err := os.WriteFile(path, []byte(tt.file), 0o644); err != nil {
				t.Fatal(err)
			}
			code, out := run(t, runKong, env{"KONG_DECLARATIVE_CONFIG": path})
			if code != 1 {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, "error parsing declarative config file "+path)
			want(t, "log", out, tt.want)
		})
	}
	t.Run("the file is a directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "kong.yml")
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		code, out := run(t, runKong, env{"KONG_DECLARATIVE_CONFIG": path})
		if code != 1 {
			t.Errorf("exit %d", code)
		}
		want(t, "log", out, "kong.yml: Is a directory")
	})
}

func TestKongTemplateIsADirectory(t *testing.T) {
	dir := t.TempDir()
	var said []string
	f := kongPaths{dir, filepath.Join(dir, "none"), filepath.Join(dir, "kong.yml")}
	f.prepare(env{}, func(s string) { said = append(said, s) })
	want(t, "shell", strings.Join(said, "\n"), "Is a directory")
	if _, err := f.parse(); err == nil || !strings.Contains(err.Error(), "expected an object") {
		t.Errorf("%v", err)
	}
}

func TestRender(t *testing.T) {
	e := env{"A": "1", "EMPTY": ""}
	for name, tt := range map[string]struct {
		in   string
		awk  bool
		want string
	}{
		"eval: unknown becomes empty":        {"x: $A ${A} $NOSUCH.", false, "x: 1 1 ."},
		"awk: unknown stays":                 {"x: $A $NOSUCH.", true, "x: 1 $NOSUCH."},
		"awk knows no braces":                {"x: ${A}", true, "x: ${A}"},
		"an empty key is dropped":            {"k:\n  - key: $EMPTY\n  - key: $A\n", true, "k:\n  - key: 1\n"},
		"a dollar before a digit is literal": {"x: $1", false, "x: $1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := render(tt.in, e, tt.awk); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestKongKeepsAStaleAddress(t *testing.T) {
	r := newResolver(env{})
	if r.valid.Minutes() != 10 || newResolver(env{"KONG_DNS_VALID_TTL": "5"}).valid.Seconds() != 5 {
		t.Errorf("ttl %v", r.valid)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if _, err := r.lookup(t.Context(), "localhost"); err != nil {
		t.Skip("localhost does not resolve:", err)
	}
	stale := r.cache["localhost"]
	stale.ip = "127.0.0.99"
	r.cache["localhost"] = stale
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (addressed{r, &http.Transport{}}).RoundTrip(req); !errors.Is(err, syscall.ECONNREFUSED) { //nolint:bodyclose // there is none
		t.Errorf("the cached address was not used: %v", err)
	}
}

// TestKongFollowsAName moves a name to another address while the connection to
// the first is kept open, as two containers do that swap their addresses.
func TestKongFollowsAName(t *testing.T) {
	says := func(text, address string) *httptest.Server {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, text+" for "+r.Host)
		})}}
		s.Start()
		t.Cleanup(s.Close)
		return s
	}
	first := says("first", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(first.Listener.Addr().String())
	says("second", "127.0.0.2:"+port)
	r := newResolver(env{})
	via := addressed{r, &http.Transport{}}
	for _, tt := range []struct{ ip, want string }{{"127.0.0.1", "first"}, {"127.0.0.1", "first"}, {"127.0.0.2", "second"}} {
		r.cache["rest"] = resolved{ip: tt.ip, until: time.Now().Add(time.Minute)}
		resp, err := (&http.Client{Transport: via}).Get("http://rest:" + port)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != tt.want+" for rest:"+port {
			t.Errorf("rest at %s: %q, %v", tt.ip, body, err)
		}
	}
}

func TestKongHealth(t *testing.T) {
	code, out := run(t, runKong, env{"KONG_PROXY_LISTEN": "0.0.0.0:" + freePort(t)}, "health")
	if code != 1 || !strings.Contains(out, "Kong is not running") {
		t.Errorf("%d %s", code, out)
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	code, out = run(t, runKong, env{"KONG_PROXY_LISTEN": "0.0.0.0:" + port + " reuseport"}, "health")
	if code != 0 || !strings.Contains(out, "Kong is healthy") {
		t.Errorf("%d %s", code, out)
	}
}

func TestLuaEval(t *testing.T) {
	look := func(table, name string) (string, bool) {
		v, ok := map[string]string{"headers.authorization": "Bearer sb_x", "headers.apikey": "k"}[table+"."+name]
		return v, ok
	}
	for expr, want := range map[string]string{
		`headers.apikey`:                                    "k",
		`headers.nosuch`:                                    "",
		`headers.nosuch or 'd'`:                             "d",
		`headers.apikey and 'a'`:                            "a",
		`headers.nosuch and 'a'`:                            "",
		`headers.apikey == 'k'`:                             "true",
		`headers.nosuch ~= nil`:                             "",
		`(headers.apikey == 'x' and 'y') or headers.apikey`: "k",
		`headers.authorization:sub(1, 10)`:                  "Bearer sb_",
		`headers.authorization:sub(1, 10) ~= 'Bearer sb_' and headers.authorization or 'api'`: "api",
	} {
		if got := luaEval(expr, look); got != want {
			t.Errorf("%s = %q, want %q", expr, got, want)
		}
	}
}
