package ui

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestTheReaderShowsEveryRoute: the page has each route and field, asks nobody
// else for anything, and its policy lets in its own style and no script.
func TestTheReaderShowsEveryRoute(t *testing.T) {
	w := newWorld(t)
	rec := w.ask("GET", "/api", "", "")
	page, policy := rec.Body.String(), rec.Header().Get("Content-Security-Policy")
	if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	for _, r := range routes {
		if !strings.Contains(page, "<strong>"+r.method+"</strong><code>"+parameter.ReplaceAllString(r.path, "{$1}")+"</code>") {
			t.Errorf("%s %s is not on the page", r.method, r.path)
		}
	}
	for _, field := range []string{"run_diagnostic_url", "plan_hash", "root_causes", "error_count", "uptime_percentage"} {
		if !strings.Contains(page, "<code>"+field+"</code>") {
			t.Errorf("the field %s is not on the page", field)
		}
	}
	if m := regexp.MustCompile(`<script|(?:href|src)="(?:https?:)?//|\son\w+=|style="`).FindString(page); m != "" {
		t.Errorf("the page has %s", m)
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	sum := sha256.Sum256([]byte(style[1]))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %s", policy)
	}
}
