package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// withFactor gives ana a second factor over the API, and returns its secret, her
// login and her recovery codes.
func (w *world) withFactor() (secret core.Secret, login string, codes []any) {
	w.t.Helper()
	w.withPassword("ana")
	login = decoded(w.t, w.logIn("/api/login", "192.0.2.1", "ana", goodPassword))["token"].(string)
	proposed := decoded(w.t, w.ask("GET", "/api/me/factor", login, ""))
	secret = core.Secret(proposed["secret"].(string))
	if uri := proposed["uri"].(string); !strings.HasPrefix(uri, "otpauth://totp/Basewright:ana?") || !strings.Contains(uri, secret.Reveal()) {
		w.t.Errorf("the app is to read %s", uri)
	}
	set := fmt.Sprintf(`{"secret":%q,"code":%q,"password":%q}`, secret.Reveal(), w.code(secret, 0), goodPassword)
	for name, bad := range map[string]string{
		"another password": strings.Replace(set, goodPassword, "not the password", 1),
		"another code":     strings.Replace(set, w.code(secret, 0), w.code(secret, -500), 1),
		"a short secret":   strings.Replace(set, secret.Reveal(), "ABCDEFGH", 1),
	} {
		if rec := w.ask("PUT", "/api/me/factor", login, bad); rec.Code != http.StatusForbidden && rec.Code != http.StatusBadRequest {
			w.t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	rec := w.ask("PUT", "/api/me/factor", login, set)
	codes, _ = decoded(w.t, rec)["recovery_codes"].([]any)
	if rec.Code != http.StatusOK || len(codes) != 10 {
		w.t.Fatalf("%d, %d codes", rec.Code, len(codes))
	}
	return secret, login, codes
}

// code is what the app shows, steps from now.
func (w *world) code(secret core.Secret, steps int64) string {
	w.t.Helper()
	code, err := access.FactorCode(secret, w.a.Now().Unix()/30+steps)
	must(w.t, err)
	return code
}

func (w *world) logInWith(path, password, code string) *httptest.ResponseRecorder {
	return w.logInAt("192.0.2.1", path, password, code)
}

func (w *world) logInAt(address, path, password, code string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(fmt.Sprintf(`{"username":"ana","password":%q,"code":%q}`, password, code)))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = address + ":99"
	return w.send(r)
}

func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.now = w.a.Now
	secret, login, codes := w.withFactor()
	now = now.Add(time.Minute)
	rec := w.logInWith("/api/login", goodPassword, "")
	if p := decoded(t, rec); rec.Code != http.StatusUnauthorized || p["second_factor_required"] != true {
		t.Errorf("without a code: %d %v", rec.Code, p)
	}
	if p := decoded(t, w.logInWith("/api/login", "not the password", w.code(secret, 0))); p["second_factor_required"] != nil {
		t.Errorf("a wrong password is told that there is a second factor: %v", p)
	}
	good := w.code(secret, 0)
	if rec := w.logInWith("/api/session", goodPassword, good); rec.Code != http.StatusOK || rec.Header().Get("Set-Cookie") == "" {
		t.Errorf("with the code: %d %s", rec.Code, rec.Body)
	}
	recovery := codes[0].(string)
	for name, row := range map[string]struct {
		code string
		want int
	}{"used again": {good, 401}, "of an hour before": {w.code(secret, -120), 401}, "a recovery code that is none": {"aaaaa-bbbbb-ccccc", 401}, "a recovery code": {recovery, 200}} {
		if rec := w.logInWith("/api/login", goodPassword, row.code); rec.Code != row.want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	now = now.Add(time.Minute)
	if rec := w.logInWith("/api/login", goodPassword, recovery); rec.Code != http.StatusUnauthorized {
		t.Errorf("a recovery code twice: %d", rec.Code)
	}
	now = now.Add(time.Minute)
	off := fmt.Sprintf(`{"password":%q,"code":%q}`, goodPassword, w.code(secret, 0))
	if rec := w.ask("POST", "/api/me/factor/remove", login, strings.Replace(off, w.code(secret, 0), "000000", 1)); rec.Code != http.StatusForbidden {
		t.Errorf("it is removed without its code, or the login seems to be over: %d", rec.Code)
	}
	if rec := w.ask("POST", "/api/me/factor/remove", login, off); rec.Code != http.StatusOK {
		t.Errorf("removed: %d %s", rec.Code, rec.Body)
	}
	if rec := w.logInWith("/api/login", goodPassword, ""); rec.Code != http.StatusOK {
		t.Errorf("without a second factor: %d %s", rec.Code, rec.Body)
	}
}

// TestCodesAreNotGuessed: who has the password tries a few codes, and then waits.
func TestCodesAreNotGuessed(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.a.Now = func() time.Time { return now }
	w.a.logins.now = w.a.Now
	w.withFactor()
	tried := 0
	for range 100 {
		now = now.Add(100 * time.Millisecond)
		if w.logInWith("/api/login", goodPassword, "000000").Code == http.StatusUnauthorized {
			tried++
		}
	}
	if tried > 8 {
		t.Errorf("%d codes were tried in ten seconds", tried)
	}
}

// TestALostFactorIsRemovedByAnAdmin: and nobody else.
func TestALostFactorIsRemovedByAnAdmin(t *testing.T) {
	w := newWorld(t)
	w.withFactor()
	u, _, err := w.a.Store.UserByName(t.Context(), "ana")
	must(t, err)
	_, weak := w.user("vic", map[string]core.Role{"shop": core.Admin})
	_, root := w.user("root", map[string]core.Role{"*": core.Admin})
	if rec := w.ask("PATCH", "/api/users/"+u.ID, weak, `{"remove_second_factor":true}`); rec.Code != http.StatusForbidden {
		t.Errorf("by another: %d", rec.Code)
	}
	if rec := w.ask("PATCH", "/api/users/"+u.ID, root, `{"remove_second_factor":true}`); rec.Code != http.StatusOK || decoded(t, rec)["user"].(map[string]any)["second_factor"] != false {
		t.Errorf("by an admin: %d %s", rec.Code, rec.Body)
	}
	if rec := w.logInWith("/api/login", goodPassword, ""); rec.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", rec.Code, rec.Body)
	}
}
