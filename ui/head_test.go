package ui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestHead asks with HEAD what GET answers: pages, and what monitors ask, as everybody
// who may and as somebody who may not. The answer is the same, without its body.
// Whatever else there is, streams of events among it, does not take HEAD.
func TestHead(t *testing.T) {
	w := newWorld(t)
	must(t, w.a.Store.SaveDiagnosis(t.Context(), aDiagnosis("shop")))
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	t.Cleanup(w.a.Hub.Close)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	_, viewer := w.user("vic", map[string]core.Role{"shop": core.Viewer})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, login string) (*http.Response, int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		must(t, err)
		if login != "" {
			r.Header.Set("Authorization", "Bearer "+login)
		}
		answer, err := client.Do(r)
		must(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer, len(body)
	}
	for _, r := range everyRoute() {
		if r.method != http.MethodGet {
			continue
		}
		path := pathOf(*r, "shop")
		if r.path == "/static/:hash/:file" {
			path = string(w.a.panel.assets) + "panel.css"
		}
		monitored := r.path == "/healthz" || r.path == "/readyz" || r.path == "/metrics"
		if r.on != everybody && r.headed() != r.page || monitored && !r.headed() {
			t.Errorf("%s: HEAD is answered: %v", r.path, r.headed())
		}
		for who, login := range map[string]string{"nobody": "", "a viewer": viewer, "an admin": root} {
			head, sent := ask(http.MethodHead, path, login)
			if sent > 0 {
				t.Errorf("%s: HEAD answers with %d bytes", path, sent)
			}
			if !r.headed() {
				if head.StatusCode != http.StatusMethodNotAllowed {
					t.Errorf("%s: HEAD answers %d", path, head.StatusCode)
				}
				continue
			}
			full, _ := ask(http.MethodGet, path, login)
			for _, name := range []string{"Content-Type", "Location", "Content-Security-Policy", "Cache-Control", "Vary"} {
				if head.Header.Get(name) != full.Header.Get(name) {
					t.Errorf("%s: %s of HEAD is %q, of GET %q", path, name, head.Header.Get(name), full.Header.Get(name))
				}
			}
			if head.StatusCode != full.StatusCode {
				t.Errorf("%s as %s: HEAD %d, GET %d", path, who, head.StatusCode, full.StatusCode)
			}
		}
	}
}
