package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
)

// newTestGotrue migrates a fresh database and returns the service in front of it.
func newTestGotrue(t *testing.T, change map[string]string) (*gotrue, *postgres, string, *buffer) {
	t.Helper()
	pg := startPostgres(t)
	db := pg.database(t)
	e := gotrueEnv(pg.url("supabase_auth_admin", db))
	maps.Copy(e, change)
	log := &buffer{}
	g := &gotrue{log: &lines{w: log}}
	var err error
	if g.conf, err = loadGotrueConfig(e); err != nil {
		t.Fatal(err)
	}
	cfg, err := gotrueDBConfig(g.conf.dbURL)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second run finds everything applied
		if err := g.migrate(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if g.db, err = openPool(context.Background(), cfg, 5); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.db.Close)
	return g, pg, db, log
}

func roleToken(t *testing.T, secret, role string, exp time.Duration) string {
	t.Helper()
	s, err := signHS256(secret, jwt.MapClaims{"role": role, "iss": "supabase", "exp": time.Now().Add(exp).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGotrueAdminTokens(t *testing.T) {
	g, _, _, _ := newTestGotrue(t, nil)
	h := g.handler()
	for name, tt := range map[string]struct {
		header string
		status int
		want   string
	}{
		"service_role is an administrator": {"Bearer " + roleToken(t, jwtSecret, "service_role", time.Hour), 200, `{"aud":"authenticated","users":[]}`},
		"anon is not":                      {"Bearer " + roleToken(t, jwtSecret, "anon", time.Hour), 403, `{"code":403,"error_code":"not_admin","msg":"User not allowed"}`},
		"another secret": {"Bearer " + roleToken(t, "another secret", "service_role", time.Hour), 403,
			`{"code":403,"error_code":"bad_jwt","msg":"invalid JWT: unable to parse or verify signature, token signature is invalid: signature is invalid"}`},
		"expired":   {"Bearer " + roleToken(t, jwtSecret, "service_role", -time.Hour), 403, `signature, token has invalid claims: token is expired"}`},
		"malformed": {"Bearer nonsense", 403, `signature, token is malformed: token contains an invalid number of segments"}`},
		"none":      {"", 401, `{"code":401,"error_code":"no_authorization","msg":"This endpoint requires a valid Bearer token"}`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := ask(t, h, "GET", "/admin/users?per_page=1", "", "Authorization: "+tt.header)
			if status != tt.status {
				t.Errorf("status %d", status)
			}
			want(t, "body", body, tt.want)
		})
	}
}

func TestGotrueSignupLoginRefreshLogout(t *testing.T) {
	g, pg, db, _ := newTestGotrue(t, nil)
	h := g.handler()
	status, body, _ := ask(t, h, "POST", "/signup", `{"email":"Ann@example.com","password":"secret12"}`)
	if status != 200 {
		t.Fatalf("signup %d %s", status, body)
	}
	if got := pg.text(t, db, `select email || ' ' || left(encrypted_password, 4) from auth.users`); !strings.HasPrefix(got, "ann@example.com $2") {
		t.Errorf("row: %s", got)
	}
	status, body, _ = ask(t, h, "POST", "/signup", `{"email":"ann@example.com","password":"secret12"}`)
	if status != 422 || !strings.Contains(body, "user_already_exists") {
		t.Errorf("second signup: %d %s", status, body)
	}
	status, body, _ = ask(t, h, "POST", "/token?grant_type=password", `{"email":"ann@example.com","password":"wrong"}`)
	if status != 400 || !strings.Contains(body, `"msg":"Invalid login credentials"`) {
		t.Errorf("wrong password: %d %s", status, body)
	}
	var s sessionAnswer
	_, body, _ = ask(t, h, "POST", "/token?grant_type=password", `{"email":"ann@example.com","password":"secret12"}`)
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.AccessToken == "" {
		t.Fatalf("login: %s", body)
	}
	claims, err := parseKeySet(jwtSecret).verify(s.AccessToken, jwt.WithAudience("authenticated"))
	if err != nil || claims["role"] != "authenticated" || claims["session_id"] == "" {
		t.Errorf("claims %v %v", claims, err)
	}
	status, body, _ = ask(t, h, "GET", "/user", "", "Authorization: Bearer "+s.AccessToken)
	if status != 200 || !strings.Contains(body, "ann@example.com") {
		t.Errorf("user: %d %s", status, body)
	}
	refresh := fmt.Sprintf(`{"refresh_token":%q}`, s.RefreshToken)
	if status, body, _ = ask(t, h, "POST", "/token?grant_type=refresh_token", refresh); status != 200 {
		t.Errorf("refresh: %d %s", status, body)
	}
	if status, body, _ = ask(t, h, "POST", "/token?grant_type=refresh_token", refresh); status != 400 || !strings.Contains(body, "refresh_token_not_found") {
		t.Errorf("a refresh token works once: %d %s", status, body)
	}
	if status, _, _ = ask(t, h, "POST", "/logout", "", "Authorization: Bearer "+s.AccessToken); status != 204 {
		t.Errorf("logout: %d", status)
	}
	admin := "Authorization: Bearer " + roleToken(t, jwtSecret, "service_role", time.Hour)
	_, _, header := ask(t, h, "GET", "/admin/users", "", admin)
	if header.Get("X-Total-Count") != "1" {
		t.Errorf("total %q", header.Get("X-Total-Count"))
	}
	if status, body, _ = ask(t, h, "DELETE", "/admin/users/"+s.User.ID, "", admin); status != 200 {
		t.Errorf("delete: %d %s", status, body)
	}
	if status, body, _ = ask(t, h, "GET", "/admin/users/"+s.User.ID, "", admin); status != 404 || !strings.Contains(body, "user_not_found") {
		t.Errorf("deleted user: %d %s", status, body)
	}
}

func TestGotrueTriggerSurfacesAsTheLastSQLSTATE(t *testing.T) {
	g, pg, db, log := newTestGotrue(t, nil)
	pg.exec(t, db, `create function public.handle_new_user() returns trigger language plpgsql as
		$$ begin insert into public.nosuch values (new.id); return new; end $$;
		create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user()`)
	status, body, _ := ask(t, g.handler(), "POST", "/signup", `{"email":"ann@example.com","password":"secret12"}`)
	if status != 500 {
		t.Errorf("status %d", status)
	}
	want(t, "body", body, `{"code":500,"error_code":"unexpected_failure","msg":"Database error saving new user","error_id":"`)
	want(t, "log", log.String(), `(SQLSTATE 25P02): ERROR: relation \"public.nosuch\" does not exist (SQLSTATE 42P01)"`)
	want(t, "request line", log.String(), `"path":"/signup"`)
	if n := pg.text(t, db, `select count(*)::text from auth.users`); n != "0" {
		t.Errorf("%s users left", n)
	}
}

func TestGotrueNullTokenBreaksLogin(t *testing.T) {
	g, pg, db, log := newTestGotrue(t, nil)
	pg.exec(t, db, `insert into auth.users (id, email) values (gen_random_uuid(), 'by-hand@example.com')`)
	status, body, _ := ask(t, g.handler(), "POST", "/token?grant_type=password", `{"email":"by-hand@example.com","password":"x"}`)
	if status != 500 || !strings.Contains(body, "Database error querying schema") {
		t.Errorf("%d %s", status, body)
	}
	want(t, "log", log.String(), `name \"confirmation_token\": converting NULL to string is unsupported`)
}

func TestGotrueWithoutItsDatabase(t *testing.T) {
	pg := startPostgres(t)
	e := gotrueEnv("postgres://supabase_auth_admin:p@127.0.0.1:" + freePort(t) + "/x")
	g := &gotrue{log: &lines{w: &buffer{}}, identityID: "id"}
	g.conf, _ = loadGotrueConfig(e)
	cfg, err := gotrueDBConfig(g.conf.dbURL)
	if err != nil {
		t.Fatal(err)
	}
	g.db, _ = openPool(t.Context(), cfg, 2)
	defer g.db.Close()
	_ = pg
	admin := "Authorization: Bearer " + roleToken(t, jwtSecret, "service_role", time.Hour)
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"health stays green": {"GET", "/health", "", 200, `{"version":"v2.196.0","name":"GoTrue","description":"GoTrue is a user registration and authentication API"}`},
		"settings too":       {"GET", "/settings", "", 200, `"mailer_autoconfirm":true`},
		"admin is 500":       {"GET", "/admin/users", "", 500, `"msg":"Database error finding users"`},
		"token is 500":       {"POST", "/token?grant_type=password", `{"email":"a@b.c","password":"x"}`, 500, `"msg":"Database error querying schema"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := ask(t, g.handler(), tt.method, tt.path, tt.body, admin)
			if status != tt.status {
				t.Errorf("status %d", status)
			}
			want(t, "body", body, tt.want)
		})
	}
}

func TestGotrueTimesOutWhenTheDatabaseHangs(t *testing.T) {
	g, pg, db, _ := newTestGotrue(t, map[string]string{"GOTRUE_API_MAX_REQUEST_DURATION": "300ms"})
	c, err := pgx.Connect(t.Context(), pg.url("supabase_admin", db))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.PgConn().Exec(t.Context(), `begin; lock table auth.users`).ReadAll(); err != nil {
		t.Fatal(err)
	}
	status, body, _ := ask(t, g.handler(), "POST", "/token?grant_type=password", `{"email":"a@b.c","password":"x"}`)
	if status != http.StatusGatewayTimeout || body != `{"code":504,"error_code":"request_timeout","msg":"Processing this request timed out, please retry after a moment."}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestGotrueMail(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and hangs up: EOF
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go func() {
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	_, eofPort, _ := net.SplitHostPort(silent.Addr().String())
	for name, tt := range map[string]struct{ host, port, want string }{
		"the placeholder host is unknown": {"supabase-mail.invalid", "2500", "dial tcp: lookup supabase-mail.invalid"},
		"nothing listens":                 {"127.0.0.1", freePort(t), "connect: connection refused"},
		"the server hangs up":             {"127.0.0.1", eofPort, `"error":"EOF"`},
	} {
		t.Run(name, func(t *testing.T) {
			g, pg, db, log := newTestGotrue(t, map[string]string{"GOTRUE_MAILER_AUTOCONFIRM": "false", "GOTRUE_SMTP_HOST": tt.host, "GOTRUE_SMTP_PORT": tt.port})
			status, body, _ := ask(t, g.handler(), "POST", "/signup", `{"email":"ann@example.com","password":"secret12"}`)
			if status != 500 || !strings.Contains(body, `"msg":"Error sending confirmation email"`) {
				t.Errorf("%d %s", status, body)
			}
			want(t, "log", log.String(), tt.want)
			if n := pg.text(t, db, `select count(*)::text from auth.users`); n != "0" {
				t.Errorf("the user row was not rolled back: %s", n)
			}
		})
	}
}
