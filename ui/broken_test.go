package ui

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestBroken asks for everything while the state cannot be opened, as a person and as
// a script.
func TestBroken(t *testing.T) {
	server := httptest.NewServer(Broken(core.Errorf(core.Unreachable, "the <b>disk</b> of the state is full")))
	defer server.Close()
	ask := func(method, path, accept, speaks string) (int, string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		must(t, err)
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", speaks)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		return resp.StatusCode, resp.Header.Get("Content-Type"), string(body)
	}
	for speaks, title := range map[string]string{"en": "It does not answer now", "pt-BR": "Sem resposta agora"} {
		for _, path := range []string{"/", "/instances/shop", "/login"} {
			code, kind, page := ask("GET", path, "text/html,*/*", speaks)
			if code != 503 || !strings.HasPrefix(kind, "text/html") || !strings.Contains(page, title) || !strings.Contains(page, "the &lt;b&gt;disk&lt;/b&gt; of the state is full") {
				t.Errorf("%s in %s: %d %s\n%s", path, speaks, code, kind, page)
			}
			_, rest, _ := strings.Cut(page, `rel="stylesheet" href="/static/`)
			style, _, _ := strings.Cut(rest, `"`)
			if code, kind, text := ask("GET", "/static/"+style, "*/*", ""); code != 200 || !strings.HasPrefix(kind, "text/css") || len(text) < 1000 {
				t.Errorf("its style %s: %d %s", style, code, kind)
			}
		}
	}
	for path, accept := range map[string]string{"/": "*/*", "/readyz": "*/*", "/api/instances": "text/html", "/static/old/panel.css": "*/*"} {
		if code, kind, body := ask("GET", path, accept, ""); code != 503 && code != 404 || kind != "application/problem+json" {
			t.Errorf("%s: %d %s %s", path, code, kind, body)
		}
	}
	if code, _, body := ask("POST", "/api/login", "*/*", ""); code != 503 || !strings.Contains(body, "of the state is full") {
		t.Errorf("a login: %d %s", code, body)
	}
	if code, _, body := ask("GET", "/healthz", "*/*", ""); code != 200 || !strings.Contains(body, "alive") {
		t.Errorf("whether it is alive: %d %s", code, body)
	}
}

// TestBrokenScreen looks at the page in a browser.
func TestBrokenScreen(t *testing.T) {
	w := newWorld(t)
	w.h = Broken(core.Errorf(core.Unreachable, "the database /var/lib/basewright/basewright.db cannot be written: no space left on device; make room on that disk"))
	b := browse(t, w)
	b.open("/instances/shop")
	b.shot("broken")
	b.size(390, 844)
	b.dress("dark")
	b.fits("the page of a state that cannot be opened")
	b.shot("broken-phone")
	b.quiet("503")
}
