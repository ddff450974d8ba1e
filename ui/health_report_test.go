package ui

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// A report of the fleet is of what its reader may see, in every format.
func TestHealthReports(t *testing.T) {
	w := newWorld(t)
	_, ana := w.user("ana", map[string]core.Role{"shop": core.Viewer})
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	for _, id := range []string{"shop", "other"} {
		must(t, w.a.Store.SaveDiagnosis(t.Context(), aDiagnosis(id)))
	}
	for _, row := range []struct{ login, path, kind, has, hasNot string }{
		{ana, "/api/instances/shop/health-report?format=html", "text/html; charset=utf-8", "Health of shop", "other"},
		{ana, "/api/instances/shop/health-report?format=csv", "text/csv; charset=utf-8", "shop,", "other"},
		{ana, "/api/health-report", "application/json; charset=utf-8", `"instance_id":"shop"`, "other"},
		{ana, "/api/health-report?format=html", "text/html; charset=utf-8", "Health of 1 instance<", "other"},
		{ana, "/api/health-report?format=csv", "text/csv; charset=utf-8", "shop,", "other"},
		{root, "/api/health-report?format=html&days=30", "text/html; charset=utf-8", "Health of 2 instances", "nothing"},
	} {
		rec := w.ask("GET", row.path, row.login, "")
		body := rec.Body.String()
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != row.kind || !strings.Contains(body, row.has) || strings.Contains(body, row.hasNot) {
			t.Errorf("%s: %d %s %.300s", row.path, rec.Code, rec.Header().Get("Content-Type"), body)
		}
		if policy := rec.Header().Get("Content-Security-Policy"); strings.Contains(policy, "script-src") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %s", row.path, policy)
		}
	}
	for _, path := range []string{"/api/health-report?format=pdf", "/api/health-report?days=0"} {
		if rec := w.ask("GET", path, root, ""); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

// TestHealthReportsSpeakTheReadersLanguage asks as a browser does that is set to
// Portuguese, and follows the links of the pages.
func TestHealthReportsSpeakTheReadersLanguage(t *testing.T) {
	w := newWorld(t)
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	must(t, w.a.Store.SaveDiagnosis(t.Context(), aDiagnosis("shop")))
	ask := func(path string) string {
		t.Helper()
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Language", "pt-BR")
		r.Header.Set("Authorization", "Bearer "+root)
		rec := httptest.NewRecorder()
		w.h.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d %.300s", path, rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	for page, title := range map[string]string{"/instances/shop/history": "Saúde de shop", "/": "Saúde de 2 instâncias"} {
		body := ask(page)
		for _, format := range []string{"html", "csv", "json"} {
			m := regexp.MustCompile(`href="([^"]*health-report[^"]*format=` + format + `[^"]*)"`).FindStringSubmatch(body)
			if m == nil {
				t.Errorf("%s has no link to the report as %s", page, format)
				continue
			}
			out := ask(html.UnescapeString(m[1]))
			if format == "html" && (!strings.Contains(out, `<html lang="pt-BR">`) || !strings.Contains(out, title) || !strings.Contains(out, "Tempo no ar")) {
				t.Errorf("%s: %.600s", m[1], out)
			}
		}
	}
}
