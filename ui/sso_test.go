package ui

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// anIssuer is one of OpenID Connect with one user, which checks what real ones
// check: client, secret, return address, that a code counts once, and PKCE.
type anIssuer struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey
	signs  *rsa.PrivateKey // another one forges
	claims jwt.MapClaims   // what its tokens say besides the usual, or instead
	asked  url.Values      // of the login under way; empty after its code was taken back
}

const clientSecret = canary + "-of-the-client"

func newIssuer(t *testing.T) *anIssuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	i := &anIssuer{t: t, key: key, signs: key, claims: jwt.MapClaims{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.server.URL, "authorization_endpoint": i.server.URL + "/authorize", "token_endpoint": i.server.URL + "/token",
			"jwks_uri": i.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		b64 := base64.RawURLEncoding.EncodeToString
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1",
			"n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", i.token)
	i.server = httptest.NewServer(mux)
	t.Cleanup(i.server.Close)
	return i
}

func (i *anIssuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	secret, _ = url.QueryUnescape(secret)
	if id != "basewright-client" || secret != clientSecret || r.FormValue("code") != "the-code" || i.asked == nil ||
		r.FormValue("redirect_uri") != i.asked.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != i.asked.Get("code_challenge") {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	claims := jwt.MapClaims{"iss": i.server.URL, "sub": "4711", "aud": "basewright-client", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"nonce": i.asked.Get("nonce"), "preferred_username": "ana"}
	for k, v := range i.claims {
		claims[k] = v
	}
	i.asked = nil
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = "k1"
	signed, err := t.SignedString(i.signs)
	must(i.t, err)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "x", "token_type": "Bearer", "id_token": signed})
}

// at gives a world the issuer.
func (i *anIssuer) at(w *world) *access.SingleSignOn {
	s := &access.SingleSignOn{Issuer: i.server.URL, Client: "basewright-client", Secret: clientSecret, Return: "http://localhost/login/sso/return", Claim: "groups"}
	must(i.t, s.Check())
	w.a.SingleSignOn = s
	return s
}

// begin clicks on the button, and returns the cookie of the browser.
func (i *anIssuer) begin(w *world) *http.Cookie {
	i.t.Helper()
	rec := w.send(httptest.NewRequest("GET", "/login/sso?next=/playbooks", nil))
	to, err := url.Parse(rec.Header().Get("Location"))
	must(i.t, err)
	cookies := rec.Result().Cookies()
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(to.String(), i.server.URL+"/authorize?") || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		i.t.Fatalf("%d to %s with %v: %s", rec.Code, to, cookies, rec.Body)
	}
	i.asked = to.Query()
	if i.asked.Get("code_challenge_method") != "S256" || i.asked.Get("nonce") == "" || len(i.asked.Get("state")) < 20 {
		i.t.Fatalf("it asks with %v", i.asked)
	}
	return cookies[0]
}

// comeBack is what the issuer makes the browser do.
func (i *anIssuer) comeBack(w *world, query string, cookie *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/login/sso/return?"+query, nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return w.send(r)
}

// login goes all the way.
func (i *anIssuer) login(w *world) *httptest.ResponseRecorder {
	cookie := i.begin(w)
	return i.comeBack(w, "code=the-code&state="+i.asked.Get("state"), cookie)
}

// sessionOf is the login that an answer gives, "" for none.
func sessionOf(rec *httptest.ResponseRecorder) *http.Cookie {
	for _, c := range rec.Result().Cookies() {
		if c.Name == cookieName && c.Value != "" {
			return c
		}
	}
	return nil
}

// linked adds ana, whom the issuer calls 4711.
func (i *anIssuer) linked(w *world, grants map[string]core.Role) core.User {
	u := core.User{ID: core.NewID(), Name: "ana", Created: time.Now(), Grants: grants}
	must(i.t, w.a.Store.AddUser(i.t.Context(), u, "no password", entryOf("user.add")))
	must(i.t, w.a.Store.SetSubject(i.t.Context(), u.ID, i.server.URL+"#4711", entryOf("user.subject")))
	return u
}

func TestSingleSignOn(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	i.at(w)
	i.linked(w, map[string]core.Role{"shop": core.Viewer})
	if page := w.send(httptest.NewRequest("GET", "/login?next=/playbooks", nil)).Body.String(); !strings.Contains(page, `href="/login/sso?next=%2fplaybooks"`) || !strings.Contains(page, w.a.SingleSignOn.Host()) {
		t.Errorf("no button: %s", page)
	}
	cookie := i.begin(w)
	state := i.asked.Get("state")
	rec := i.comeBack(w, "code=the-code&state="+state, cookie)
	session := sessionOf(rec)
	if rec.Code != http.StatusOK || rec.Header().Get("Refresh") != "0; url=/playbooks" || session == nil || !session.HttpOnly || session.SameSite != http.SameSiteStrictMode {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	r := httptest.NewRequest("GET", "/api/me", nil)
	r.AddCookie(session)
	if me := w.send(r); me.Code != http.StatusOK || !strings.Contains(me.Body.String(), `"shop":"viewer"`) {
		t.Errorf("%d %s", me.Code, me.Body)
	}
	if again := i.comeBack(w, "code=the-code&state="+state, cookie); again.Code != http.StatusForbidden || sessionOf(again) != nil {
		t.Errorf("the same answer counts twice: %d", again.Code)
	}
	entries, err := w.a.Store.Audit(t.Context(), 5)
	must(t, err)
	if text := fmt.Sprint(entries); !strings.Contains(text, "user:ana login") || strings.Contains(text, canary) || strings.Contains(text, "the-code") {
		t.Errorf("the audit log: %s", text)
	}
}

func TestSingleSignOnRefuses(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	tests := map[string]struct {
		spoil func(i *anIssuer)
		query string // instead of code and state
		bare  bool   // another browser comes back
		says  string
	}{
		"the state is another":            {query: "code=the-code&state=guessed", says: "began in this browser"},
		"there is no state":               {query: "code=the-code", says: "began in this browser"},
		"another browser comes back":      {bare: true, says: "began in this browser"},
		"the issuer says no":              {query: "error=access_denied", says: "access_denied"},
		"the code is another":             {spoil: func(i *anIssuer) { i.asked.Set("code_challenge", "of another") }, says: "does not take its own code back"},
		"the token is of another login":   {spoil: func(i *anIssuer) { i.claims["nonce"] = "another" }, says: "of another login"},
		"the token is for somebody else":  {spoil: func(i *anIssuer) { i.claims["aud"] = "other-client" }, says: "cannot be believed"},
		"the token is old":                {spoil: func(i *anIssuer) { i.claims["exp"] = time.Now().Add(-time.Minute).Unix() }, says: "cannot be believed"},
		"the token is of another issuer":  {spoil: func(i *anIssuer) { i.claims["iss"] = "https://evil.example.com" }, says: "cannot be believed"},
		"another key signed it":           {spoil: func(i *anIssuer) { i.signs = other }, says: "cannot be believed"},
		"nobody here is this person":      {spoil: func(i *anIssuer) { i.claims["sub"] = "4712" }, says: "there is no such user"},
		"the name is that of another one": {spoil: func(i *anIssuer) { i.claims["sub"], i.claims["preferred_username"] = "4712", "admin" }, says: "there is no such user"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i, w := newIssuer(t), newWorld(t)
			i.at(w)
			i.linked(w, map[string]core.Role{"*": core.Viewer})
			w.withPassword("admin")
			cookie := i.begin(w)
			query := "code=the-code&state=" + i.asked.Get("state")
			if tt.query != "" {
				query = tt.query
			}
			if tt.bare {
				cookie = nil
			}
			if tt.spoil != nil {
				tt.spoil(i)
			}
			rec := i.comeBack(w, query, cookie)
			if rec.Code != http.StatusForbidden || sessionOf(rec) != nil || !strings.Contains(rec.Body.String(), tt.says) {
				t.Errorf("%d, want a refusal that says %q:\n%s", rec.Code, tt.says, rec.Body)
			}
		})
	}
}

func TestIssuerThatIsAway(t *testing.T) {
	i, w := newIssuer(t), newWorld(t)
	if rec := w.send(httptest.NewRequest("GET", "/login/sso", nil)); rec.Code != http.StatusNotFound {
		t.Errorf("without an issuer: %d", rec.Code)
	}
	i.at(w)
	i.server.Close()
	if rec := w.send(httptest.NewRequest("GET", "/login/sso", nil)); rec.Code < 500 || !strings.Contains(rec.Body.String(), "log in with a password") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestSingleSignOnSettings(t *testing.T) {
	good := access.SingleSignOn{Issuer: "https://login.example.com", Client: "c", Return: "https://bw.example.com/login/sso/return"}
	for name, spoil := range map[string]func(s *access.SingleSignOn){
		"--oidc-issuer":      func(s *access.SingleSignOn) { s.Issuer = "http://login.example.com" },
		"--public-url":       func(s *access.SingleSignOn) { s.Return = "" },
		"--oidc-client":      func(s *access.SingleSignOn) { s.Client = "" },
		"--oidc-role":        func(s *access.SingleSignOn) { s.Roles = map[string]core.Role{"ops": "king"} },
		"--oidc-create-role": func(s *access.SingleSignOn) { s.NewRole = "king" },
	} {
		s := access.SingleSignOn{Issuer: good.Issuer, Client: good.Client, Return: good.Return}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if spoil(&s); s.Check() == nil || !strings.Contains(s.Check().Error(), name) {
			t.Errorf("%s: %v", name, s.Check())
		}
	}
}

// Who gives up waiting for an issuer that hangs does not wait for those before
// them; when it answers, all go on.
func TestIssuerThatHangs(t *testing.T) {
	asked, answer := make(chan bool, 9), make(chan bool)
	var address string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-answer
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": address, "authorization_endpoint": address + "/a", "token_endpoint": address + "/t", "jwks_uri": address + "/k"})
	}))
	defer server.Close()
	address = server.URL
	s := &access.SingleSignOn{Issuer: server.URL, Client: "c", Return: "http://localhost/login/sso/return"}
	first := make(chan error)
	go func() {
		_, _, err := s.Begin(t.Context(), "/", time.Now())
		first <- err
	}()
	<-asked
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Begin(gone, "/", time.Now()); err == nil {
		t.Error("who had gone was sent to the issuer")
	}
	close(answer)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, _, err := s.Begin(t.Context(), "/", time.Now()); err != nil || len(asked) != 0 {
		t.Errorf("it is asked again: %d times, %v", len(asked), err)
	}
}
