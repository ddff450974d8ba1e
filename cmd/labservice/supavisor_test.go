package main

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func supavisorEnv(pg *postgres, db string) env {
	return env{"DATABASE_URL": "ecto://supabase_admin:" + dbPassword + "@127.0.0.1:" + pg.port + "/" + db, "SECRET_KEY_BASE": "x", "API_JWT_SECRET": jwtSecret,
		"METRICS_JWT_SECRET": jwtSecret, "VAULT_ENC_KEY": strings.Repeat("v", 32), "POOLER_TENANT_ID": "tenant-a", "POSTGRES_HOST": "127.0.0.1",
		"POSTGRES_PORT": pg.port, "POSTGRES_DB": db, "POSTGRES_PASSWORD": dbPassword, "POOLER_DEFAULT_POOL_SIZE": "20", "POOLER_MAX_CLIENT_CONN": "100"}
}

func TestSupavisorDoesNotStart(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	for name, tt := range map[string]struct{ key, value, want string }{
		"the vault key is too long":  {"VAULT_ENC_KEY", strings.Repeat("v", 33), `** (ErlangError) Erlang error: {:badarg, {~c"aead.c", 90}, ~c"Unknown cipher or invalid key size"}`},
		"the password is wrong":      {"DATABASE_URL", "ecto://supabase_admin:wrong@127.0.0.1:" + pg.port + "/" + db, "FATAL 28P01 (invalid_password)"},
		"_supabase is missing":       {"DATABASE_URL", "ecto://supabase_admin:" + dbPassword + "@127.0.0.1:" + pg.port + "/_supabase", `FATAL 3D000 (invalid_catalog_name) database "_supabase" does not exist`},
		"its schema is missing":      {"DATABASE_URL", "ecto://supabase_admin:" + dbPassword + "@127.0.0.1:" + pg.port + "/postgres", `ERROR 3F000 (invalid_schema_name) schema "_supavisor" does not exist`},
		"SECRET_KEY_BASE is missing": {"SECRET_KEY_BASE", "-", `could not fetch environment variable "SECRET_KEY_BASE"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := supavisorEnv(pg, db)
			if e[tt.key] = tt.value; tt.value == "-" {
				delete(e, tt.key)
			}
			code, out := run(t, runSupavisor, e)
			if code != 1 {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, tt.want)
		})
	}
}

func TestSupavisorRoutesByTenant(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	s := &supavisor{env: supavisorEnv(pg, db), log: &lines{w: &buffer{}}}
	var err error
	if s.cfg, err = ectoConfig(s.env); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.db, err = openPool(context.Background(), s.cfg, 3); err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.accept(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	connectAs := func(user, password string) (string, error) {
		c, err := pgx.Connect(t.Context(), "postgres://"+user+":"+password+"@"+l.Addr().String()+"/"+db)
		if err != nil {
			return "", err
		}
		defer c.Close(t.Context())
		var who string
		err = c.QueryRow(t.Context(), "select current_user::text || '@' || current_database()").Scan(&who)
		return who, err
	}
	if who, err := connectAs("postgres.tenant-a", dbPassword); err != nil || who != "postgres@"+db {
		t.Errorf("a known tenant: %s %v", who, err)
	}
	if _, err := connectAs("postgres.tenant-a", "wrong"); pgCode(err) != "28P01" {
		t.Errorf("a wrong password: %v", err)
	}
	for _, user := range []string{"postgres", "postgres.nosuch"} {
		if _, err := connectAs(user, dbPassword); pgCode(err) != "XX000" || pgMessage(err) != "Tenant or user not found" {
			t.Errorf("%s: %v", user, err)
		}
	}
	if status, _, _ := ask(t, s.handler(), "GET", "/api/health", ""); status != 204 {
		t.Errorf("health %d", status)
	}
	s.db.Close()
	status, body, _ := ask(t, s.handler(), "GET", "/api/health", "")
	if status != 503 || !strings.Contains(body, `"failed_checks":["database_reachable"]`) {
		t.Errorf("health without a database: %d %s", status, body)
	}
}
