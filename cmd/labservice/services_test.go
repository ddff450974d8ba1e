package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestEveryServiceComesUpAndEndsOnTerm starts each service on its own port, waits for its health route and ends it as
// SIGTERM does: exit code 0, at once.
func TestEveryServiceComesUpAndEndsOnTerm(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	dir := t.TempDir()
	main := filepath.Join(dir, "main")
	if err := os.Mkdir(main, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{main + "/index.ts": "export {}", dir + "/kong.yml": "services: []"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	port := func() string { return freePort(t) }
	auth, api, admin, rt, st, pool, log, meta, studio, edge, gw := port(), port(), port(), port(), port(), port(), port(), port(), port(), port(), port()
	with := func(e env, more env) env {
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	for name, tt := range map[string]struct {
		e      env
		args   []string
		url    string
		status int
	}{
		"gotrue": {with(gotrueEnv(pg.url("supabase_auth_admin", db)), env{"GOTRUE_API_PORT": auth}), nil, auth + "/health", 200},
		"postgrest": {env{"PGRST_DB_URI": pg.url("authenticator", db), "PGRST_SERVER_HOST": "127.0.0.1", "PGRST_SERVER_PORT": api, "PGRST_ADMIN_SERVER_PORT": admin,
			"PGRST_DB_ANON_ROLE": "anon", "PGRST_JWT_SECRET": jwtSecret}, nil, admin + "/ready", 200},
		"realtime": {with(realtimeEnv(pg, db), env{"PORT": rt}), nil, rt + "/healthcheck", 200},
		"storage":  {env{"DATABASE_URL": pg.url("supabase_storage_admin", db), "AUTH_JWT_SECRET": jwtSecret, "PORT": st}, nil, st + "/health", 200},
		"supavisor": {with(supavisorEnv(pg, db), env{"PORT": pool, "PROXY_PORT_SESSION": port(), "PROXY_PORT_TRANSACTION": port()}),
			nil, pool + "/api/health", 204},
		"logflare": {env{"DB_HOSTNAME": "127.0.0.1", "DB_PORT": pg.port, "DB_USERNAME": "supabase_admin", "DB_PASSWORD": dbPassword, "DB_DATABASE": db,
			"DB_SCHEMA": "_analytics", "PHX_HTTP_PORT": log}, nil, log + "/health", 200},
		"meta":         {env{"PG_META_DB_HOST": "127.0.0.1", "PG_META_DB_PORT": pg.port, "PG_META_PORT": meta}, nil, meta + "/health", 200},
		"studio":       {env{"HOSTNAME": "127.0.0.1", "PORT": studio}, nil, studio + "/api/platform/profile", 200},
		"edge-runtime": {env{}, []string{"start", "--main-service", main, "-p", edge}, edge + "/", 400},
		"kong":         {env{"KONG_DECLARATIVE_CONFIG": dir + "/kong.yml", "KONG_PROXY_LISTEN": "127.0.0.1:" + gw}, []string{"docker-start"}, gw + "/", 404},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, done := &buffer{}, make(chan int, 1)
			go func() {
				done <- services[name](ctx, proc{args: tt.args, env: tt.e, stdout: out, stderr: out})
			}()
			waitFor(t, "healthy; "+name, func() bool {
				a, err := http.Get("http://127.0.0.1:" + tt.url)
				if err != nil {
					return false
				}
				a.Body.Close()
				return a.StatusCode == tt.status
			})
			cancel()
			select {
			case code := <-done:
				if code != 0 {
					t.Errorf("exit %d\n%s", code, out)
				}
			case <-time.After(5 * time.Second):
				t.Errorf("did not end\n%s", out)
			}
		})
	}
}
