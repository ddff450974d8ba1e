package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPasswordIsHeard reads the login from what the first start, and a later demo,
// print among other things.
func TestPasswordIsHeard(t *testing.T) {
	for name, c := range map[string]struct{ printed, want string }{
		"nothing yet":     {"Basewright answers at http://127.0.0.1:3080\n", ""},
		"the first start": {"a log line\nFirst start: log in as admin with the password K2VTQ7 (shown this once; change it)\n", "K2VTQ7"},
		"a later demo":    {"Password (shown this once): 3UJQ\nBasewright answers at http://127.0.0.1:3080\n", "3UJQ"},
	} {
		h := &heard{Writer: io.Discard}
		for line := range strings.Lines(c.printed) {
			fmt.Fprint(h, line)
		}
		if got := h.password(); got != c.want {
			t.Errorf("%s: the password is %q, want %q", name, got, c.want)
		}
	}
}

// TestPanelTells wants the demo to end well only where the panel takes the login and
// shows the findings and the receipts of the story.
func TestPanelTells(t *testing.T) {
	for name, c := range map[string]struct{ password, leftOut, says string }{
		"it shows the story":         {"right", "", ""},
		"a finding is not there":     {"right", "PG-01", `the panel does not show "PG-01" at /instances/lab-a/history`},
		"the login does not work":    {"wrong", "", "POST /api/login answers 401 Unauthorized"},
		"a receipt is not there":     {"right", "Restart auth and hope", `the panel does not show "Restart auth and hope" at /instances/lab-a/changes`},
		"the small fault is not one": {"right", "align-urls", `the panel does not show "align-urls" at /instances/lab-b`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch {
			case r.URL.Path == "/api/login" && !strings.Contains(string(body), `"right"`):
				w.WriteHeader(http.StatusUnauthorized)
			case r.URL.Path == "/api/login":
				fmt.Fprint(w, `{"token":"t"}`)
			case strings.HasPrefix(r.URL.Path, "/instances") && r.Header.Get("Authorization") != "Bearer t":
				w.WriteHeader(http.StatusUnauthorized)
			default:
				for _, word := range told[r.URL.Path] {
					if word != c.leftOut {
						fmt.Fprintln(w, word)
					}
				}
			}
		}))
		defer server.Close()
		h := &heard{Writer: io.Discard}
		fmt.Fprintf(h, "Password (shown this once): %s\n", c.password)
		err := panelTells(t.Context(), server.URL, h)
		if (err == nil) != (c.says == "") || err != nil && err.Error() != c.says {
			t.Errorf("%s: %v", name, err)
		}
	}
}
