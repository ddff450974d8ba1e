package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestStorageDoesNotStart(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	pg.exec(t, db, `create role no_storage login password '`+dbPassword+`'`)
	for name, tt := range map[string]struct{ url, secret, want string }{
		"the password is wrong":   {strings.Replace(pg.url("supabase_storage_admin", db), dbPassword, "wrong", 1), "s", `password authentication failed for user \"supabase_storage_admin\"`},
		"nothing listens":         {"postgres://u:p@127.0.0.1:" + freePort(t) + "/x", "s", "connect ECONNREFUSED 127.0.0.1:"},
		"the host is unknown":     {"postgres://u:p@nosuch.invalid/x", "s", "getaddrinfo E"},
		"no right in the schema":  {pg.url("no_storage", db), "s", "permission denied for schema storage"},
		"the secret is missing":   {pg.url("supabase_storage_admin", db), "", "AUTH_JWT_SECRET"},
		"the database is missing": {pg.url("supabase_storage_admin", "nosuch"), "s", `database \"nosuch\" does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, runStorage, env{"DATABASE_URL": tt.url, "AUTH_JWT_SECRET": tt.secret})
			last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
			var line struct {
				Level     int
				Type, Msg string
			}
			if err := json.Unmarshal([]byte(last), &line); err != nil {
				t.Fatalf("%v: %s", err, last)
			}
			if code != 1 || line.Level != 50 || line.Type != "startupError" || line.Msg != "Server not started with error" {
				t.Errorf("exit %d, %s", code, last)
			}
			want(t, "log", last, tt.want)
		})
	}
}

func TestStorageAnswers(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	log := &buffer{}
	s := &storage{env: env{}, log: &lines{w: log}, keys: parseKeySet(jwtSecret)}
	cfg, err := pgx.ParseConfig(pg.url("supabase_storage_admin", db))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.migrate(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if s.db, err = openPool(t.Context(), cfg, 3); err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	h := s.handler()
	service := "Authorization: Bearer " + roleToken(t, jwtSecret, "service_role", time.Hour)
	for _, tt := range []struct {
		name, method, path, body, header string
		status                           int
		want                             string
	}{
		{"status", "GET", "/status", "", "", 200, ""},
		{"health", "GET", "/health", "", "", 200, `{"healthy":true}`},
		{"a bucket is made", "POST", "/bucket", `{"name":"photos","public":true}`, service, 200, `"photos"`},
		{"once", "POST", "/bucket", `{"name":"photos"}`, service, 409, `"Duplicate"`},
		{"and listed", "GET", "/bucket", "", service, 200, `"name":"photos"`},
		{"row level security hides it from anon", "GET", "/bucket", "", "Authorization: Bearer " + roleToken(t, jwtSecret, "anon", time.Hour), 200, `[]`},
		{"no token", "GET", "/bucket", "", "", 400, `headers must have required property 'authorization'`},
		{"another secret", "GET", "/bucket", "", "Authorization: Bearer " + roleToken(t, "other", "anon", time.Hour), 400, `{"statusCode":"403","error":"Unauthorized","message":"signature verification failed"}`},
		{"an unknown bucket", "GET", "/bucket/nosuch", "", service, 404, `"Bucket not found"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body, _ := ask(t, h, tt.method, tt.path, tt.body, tt.header)
			if status != tt.status {
				t.Errorf("status %d: %s", status, body)
			}
			want(t, "body", body, tt.want)
		})
	}
	pg.exec(t, db, `revoke usage on schema storage from service_role, anon, authenticated; alter table storage.buckets rename to gone`)
	_, body, _ := ask(t, h, "GET", "/health", "")
	want(t, "health is 200 and says no", body, `{"healthy":false}`)
	status, body, _ := ask(t, h, "GET", "/bucket", "", service)
	if status != 403 || body != `{"statusCode":"403","error":"Unauthorized","message":"permission denied for schema storage"}` {
		t.Errorf("%d %s", status, body)
	}
}
