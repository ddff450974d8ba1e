package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEdge(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"main", "hello", "folder/index.ts"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"main", "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name, "index.ts"), []byte("export {}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, main := range map[string]string{"the main service is missing": "nosuch", "its file is a directory": "folder"} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, runEdge, env{}, "start", "--main-service", filepath.Join(dir, main))
			if code != 1 {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, "worker boot error: failed to bootstrap runtime: failed to determine entrypoint")
			want(t, "log", out, "Error: main worker boot error")
		})
	}
	open := &edge{dir: dir, log: &lines{w: io.Discard}}
	closed := &edge{dir: dir, verify: true, secret: jwtSecret, log: &lines{w: io.Discard}}
	es := signES256(t, newECKey(t), map[string]any{"role": "anon"})
	for name, tt := range map[string]struct {
		e      *edge
		path   string
		header string
		status int
		want   string
	}{
		"no function name":        {open, "/", "", 400, `{"msg":"missing function name in request"}`},
		"a function":              {open, "/hello", "", 200, "Hello"},
		"an unknown function":     {open, "/nosuch", "", 500, `InvalidWorkerCreation`},
		"no token":                {closed, "/hello", "", 401, `UNAUTHORIZED_NO_AUTH_HEADER`},
		"no bearer":               {closed, "/hello", "Basic x", 401, `UNAUTHORIZED_INVALID_JWT_FORMAT`},
		"another secret":          {closed, "/hello", "Bearer " + roleToken(t, "other", "anon", time.Hour), 401, `UNAUTHORIZED_LEGACY_JWT`},
		"ES256 without a key set": {closed, "/hello", "Bearer " + es, 401, `UNAUTHORIZED_ASYMMETRIC_JWT`},
		"the right token":         {closed, "/hello", "Bearer " + roleToken(t, jwtSecret, "anon", time.Hour), 200, "Hello"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, h := ask(t, tt.e, "GET", tt.path, "", "Authorization: "+tt.header)
			if status != tt.status {
				t.Errorf("status %d", status)
			}
			want(t, "body", body, tt.want)
			if status == 401 && h.Get("sb-error-code") != tt.want {
				t.Errorf("header %q", h.Get("sb-error-code"))
			}
		})
	}
}

func TestVectorDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vector.yml")
	docker := "sources: {docker_host: {type: docker_logs}}\nsinks: {a: {uri: 'http://x/${TOKEN?TOKEN is required}'}}\n"
	if err := os.WriteFile(file, []byte(docker), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		path string
		e    env
		code int
		want string
	}{
		"the file is a directory":       {dir, env{}, 78, "Configuration error. error=Is a directory (os error 21)"},
		"the file is missing":           {file + ".x", env{}, 78, "No such file or directory (os error 2)"},
		"a variable is missing":         {file, env{}, 78, "TOKEN is required"},
		"there is no socket, so it end": {file, env{"TOKEN": "x", "DOCKER_HOST": "unix://" + dir + "/no.sock"}, 0, "All sources have finished."},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, runVector, tt.e, "--config", tt.path)
			if code != tt.code {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, tt.want)
		})
	}
}

func TestMeta(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	for name, tt := range map[string]struct {
		host, port, password string
		status               int
		want                 string
	}{
		"the schemas":           {"127.0.0.1", pg.port, dbPassword, 200, `"name":"auth"`},
		"the password is wrong": {"127.0.0.1", pg.port, "wrong", 500, `{"error":"password authentication failed for user \"supabase_admin\""}`},
		"the host is unknown":   {"nosuch.invalid", "5432", "x", 500, `{"error":"getaddrinfo E`},
		"nothing listens":       {"127.0.0.1", freePort(t), "x", 500, `{"error":"connect ECONNREFUSED 127.0.0.1:`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := dbConfig(tt.host, tt.port, "supabase_admin", tt.password, db, "test")
			if err != nil {
				t.Fatal(err)
			}
			m := &meta{cfg: cfg, log: &lines{w: io.Discard}}
			status, body, _ := ask(t, m.handler(), "GET", "/schemas", "")
			if status != tt.status {
				t.Errorf("status %d", status)
			}
			want(t, "body", body, tt.want)
			status, body, _ = ask(t, m.handler(), "GET", "/health", "")
			if status != 200 || !strings.HasPrefix(body, `{"date":"`) {
				t.Errorf("health: %d %s", status, body)
			}
		})
	}
}

func TestLogflareDoesNotStart(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	base := env{"DB_HOSTNAME": "127.0.0.1", "DB_PORT": pg.port, "DB_USERNAME": "supabase_admin", "DB_PASSWORD": dbPassword, "DB_DATABASE": db, "DB_SCHEMA": "_analytics"}
	for name, tt := range map[string]struct {
		key, value string
		code       int
		want       string
	}{
		"the password is wrong": {"DB_PASSWORD", "wrong", 1, "failed to connect: ** (Postgrex.Error) FATAL 28P01 (invalid_password)"},
		"_supabase is missing":  {"DB_DATABASE", "_supabase", 1, "FATAL 3D000"},
		"_analytics is missing": {"DB_SCHEMA", "nosuch", 127, "ERROR 3F000 (invalid_schema_name) no schema has been selected to create in"},
	} {
		t.Run(name, func(t *testing.T) {
			e := env{}
			for k, v := range base {
				e[k] = v
			}
			e[tt.key] = tt.value
			code, out := run(t, runLogflare, e)
			if code != tt.code {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, tt.want)
		})
	}
}

func TestLogflareHealth(t *testing.T) {
	pg := startPostgres(t)
	cfg, err := dbConfig("127.0.0.1", pg.port, "supabase_admin", dbPassword, "postgres", "test")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := openPool(t.Context(), cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	h := logflareHandler(env{"LOGFLARE_PUBLIC_ACCESS_TOKEN": "t"}, pool)
	if status, body, _ := ask(t, h, "GET", "/health", ""); status != 200 || !strings.Contains(body, `"status":"ok"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := ask(t, h, "POST", "/api/logs?source=x", "{}", "X-Api-Key: no"); status != 401 {
		t.Errorf("a wrong token: %d", status)
	}
	pool.Close()
	if status, body, _ := ask(t, h, "GET", "/health", ""); status != 503 || !strings.Contains(body, `"status":"coming_up"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestStudio(t *testing.T) {
	h := studioHandler(env{}, &lines{w: io.Discard})
	if status, body, _ := ask(t, h, "GET", "/api/platform/profile", ""); status != 200 || !strings.Contains(body, "primary_email") {
		t.Errorf("%d %s", status, body)
	}
	status, _, header := ask(t, h, "GET", "/", "")
	if status != 307 || header.Get("Location") != "/project/default" {
		t.Errorf("%d %s", status, header.Get("Location"))
	}
}
