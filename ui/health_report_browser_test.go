package ui

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/browsertest"
)

// TestReportScreens follows the links to the reports in both languages, and
// looks at each by day, by night and on a phone.
func TestReportScreens(t *testing.T) {
	w := newWorld(t)
	w.withPassword("ana")
	fleetOf(w, 5)
	showcase(w)
	axe, err := os.ReadFile("testdata/axe.min.js")
	must(t, err)
	b := browse(t, w)
	b.login()
	for _, row := range []struct{ accept, tag, one, all string }{
		{"en", "en", "Health of shop", "Health of 7 instances"},
		{"pt-BR", "pt-BR", "Saúde de shop", "Saúde de 7 instâncias"},
	} {
		b.run(network.Enable(), network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": row.accept}))
		for name, title := range map[string]string{"report": row.one, "fleet-report": row.all} {
			from := map[string]string{"report": "/instances/shop/history", "fleet-report": "/"}[name]
			b.size(1360, 900)
			b.dress("light")
			b.open(from)
			b.accessible(from+" in "+row.tag, string(axe))
			b.click(`.reports a[href*="format=html"]`, ".figures")
			if got := b.text("h1"); got != title {
				t.Errorf("%s is headed %q, want %q", b.where(), got, title)
			}
			copied := scriptable(w, strings.TrimPrefix(b.where(), b.Base), row.accept)
			for _, scheme := range []string{"light", "dark"} {
				b.dress(scheme)
				b.run(browsertest.Visit(copied), chromedp.WaitVisible(".figures", chromedp.ByQuery))
				b.shot(name + "-" + row.tag + "-" + scheme)
				b.accessible(name+" in "+row.tag+" "+scheme, string(axe))
			}
			b.dress("light")
			b.size(390, 844)
			b.run(browsertest.Visit(copied))
			b.shot(name + "-" + row.tag + "-phone")
			b.fits(name)
		}
	}
	b.quiet("Blocked script execution") // that of the browser's driver
}

// scriptable serves a copy of a report without the headers that keep every
// script from it, axe's, too.
func scriptable(w *world, path, accept string) string {
	w.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Language", accept)
	_, login := w.user("reader"+core.NewID()[:8], map[string]core.Role{"*": core.Viewer})
	r.Header.Set("Authorization", "Bearer "+login)
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = out.Write(rec.Body.Bytes())
	}))
	w.t.Cleanup(s.Close)
	return s.URL
}
