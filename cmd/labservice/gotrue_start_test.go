package main

import (
	"encoding/json"
	"maps"
	"net"
	"strings"
	"testing"
)

func gotrueEnv(dbURL string) env {
	return env{"API_EXTERNAL_URL": "http://localhost:8000/auth/v1", "GOTRUE_SITE_URL": "http://localhost:3000", "GOTRUE_JWT_SECRET": jwtSecret,
		"GOTRUE_DB_DRIVER": "postgres", "GOTRUE_DB_DATABASE_URL": dbURL, "GOTRUE_API_HOST": "127.0.0.1", "GOTRUE_MAILER_AUTOCONFIRM": "true"}
}

func TestGotrueConfig(t *testing.T) {
	for name, tt := range map[string]struct {
		change map[string]string
		remove string
		want   string
	}{
		"the site url is missing":                                 {nil, "GOTRUE_SITE_URL", `required key GOTRUE_SITE_URL missing value`},
		"the database url is missing, under its alternative name": {nil, "GOTRUE_DB_DATABASE_URL", `required key DATABASE_URL missing value`},
		"the external url is empty":                               {map[string]string{"API_EXTERNAL_URL": ""}, "", `parse "": empty url`},
		"the secret is empty":                                     {map[string]string{"GOTRUE_JWT_SECRET": ""}, "", `failed to initialize *jwk.symmetricKey from []uint8: non-empty []byte key required`},
		"a boolean is empty":                                      {map[string]string{"GOTRUE_MAILER_AUTOCONFIRM": ""}, "", `assigning GOTRUE_MAILER_AUTOCONFIRM to Autoconfirm: converting '' to type bool`},
		"a number is empty":                                       {map[string]string{"GOTRUE_SMTP_PORT": ""}, "", `assigning GOTRUE_SMTP_PORT to Port: converting '' to type int`},
	} {
		t.Run(name, func(t *testing.T) {
			e := gotrueEnv("postgres://u:p@127.0.0.1:1/x")
			maps.Copy(e, tt.change)
			delete(e, tt.remove)
			code, out := run(t, runGotrue, e)
			var line struct{ Level, Msg, Time string }
			if err := json.Unmarshal([]byte(out), &line); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if code != 1 || line.Level != "fatal" || !strings.HasPrefix(line.Msg, "Failed to load configuration: ") || !strings.Contains(line.Msg, tt.want) {
				t.Errorf("exit %d, %s", code, out)
			}
		})
	}
	t.Run("an 8 character secret starts", func(t *testing.T) {
		e := gotrueEnv("postgres://u:p@127.0.0.1:1/x")
		e["GOTRUE_JWT_SECRET"] = "8-chars!"
		if _, err := loadGotrueConfig(e); err != nil {
			t.Error(err)
		}
	})
}

func TestGotrueDoesNotStart(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	pg.exec(t, db, `create role no_path login password '`+dbPassword+`'; create role no_right login password '`+dbPassword+`';
		alter role no_path set search_path = nosuch; alter role no_right set search_path = auth; grant usage on schema auth to no_right`)
	at := "127.0.0.1:" + pg.port
	const prefix = `"msg":"running db migrations: Migrator: problem creating schema migrations: `
	for name, tt := range map[string]struct{ url, want string }{
		"the password is wrong": {"postgres://supabase_auth_admin:wrong@" + at + "/" + db,
			prefix + "couldn't start a new transaction: could not create new transaction: failed to connect to `host=127.0.0.1 user=supabase_auth_admin database=" + db +
				"`: failed SASL auth (FATAL: password authentication failed for user \\\"supabase_auth_admin\\\" (SQLSTATE 28P01))\""},
		"the database is missing": {pg.url("supabase_auth_admin", "nosuch"), `server error (FATAL: database \"nosuch\" does not exist (SQLSTATE 3D000))`},
		"nothing listens":         {"postgres://u:p@127.0.0.1:" + freePort(t) + "/x", `connect: connection refused)`},
		"the host is unknown":     {"postgres://u:p@nosuch.invalid:5432/x", "hostname resolving error (lookup nosuch.invalid"},
		"no schema in the path":   {pg.url("no_path", db), `ERROR: no schema has been selected to create in (SQLSTATE 3F000)`},
		"no right in the schema":  {pg.url("no_right", db), `ERROR: permission denied for schema auth (SQLSTATE 42501)`},
		"a slash in the password": {"postgres://u:p/w@127.0.0.1:5432/x", `invalid port \":p\" after host`},
		"an at in the password":   {"postgres://u:p@ss.invalid@127.0.0.1:5432/x", `lookup ss.invalid`},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, runGotrue, gotrueEnv(tt.url))
			if code != 1 {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, tt.want)
			want(t, "level", out, `{"level":"fatal"`)
		})
	}
}

func TestGotruePortInUse(t *testing.T) {
	pg := startPostgres(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e := gotrueEnv(pg.url("supabase_auth_admin", pg.database(t)))
	_, e["GOTRUE_API_PORT"], _ = net.SplitHostPort(l.Addr().String())
	code, out := run(t, runGotrue, e)
	if code != 1 {
		t.Errorf("exit %d", code)
	}
	want(t, "log", out, "bind: address already in use")
}
