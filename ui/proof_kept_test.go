package ui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
)

// TestAFormKeepsWhatWasTypedWhenItCannotBeProvenNow: too many log in at once.
func TestAFormKeepsWhatWasTypedWhenItCannotBeProvenNow(t *testing.T) {
	w, rec := newWorld(t), httptest.NewRecorder()
	g, _ := gin.CreateTestContext(rec)
	g.Request = httptest.NewRequest("POST", "/playbooks/my-book/save", strings.NewReader(url.Values{"source": {"-- kept"}, "proof": {goodPassword}}.Encode()))
	g.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	must(t, g.Request.ParseForm())
	g.Set("page", true)
	w.a.refuse(g, unproven{core.Errorf(core.Unreachable, "too many logins at once")})
	page := rec.Body.String()
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || !strings.Contains(page, `name="source" value="-- kept"`) || !strings.Contains(page, "too many logins at once") || strings.Contains(page, canary) {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), page)
	}
}
