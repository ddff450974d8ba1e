package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// gotrue is an auth service of one page that a test can make fail. Requests are
// named "create", "delete" and so on.
type gotrue struct {
	mu    sync.Mutex
	users map[string]string // id to address
	asked []string
	fail  map[string]func(http.ResponseWriter) // what a request is answered instead
	after func(request string)                 // once a request has done its work
}

const (
	anonKey    = "the-anon-key-of-this-test"
	serviceKey = "the-service-key-of-this-test"
)

func replies(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (g *gotrue) name(r *http.Request) string {
	return map[string]string{
		"GET /admin/users": "count", "POST /admin/users": "create", "POST /token password": "sign in", "POST /token refresh_token": "refresh",
	}[strings.TrimSpace(r.Method+" "+strings.TrimPrefix(r.URL.Path, "/auth/v1")+" "+r.URL.Query().Get("grant_type"))]
}

func (g *gotrue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	request := g.name(r)
	if request == "" && r.Method == http.MethodDelete {
		request = "delete"
	}
	g.asked = append(g.asked, request)
	want := serviceKey
	if strings.HasSuffix(r.URL.Path, "/token") {
		want = anonKey
	}
	answered := false
	switch fail := g.fail[request]; {
	case fail != nil:
		fail(w)
		answered = true
	case strings.HasPrefix(r.URL.Path, "/auth/v1") && r.Header.Get("apikey") != want:
		replies(401, `{"message":"Unauthorized"}`)(w)
		answered = true
	}
	if !answered {
		g.answer(w, r, request)
	}
	if g.after != nil {
		g.after(request)
	}
}

func (g *gotrue) answer(w http.ResponseWriter, r *http.Request, request string) {
	var in struct{ Email, Password string }
	json.NewDecoder(r.Body).Decode(&in)
	switch request {
	case "count":
		w.Header().Set("X-Total-Count", fmt.Sprint(len(g.users)))
		list := []string{}
		for id, email := range g.users {
			list = append(list, fmt.Sprintf(`{"id":%q,"email":%q,"created_at":"2026-01-01T00:00:00Z"}`, id, email))
		}
		fmt.Fprintf(w, `{"users":[%s]}`, strings.Join(list, ","))
	case "create":
		g.users["id-new"] = in.Email
		fmt.Fprint(w, `{"id":"id-new"}`)
	case "sign in", "refresh":
		fmt.Fprint(w, `{"access_token":"a-token-of-this-test","refresh_token":"r-token-of-this-test"}`)
	case "delete":
		delete(g.users, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		fmt.Fprint(w, `{}`)
	}
}

// probed is a stack whose gateway and auth are g. Its triggers are what the
// database says of them.
func probed(t *testing.T, g *gotrue, triggers [][]string, change func(*coretest.Engine)) core.Target {
	t.Helper()
	g.users = map[string]string{"id-1": "ana@example.com", "id-2": "ben@example.com"}
	e := &coretest.Engine{Containers: coretest.Running(core.DB, core.Auth, core.Gateway),
		Files: map[string]core.File{".env": {Data: []byte("ANON_KEY=" + anonKey + "\nSERVICE_ROLE_KEY=" + serviceKey)}},
		Ports: map[core.Address]func(net.Conn){
			{Service: core.Gateway, Port: 8000}: coretest.HTTP(g), {Service: core.Auth, Port: 9999}: coretest.HTTP(g),
		},
		Databases: map[string]func(string) ([][]string, error){"postgres": func(sql string) ([][]string, error) {
			switch {
			case strings.Contains(sql, "pg_constraint"):
				return nil, nil
			case strings.Contains(sql, "pg_trigger"):
				return triggers, nil
			}
			return nil, &core.SQLError{State: "42501", Message: "no"} // auth is asked for its users then
		}}}
	e.Containers[1].Logs = []core.LogLine{{At: time.Now().Add(time.Hour), Text: `{"level":"error","error":"Database error creating new user: ERROR: relation \"profiles\" does not exist (SQLSTATE 42P01)"}`}}
	if change != nil {
		change(e)
	}
	o, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return core.Target{Observation: o, Inspector: e, Key: core.FingerprintKey("test")}
}

var failingTrigger = [][]string{{"on_new_user", "public.handle_new_user", "security invoker", "postgres", ""}}

func TestSignUp(t *testing.T) {
	tests := map[string]struct {
		fail     map[string]func(http.ResponseWriter)
		triggers [][]string
		change   func(*coretest.Engine)
		code     string
		step     string
	}{
		"all is well":                         {},
		"a trigger that works":                {triggers: failingTrigger},
		"the gateway is stopped":              {change: isStopped(core.Gateway), code: "SIGN-02 gateway", step: atGateway},
		"the gateway refuses connections":     {change: func(e *coretest.Engine) { clear(e.Ports) }, code: "SIGN-02 gateway", step: atGateway},
		"the gateway has another key":         {fail: onRequest("count", replies(401, `{"message":"Invalid authentication credentials"}`)), code: "GW-04 gateway", step: atKey},
		"the gateway has another anon key":    {fail: onRequest("sign in", replies(401, `{"message":"Unauthorized"}`)), code: "GW-04 gateway", step: atKey},
		"auth has another secret":             {fail: onRequest("count", replies(403, `{"error_code":"bad_jwt","msg":"invalid JWT: signature is invalid"}`)), code: "SIGN-02 auth", step: atKey},
		"the key is expired":                  {fail: onRequest("count", replies(403, `{"error_code":"bad_jwt","msg":"token is expired"}`)), code: "SIGN-02 gateway", step: atKey},
		"the key is no service key":           {fail: onRequest("count", replies(403, `{"error_code":"not_admin","msg":"User not allowed"}`)), code: "SIGN-02 gateway", step: atKey},
		"the gateway cannot find auth":        {fail: onRequest("count", replies(503, `{"message":"name resolution failed"}`)), code: "SIGN-02 auth", step: atGateway},
		"auth is stopped":                     {fail: onRequest("count", replies(503, `{"message":"name resolution failed"}`)), change: isStopped(core.Auth), code: "SIGN-02 auth", step: atAuth},
		"auth does not answer the gateway":    {fail: onRequest("count", replies(502, `An invalid response was received from the upstream server`)), code: "SIGN-02 auth", step: atAuth},
		"auth cannot use the database":        {fail: onRequest("count", replies(500, `{"msg":"Database error finding users"}`)), code: "AUTH-17 auth", step: atDatabase},
		"the database hangs":                  {fail: onRequest("count", replies(504, `{"error_code":"request_timeout"}`)), code: "AUTH-17 auth", step: atDatabase},
		"a trigger refuses the user":          {fail: onRequest("create", replies(500, `{"msg":"Database error creating new user"}`)), triggers: failingTrigger, code: "AUTH-05 auth", step: atTrigger},
		"the database refuses the user":       {fail: onRequest("create", replies(500, `{"msg":"Database error creating new user"}`)), code: "SIGN-02 auth", step: atDatabase},
		"the disk is full, with a trigger":    {fail: onRequest("create", replies(500, `{"msg":"Database error creating new user"}`)), triggers: failingTrigger, change: hasLogged("53100"), code: "SIGN-02 auth", step: atDatabase},
		"signing in fails in the database":    {fail: onRequest("sign in", replies(500, `{"msg":"Database error querying schema"}`)), code: "SIGN-03 auth", step: atDatabase},
		"signing in fails in a trigger":       {fail: onRequest("sign in", replies(500, `{"msg":"Database error granting user"}`)), triggers: failingTrigger, code: "SIGN-03 auth", step: atTrigger},
		"signing in gives no session":         {fail: onRequest("sign in", replies(200, `{}`)), code: "SIGN-03 auth", step: atAuth},
		"the session cannot be refreshed":     {fail: onRequest("refresh", replies(400, `{"error_code":"refresh_token_not_found"}`)), code: "SIGN-03 auth", step: atAuth},
		"sign-in by password is switched off": {fail: onRequest("sign in", replies(422, `{"error_code":"email_provider_disabled"}`))},
		"the gateway hangs up":                {fail: onRequest("create", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }), code: "SIGN-02 gateway", step: atGateway},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gotrue{fail: tt.fail}
			tgt := probed(t, g, tt.triggers, tt.change)
			found, err := signUp(t.Context(), tgt)
			if err != nil {
				t.Fatal(err)
			}
			g.same(t)
			if tt.code == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Code+" "+string(found[0].Service) != tt.code || found[0].Details["step"] != tt.step {
				t.Fatalf("found %+v, want %s at the step %s", found, tt.code, tt.step)
			}
			for _, e := range found[0].Evidence {
				if strings.Contains(e.Text, "-of-this-test") {
					t.Errorf("the evidence shows a secret: %s", e.Text)
				}
			}
		})
	}
}

func onRequest(request string, f func(http.ResponseWriter)) map[string]func(http.ResponseWriter) {
	return map[string]func(http.ResponseWriter){request: f}
}

func isStopped(s core.Service) func(*coretest.Engine) {
	return func(e *coretest.Engine) { e.Stop(context.Background(), s) }
}

func hasLogged(state string) func(*coretest.Engine) {
	return func(e *coretest.Engine) {
		e.Containers[1].Logs[0].Text = strings.ReplaceAll(e.Containers[1].Logs[0].Text, "42P01", state)
	}
}

// same wants the users of before and nobody else.
func (g *gotrue) same(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.users) != 2 || g.users["id-1"] == "" || g.users["id-2"] == "" {
		t.Errorf("afterwards the users are %v", g.users)
	}
}

func TestSignUpTriggerIsNamed(t *testing.T) {
	g := &gotrue{fail: onRequest("create", replies(500, `{"msg":"Database error creating new user"}`))}
	found, _ := signUp(t.Context(), probed(t, g, failingTrigger, nil))
	all := fmt.Sprintf("%+v", found)
	for _, want := range []string{"on_new_user", "public.handle_new_user", "security invoker", "42P01"} {
		if !strings.Contains(all, want) {
			t.Errorf("the finding does not say %s: %s", want, all)
		}
	}
}

func TestSignUpCannotDelete(t *testing.T) {
	g := &gotrue{fail: onRequest("delete", replies(500, `{"msg":"Database error deleting user"}`))}
	found, err := signUp(t.Context(), probed(t, g, nil, nil))
	if err != nil || len(found) != 1 || found[0].Code != "SIGN-01" {
		t.Fatalf("found %+v, %v", found, err)
	}
	if address := g.users["id-new"]; !strings.HasPrefix(address, probeName) || !strings.Contains(found[0].Evidence[0].Text, address) {
		t.Errorf("the finding does not name %s: %+v", address, found[0].Evidence)
	}
}

func TestSignUpIsCancelled(t *testing.T) {
	for _, request := range []string{"count", "create", "sign in", "refresh"} {
		t.Run("after "+request, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			g := &gotrue{after: func(r string) {
				if r == request {
					cancel()
				}
			}}
			found, err := signUp(ctx, probed(t, g, nil, nil))
			if len(found) > 0 {
				t.Errorf("found %+v, %v", found, err)
			}
			g.same(t)
		})
	}
}

func TestSignUpRemovesLeftovers(t *testing.T) {
	g := &gotrue{}
	tgt := probed(t, g, nil, nil)
	g.users["id-old"] = probeName + "old" + probeDomain
	if found, err := signUp(t.Context(), tgt); err != nil || len(found) > 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	g.same(t)
}

func TestSignUpStopsAtALeftoverThatStays(t *testing.T) {
	g := &gotrue{fail: onRequest("delete", replies(500, `{"msg":"Database error deleting user"}`))}
	tgt := probed(t, g, nil, nil)
	g.users["id-old"] = probeName + "old" + probeDomain
	found, err := signUp(t.Context(), tgt)
	if err != nil || len(found) != 1 || found[0].Code != "SIGN-01" || found[0].Details["user"] != g.users["id-old"] {
		t.Errorf("found %+v, %v", found, err)
	}
	if slices.Contains(g.asked, "create") {
		t.Errorf("another user was created: %v", g.asked)
	}
}

// TestSignUpSparesWhatHolds checks that no user is created who could not be
// deleted again.
func TestSignUpSparesWhatHolds(t *testing.T) {
	g := &gotrue{}
	tgt := probed(t, g, nil, func(e *coretest.Engine) {
		e.Databases["postgres"] = func(string) ([][]string, error) { return [][]string{{"profiles", "on_new_user"}}, nil }
	})
	found, err := signUp(t.Context(), tgt)
	if err == nil || !strings.Contains(err.Error(), "profiles") || len(found) > 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	if slices.Contains(g.asked, "create") {
		t.Errorf("a user was created: %v", g.asked)
	}
}
