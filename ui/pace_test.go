package ui

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestWhoAsksTooFastWaits: what is heavy is limited for each token and each user,
// so that a script that runs away leaves its owner, and everybody else, alone.
func TestWhoAsksTooFastWaits(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	ana, login := w.user("ana", map[string]core.Role{"*": core.Admin})
	_, other := w.user("bob", map[string]core.Role{"*": core.Admin})
	script, second := w.token(ana.ID, nil, core.Verbs...), w.token(ana.ID, nil, core.Verbs...)
	const heavy = "/api/instances/shop/logs"
	until := func(credential string) (n int) {
		for ; n < 1000; n++ {
			rec := w.ask("GET", heavy, credential, "")
			if rec.Code == http.StatusTooManyRequests {
				if rec.Header().Get("Retry-After") != "1" {
					t.Errorf("after %d: come back in %q", n, rec.Header().Get("Retry-After"))
				}
				return n
			}
		}
		return n
	}
	token, user := tokenLimits[true].burst, userLimits[true].burst
	if n := until(script); n != token {
		t.Errorf("a token asked %d times, may %d", n, token)
	}
	if rec := w.ask("GET", "/api/instances", script, ""); rec.Code != http.StatusOK {
		t.Errorf("what is not heavy: %d", rec.Code)
	}
	if n := until(login); n != user-token {
		t.Errorf("its owner asked %d times more, may %d", n, user-token)
	}
	if n := until(second); n != 0 {
		t.Errorf("another token of theirs asked %d times more", n)
	}
	if n := until(other); n != user {
		t.Errorf("somebody else asked %d times, may %d", n, user)
	}
	now = now.Add(10 * time.Second)
	if n := until(script); n != 25 {
		t.Errorf("after ten seconds it may %d times, want 25", n)
	}
}

// TestHeavyRoutes wants what starts a playbook, asks the engine or reads the whole
// audit log to be counted as heavy, by the API and by the panel.
func TestHeavyRoutes(t *testing.T) {
	for _, path := range []string{
		"GET /api/discover", "POST /api/instances/preflight", "GET /api/instances/:id/diagnostics/:category", "POST /api/instances/:id/test/user-creation",
		"POST /api/instances/:id/repairs/plan", "POST /api/playbooks/test", "POST /api/playbooks/check", "GET /api/audit/verify", "GET /api/audit/export",
		"POST /api/snapshots/:sid/verify", "GET /instances/:id/fix", "POST /playbooks/:pid/edit", "POST /playbooks/:pid/save", "POST /new/check", "GET /instances/:id/logs",
	} {
		heavy := false
		for _, r := range everyRoute() {
			heavy = heavy || r.method+" "+r.path == path && r.heavy
		}
		if !heavy {
			t.Errorf("%s is not heavy", path)
		}
	}
}

// TestOneUserTakesNotEveryStream, by a login and a token together, and the places come
// back when the streams end.
func TestOneUserTakesNotEveryStream(t *testing.T) {
	if maxShare < 1000 || maxShare >= maxWatchers {
		t.Errorf("one user may watch %d of %d", maxShare, maxWatchers)
	}
	w := newWorld(t)
	w.a.shares.most = 2
	u, login := w.user("ana", map[string]core.Role{"*": core.Viewer})
	_, bob := w.user("bob", map[string]core.Role{"*": core.Viewer})
	server := httptest.NewServer(w.h)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	watch := func(credential string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/events", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+credential)
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	token := w.token(u.ID, nil, core.MayRead)
	for n, tt := range []struct {
		credential string
		want       int
	}{{login, http.StatusOK}, {token, http.StatusOK}, {login, http.StatusTooManyRequests}, {token, http.StatusTooManyRequests}, {bob, http.StatusOK}} {
		resp := watch(tt.credential) //nolint:bodyclose // watch does, at the end
		if resp.StatusCode != tt.want {
			t.Errorf("stream %d: %d, want %d", n+1, resp.StatusCode, tt.want)
		}
		if resp.StatusCode == http.StatusOK {
			continue // it goes on
		}
		if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), "you watch 2 streams at once") {
			t.Errorf("it says %s, %v", text, err)
		}
	}
	cancel()
	server.Close() // when every answer has ended
	if rec := w.ask("GET", "/api/events", login, ""); rec.Code != http.StatusOK {
		t.Errorf("after they ended: %d", rec.Code)
	}
}
