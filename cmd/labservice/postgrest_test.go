package main

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// newTestPostgrest starts the connection loop on a fresh database and waits for the schema cache.
func newTestPostgrest(t *testing.T, sql string, change env) (*postgrest, *postgres, string, *buffer) {
	t.Helper()
	pg := startPostgres(t)
	db := pg.database(t)
	pg.exec(t, db, sql)
	e := env{"PGRST_DB_URI": pg.url("authenticator", db), "PGRST_DB_SCHEMAS": "public,graphql_public", "PGRST_DB_ANON_ROLE": "anon", "PGRST_JWT_SECRET": jwtSecret}
	for k, v := range change {
		e[k] = v
	}
	log := &buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newPostgrest(ctx, e, log)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); s.keepConnected(ctx) }()
	t.Cleanup(func() { cancel(); <-done; s.db.Close() })
	return s, pg, db, log
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 250 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

const notesSQL = `create schema graphql_public;
create table public.notes (id bigint generated always as identity primary key, title text not null, done boolean default false, ref uuid);
grant select, insert, update, delete on public.notes to authenticated, service_role;
create table public.closed (id int); grant select on public.closed to anon;
create function public.add(a int, b int) returns int language sql as 'select a + b';`

func TestPostgrestAnswers(t *testing.T) {
	s, _, _, log := newTestPostgrest(t, notesSQL, nil)
	waitFor(t, "ready", s.isReady)
	user := "Authorization: Bearer " + roleToken(t, jwtSecret, "authenticated", time.Hour)
	represent := "Prefer: return=representation"
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     string
	}{
		{"the root describes the API", "GET", "/", "", nil, 200, `"/notes"`},
		{"a row goes in", "POST", "/notes", `{"title":"a","ref":"5f0c1f6e-3f6e-4b39-9a3b-0d8f0c1f6e3f"}`, []string{user, represent}, 201, `"title":"a"`},
		{"two rows go in without an answer", "POST", "/notes", `[{"title":"b"},{"title":"c"}]`, []string{user}, 201, ""},
		{"one object comes out", "GET", "/notes?select=id,title&title=eq.a", "", []string{user, "Accept: application/vnd.pgrst.object+json"}, 200, `{"id":1,"title":"a"}`},
		{"a filter by uuid", "GET", "/notes?ref=eq.5f0c1f6e-3f6e-4b39-9a3b-0d8f0c1f6e3f", "", []string{user}, 200, `"title":"a"`},
		{"an empty result", "GET", "/notes?id=eq.99", "", []string{user}, 200, `[]`},
		{"order and limit", "GET", "/notes?select=title&order=id.desc&limit=1", "", []string{user}, 200, `[{"title":"c"}]`},
		{"in and is", "GET", "/notes?select=title&id=in.(1,2)&ref=is.null", "", []string{user}, 200, `[{"title":"b"}]`},
		{"a row changes", "PATCH", "/notes?id=eq.2", `{"done":true}`, []string{user, represent}, 200, `"done":true`},
		{"a row goes", "DELETE", "/notes?id=eq.2", "", []string{user}, 204, ""},
		{"a function", "POST", "/rpc/add", `{"a":1,"b":2}`, []string{user}, 200, "3"},
		{"an unknown function", "POST", "/rpc/nosuch", `{}`, []string{user}, 404, `{"code":"PGRST202"`},
		{"an unknown table", "GET", "/nosuch", "", nil, 404, `"code":"PGRST205","details":null,"hint":null,"message":"Could not find the table 'public.nosuch' in the schema cache"`},
		{"an unknown column in", "POST", "/notes", `{"x":1}`, []string{user}, 400, `"code":"PGRST204"`},
		{"an unknown column out", "GET", "/notes?x=eq.1", "", []string{user}, 400, `"code":"42703"`},
		{"an unknown operator", "GET", "/notes?id=nosuch.1", "", []string{user}, 400, `"code":"PGRST100"`},
		{"a schema that is not exposed", "GET", "/notes", "", []string{"Accept-Profile: auth"}, 406,
			`"code":"PGRST106","details":null,"hint":"Only the following schemas are exposed: public, graphql_public","message":"Invalid schema: auth"`},
		{"no grant for anon", "GET", "/notes", "", nil, 401, `"code":"42501","details":null,"hint":null,"message":"permission denied for table notes"`},
		{"no grant for a user", "GET", "/closed", "", []string{user}, 403, `permission denied for table closed`},
		{"a grant for anon", "GET", "/closed", "", nil, 200, `[]`},
		{"an unknown role", "GET", "/notes", "", []string{"Authorization: Bearer " + roleToken(t, jwtSecret, "nosuch", time.Hour)}, 401, `"message":"role \"nosuch\" does not exist"`},
		{"another secret", "GET", "/notes", "", []string{"Authorization: Bearer " + roleToken(t, "other", "anon", time.Hour)}, 401,
			`{"code":"PGRST301","details":"None of the keys was able to decode the JWT","hint":null,"message":"No suitable key or wrong key type"}`},
		{"expired", "GET", "/notes", "", []string{"Authorization: Bearer " + roleToken(t, jwtSecret, "anon", -time.Hour)}, 401, `{"code":"PGRST303","details":null,"hint":null,"message":"JWT expired"}`},
		{"expired within the leeway", "GET", "/closed", "", []string{"Authorization: Bearer " + roleToken(t, jwtSecret, "anon", -10*time.Second)}, 200, `[]`},
		{"two parts", "GET", "/notes", "", []string{"Authorization: Bearer a.b"}, 401, `Expected 3 parts in JWT; got 2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body, _ := ask(t, s, tt.method, tt.path, tt.body, tt.headers...)
			if status != tt.status {
				t.Errorf("status %d, want %d: %s", status, tt.status, body)
			}
			want(t, "body", body, tt.want)
		})
	}
	want(t, "log", log.String(), "Successfully connected to PostgreSQL 1")
	t.Run("issued in the future", func(t *testing.T) {
		token, _ := signHS256(jwtSecret, jwt.MapClaims{"role": "anon", "iat": time.Now().Add(time.Hour).Unix()})
		_, body, _ := ask(t, s, "GET", "/closed", "", "Authorization: Bearer "+token)
		want(t, "body", body, `"PGRST303","details":null,"hint":null,"message":"JWT issued at future"`)
	})
}

func TestPostgrestReloadsTheSchemaCache(t *testing.T) {
	s, pg, db, _ := newTestPostgrest(t, notesSQL, nil)
	waitFor(t, "ready", s.isReady)
	pg.exec(t, db, `create table public.later (id int); grant select on public.later to anon`)
	if status, _, _ := ask(t, s, "GET", "/later", ""); status != 404 {
		t.Errorf("before the reload: %d", status)
	}
	pg.exec(t, db, `notify pgrst, 'reload schema'`)
	waitFor(t, "reload", func() bool { status, _, _ := ask(t, s, "GET", "/later", ""); return status == 200 })
}

func TestPostgrestWithoutItsDatabase(t *testing.T) {
	pg := startPostgres(t)
	refused := freePort(t)
	for name, tt := range map[string]struct{ uri, details string }{
		"the password is wrong":   {strings.Replace(pg.url("authenticator", "postgres"), dbPassword, "wrong", 1), `failed: FATAL:  password authentication failed for user \"authenticator\"`},
		"nothing listens":         {"postgres://u:p@127.0.0.1:" + refused + "/x", `connection to server at \"127.0.0.1\" (127.0.0.1), port ` + refused + ` failed: Connection refused`},
		"the host is unknown":     {"postgres://u:p@nosuch.invalid/x", `could not translate host name \"nosuch.invalid\" to address`},
		"a slash in the password": {"postgres://u:p/w@db:5432/x", `invalid integer value \"p\" for connection option \"port\"`},
		"an at in the password":   {"postgres://u:p@ss@db/x", `could not translate host name`},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _, log := newTestPostgrest(t, "", env{"PGRST_DB_URI": tt.uri})
			waitFor(t, "the first attempt", func() bool { return strings.Contains(log.String(), "Attempting to reconnect") })
			want(t, "log", log.String(), `{"code":"PGRST000"`)
			want(t, "log", log.String(), tt.details)
			want(t, "log", log.String(), "Attempting to reconnect to the database in 1 seconds...")
			status, body, _ := ask(t, s, "GET", "/notes", "")
			if status != 503 || body != `{"code":"PGRST002","details":null,"hint":null,"message":"Could not query the database for the schema cache. Retrying."}` {
				t.Errorf("%d %s", status, body)
			}
			if status, _, _ := ask(t, s.admin(), "GET", "/ready", ""); status != 503 {
				t.Errorf("ready %d", status)
			}
			if status, _, _ := ask(t, s.admin(), "GET", "/live", ""); status != 200 {
				t.Errorf("live %d", status)
			}
		})
	}
}

func TestPostgrestLosesItsDatabaseAndComesBack(t *testing.T) {
	s, pg, db, log := newTestPostgrest(t, notesSQL, nil)
	waitFor(t, "ready", s.isReady)
	kick := `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator' and datname = '` + db + `'`
	pg.exec(t, "postgres", `alter database `+db+` allow_connections false; `+kick)
	waitFor(t, "not ready", func() bool { return !s.isReady() })
	status, body, _ := ask(t, s, "GET", "/closed", "")
	if status != 503 || !strings.Contains(body, `"PGRST00`) {
		t.Errorf("%d %s", status, body)
	}
	pg.exec(t, "postgres", `alter database `+db+` allow_connections true`)
	waitFor(t, "ready again", s.isReady)
	want(t, "log", log.String(), "Attempting to reconnect")
}

func TestPostgrestReadyCommand(t *testing.T) {
	s := &postgrest{}
	admin := httptest.NewServer(s.admin())
	defer admin.Close()
	host, port, _ := net.SplitHostPort(admin.Listener.Addr().String())
	e := env{"PGRST_ADMIN_SERVER_HOST": host, "PGRST_ADMIN_SERVER_PORT": port}
	if code, out := run(t, runPostgrest, e, "--ready"); code != 1 || !strings.Contains(out, "503") {
		t.Errorf("%d %s", code, out)
	}
	s.setReady(true)
	if code, out := run(t, runPostgrest, e, "--ready"); code != 0 || !strings.HasPrefix(out, "OK:") {
		t.Errorf("%d %s", code, out)
	}
	e["PGRST_ADMIN_SERVER_PORT"] = freePort(t)
	if code, out := run(t, runPostgrest, e, "--ready"); code != 1 || !strings.Contains(out, "refused") {
		t.Errorf("%d %s", code, out)
	}
	if code, _ := run(t, runPostgrest, env{}, "--ready"); code != 1 {
		t.Errorf("without an admin port: %d", code)
	}
}
