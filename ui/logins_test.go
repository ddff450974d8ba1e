package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestABrowserThatIsKnownHasACountOfItsOwn: who guesses at the same address, which may
// be that of a proxy for everybody, makes nobody wait in the browser where they are at
// home. The cookie is of one user, and made here.
func TestABrowserThatIsKnownHasACountOfItsOwn(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.init(w.a.Now)
	w.withPassword("ana")
	w.withPassword("bob")
	device := func(name string) *http.Cookie {
		for _, k := range w.logIn("/api/session", "127.0.0.1", name, goodPassword).Result().Cookies() {
			if k.Name == deviceCookie {
				return k
			}
		}
		return &http.Cookie{Name: deviceCookie, Value: "none"}
	}
	ana, bob := device("ana"), device("bob")
	w.a.logins.init(w.a.Now)
	try := func(password string, k *http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/api/session", strings.NewReader(fmt.Sprintf(`{"username":"ana","password":%q}`, password)))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "127.0.0.1:1234"
		if k != nil {
			r.AddCookie(k)
		}
		return w.send(r)
	}
	for range 20 {
		try("guess", nil)
	}
	rec := try(goodPassword, nil)
	if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") != "1" || !strings.Contains(rec.Body.String(), "wait 1 s") {
		t.Errorf("the wait is a second, it says %q: %d %s", rec.Header().Get("Retry-After"), rec.Code, rec.Body)
	}
	for name, k := range map[string]*http.Cookie{"of another user": bob, "made up": {Name: deviceCookie, Value: "AAAA" + ana.Value[4:]}} {
		if rec := try(goodPassword, k); rec.Code != http.StatusTooManyRequests {
			t.Errorf("with a cookie %s: %d", name, rec.Code)
		}
	}
	if rec := try(goodPassword, ana); rec.Code != http.StatusOK {
		t.Errorf("in the browser of ana: %d %s", rec.Code, rec.Body)
	}
	looked := 0
	for range 60 {
		if try("guess", ana).Code != http.StatusTooManyRequests {
			looked++
		}
	}
	if looked > 20 {
		t.Errorf("%d guesses in that browser were looked at", looked)
	}
}
