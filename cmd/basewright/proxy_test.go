package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// TestProxyInFront puts a proxy before a real stack's gateway, and has it forget
// what a websocket needs (GW-15). Through one that does not forget nothing is found.
func TestProxyInFront(t *testing.T) {
	slowSet(t)
	t.Parallel()
	p := onStacks(t).probing(t)
	must(t, os.Mkdir(p.data, 0o700))
	name := filepath.Join(p.folder(p.stack), ".env")
	front, forgets := inFront(t, p.setting(name, "KONG_HTTP_PORT"))
	env, err := os.ReadFile(name)
	must(t, err)
	t.Cleanup(func() { must(t, os.WriteFile(name, env, 0o600)) })
	moved, err := supabase.SetEnv(env, "SUPABASE_PUBLIC_URL", front)
	must(t, err)
	must(t, os.WriteFile(name, moved, 0o600))
	for _, bad := range []bool{false, true} {
		forgets.Store(bad)
		d := p.deep(1) // the containers hold the old URL, too
		i := slices.IndexFunc(d.Findings, func(f core.Finding) bool { return f.Code == "GW-15" })
		if (i >= 0) != bad {
			t.Fatalf("the proxy forgets: %v, and GW-15 is found: %v; roots %q", bad, i >= 0, d.RootCauses)
		}
		if bad && !strings.Contains(d.Findings[i].Evidence[0].Text, "426") {
			t.Errorf("the proxy's answer is not shown: %+v", d.Findings[i].Evidence)
		}
	}
}

// inFront is a proxy before a port of this machine that passes everything on, but
// not a wish for a websocket while it forgets.
func inFront(t *testing.T, port string) (address string, forgets *atomic.Bool) {
	t.Helper()
	forgets = &atomic.Bool{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + port})
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if forgets.Load() {
			r.Header.Del("Upgrade")
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, forgets
}
