package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthCheckTools(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			w.Write([]byte("fine " + r.Method))
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/token":
			if r.Header.Get("Authorization") != "Bearer t" {
				w.WriteHeader(403)
			}
		default:
			w.WriteHeader(503)
		}
	}))
	defer s.Close()
	dead := "127.0.0.1:" + freePort(t)
	live := strings.TrimPrefix(s.URL, "http://")
	node := func(url string) []string {
		return []string{"-e", "fetch('" + url + "').then((r) => {if (r.status !== 200) throw new Error(r.status)})"}
	}
	for name, tt := range map[string]struct {
		tool command
		args []string
		code int
		want string
	}{
		"wget --spider finds it":          {runWget, []string{"--no-verbose", "--tries=1", "--spider", s.URL + "/ok"}, 0, ""},
		"wget --spider meets a 503":       {runWget, []string{"--no-verbose", "--tries=1", "--spider", s.URL + "/down"}, 1, "wget: server returned error: HTTP/1.1 503 Service Unavailable"},
		"wget meets nobody":               {runWget, []string{"-q", "--spider", dead}, 1, "Connection refused"},
		"wget prints":                     {runWget, []string{"-q", "-O", "-", s.URL + "/ok"}, 0, "fine GET"},
		"wget prints with bundled flags":  {runWget, []string{"-qO-", s.URL + "/ok"}, 0, "fine GET"},
		"curl -f meets a 403":             {runCurl, []string{"-sSfL", "--head", "-o", "/dev/null", "-H", "Authorization: Bearer no", s.URL + "/token"}, 22, "curl: (22) The requested URL returned error: 403"},
		"curl sends the header":           {runCurl, []string{"-sSfL", "--head", "-o", "/dev/null", "-H", "Authorization: Bearer t", s.URL + "/token"}, 0, ""},
		"curl without -f is content":      {runCurl, []string{s.URL + "/down"}, 0, ""},
		"curl -s -f is silent about it":   {runCurl, []string{"-s", "-f", s.URL + "/down"}, 22, ""},
		"curl follows with -L":            {runCurl, []string{"-sL", s.URL + "/moved"}, 0, "fine GET"},
		"curl meets nobody":               {runCurl, []string{"-sS", dead}, 7, "curl: (7) Failed to connect to 127.0.0.1 port"},
		"curl does not know the host":     {runCurl, []string{"-sS", "http://nosuch.invalid/"}, 6, "curl: (6) Could not resolve host: nosuch.invalid"},
		"node is content with a 200":      {runNode, node(s.URL + "/ok"), 0, ""},
		"node throws the status":          {runNode, node(s.URL + "/down"), 1, "Error: 503"},
		"node meets nobody":               {runNode, node("http://" + dead), 1, "fetch failed"},
		"tcpcheck finds a listener":       {runTCPCheck, []string{live}, 0, ""},
		"tcpcheck finds none":             {runTCPCheck, []string{dead}, 1, "connection refused"},
		"tcpcheck without an address":     {runTCPCheck, nil, 2, "usage"},
		"curl does not take a long value": {runCurl, []string{"--silent", "--max-time", "5", "--output", "/dev/null", s.URL + "/ok"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, tt.tool, env{}, tt.args...)
			if code != tt.code {
				t.Errorf("exit %d, want %d; %s", code, tt.code, out)
			}
			want(t, "output", out, tt.want)
			if tt.want == "" && tt.code == 22 && out != "" {
				t.Errorf("not silent: %s", out)
			}
		})
	}
	t.Run("curl writes a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		if code, out := run(t, runCurl, env{}, "-s", "-o", path, s.URL+"/ok"); code != 0 {
			t.Errorf("%d %s", code, out)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "fine GET" {
			t.Errorf("%q %v", b, err)
		}
	})
}
