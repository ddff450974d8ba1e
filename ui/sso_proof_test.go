package ui

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestTheIssuerSaysWhenSomebodyShowedWhoTheyAre: a login there that typed nothing
// proves nothing, also when a code of the second factor follows.
func TestTheIssuerSaysWhenSomebodyShowedWhoTheyAre(t *testing.T) {
	hours, ahead := -11*time.Hour, time.Hour
	for name, tt := range map[string]struct {
		typed  *time.Duration // from now; nil when the issuer does not tell
		factor bool
		want   int
	}{
		"eleven hours ago":              {&hours, false, http.StatusForbidden},
		"eleven hours ago, and a code":  {&hours, true, http.StatusForbidden},
		"now, by a clock that is ahead": {&ahead, false, http.StatusSeeOther},
		"it does not tell":              {nil, false, http.StatusSeeOther},
		"it does not tell, with a code": {nil, true, http.StatusSeeOther},
	} {
		t.Run(name, func(t *testing.T) {
			w, i := newWorld(t), newIssuer(t)
			i.at(w)
			w.saves()
			code := ""
			if tt.factor {
				_, _, recovery := w.withFactor()
				code, _ = recovery[0].(string)
			} else {
				w.withPassword("ana")
			}
			u, _, err := w.a.Store.UserByName(t.Context(), "ana")
			must(t, err)
			must(t, w.a.Store.SetSubject(t.Context(), u.ID, i.server.URL+"#4711", entryOf("user.subject")))
			if tt.typed != nil {
				i.claims["auth_time"] = time.Now().Add(*tt.typed).Unix()
			}
			cookie := i.begin(w)
			if asked := i.asked.Get("max_age"); asked != "900" {
				t.Errorf("the issuer is asked for somebody of the last %q s", asked)
			}
			rec := i.comeBack(w, "code=the-code&state="+i.asked.Get("state"), cookie)
			if tt.factor {
				rec = i.enterCode(w, code, attemptOf(rec))
			}
			r := httptest.NewRequest("POST", "/playbooks/my-book/save", strings.NewReader("source=return+{}"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(sessionOf(rec))
			if rec := w.send(r); rec.Code != tt.want {
				t.Errorf("a playbook is saved: %d, want %d", rec.Code, tt.want)
			}
		})
	}
}
