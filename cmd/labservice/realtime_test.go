package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func realtimeEnv(pg *postgres, db string) env {
	return env{"DB_HOST": "127.0.0.1", "DB_PORT": pg.port, "DB_USER": "supabase_admin", "DB_PASSWORD": dbPassword, "DB_NAME": db,
		"DB_AFTER_CONNECT_QUERY": "SET search_path TO _realtime", "DB_ENC_KEY": "supabaserealtime", "API_JWT_SECRET": jwtSecret,
		"SECRET_KEY_BASE": strings.Repeat("s", 64), "METRICS_JWT_SECRET": jwtSecret, "APP_NAME": "realtime", "SEED_SELF_HOST": "true"}
}

func TestRealtimeDoesNotStart(t *testing.T) {
	pg := startPostgres(t)
	db := pg.database(t)
	for name, tt := range map[string]struct{ key, value, want string }{
		"METRICS_JWT_SECRET is missing":     {"METRICS_JWT_SECRET", "-", `could not fetch environment variable "METRICS_JWT_SECRET" because it is not set`},
		"SECRET_KEY_BASE is missing":        {"SECRET_KEY_BASE", "-", `could not fetch environment variable "SECRET_KEY_BASE" because it is not set`},
		"APP_NAME is missing":               {"APP_NAME", "-", `** (RuntimeError) APP_NAME not available`},
		"the encryption key is too short":   {"DB_ENC_KEY", "short", `Unknown cipher or invalid key size`},
		"the GCM key is too short":          {"DB_ENC_KEY_GCM", "short", `DB_ENC_KEY_GCM must be exactly 32 bytes`},
		"the password is wrong":             {"DB_PASSWORD", "wrong", `** (Postgrex.Error) FATAL 28P01 (invalid_password) password authentication failed for user "supabase_admin"`},
		"the database is missing":           {"DB_NAME", "nosuch", `FATAL 3D000 (invalid_catalog_name) database "nosuch" does not exist`},
		"the schema is missing":             {"DB_AFTER_CONNECT_QUERY", "SET search_path TO nosuch", `ERROR 3F000 (invalid_schema_name) no schema has been selected to create in`},
		"nothing listens":                   {"DB_PORT", freePort(t), `connection refused - :econnrefused`},
		"the schema error names Ecto's way": {"DB_AFTER_CONNECT_QUERY", "SET search_path TO nosuch", `Could not create schema migrations table`},
	} {
		t.Run(name, func(t *testing.T) {
			e := realtimeEnv(pg, db)
			e[tt.key] = tt.value
			if tt.value == "-" {
				delete(e, tt.key)
			}
			code, out := run(t, runRealtime, e)
			if code != 1 {
				t.Errorf("exit %d", code)
			}
			want(t, "log", out, tt.want)
		})
	}
}

func newTestRealtime(t *testing.T) (*realtime, *postgres, string, *buffer) {
	t.Helper()
	pg := startPostgres(t)
	db := pg.database(t)
	e, log := realtimeEnv(pg, db), &buffer{}
	rt := &realtime{env: e, log: &lines{w: log}, cache: map[string]cachedTenant{}, clients: map[string]int{}}
	var err error
	if rt.cfg, err = dbConfig(e["DB_HOST"], e["DB_PORT"], e["DB_USER"], e["DB_PASSWORD"], e["DB_NAME"], "test"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second run deletes the tenant and seeds it again
		if err := rt.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if rt.db, err = openPool(context.Background(), rt.cfg, 3); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rt.db.Close)
	return rt, pg, db, log
}

func TestRealtimeTenants(t *testing.T) {
	rt, pg, db, log := newTestRealtime(t)
	if got := pg.text(t, db, `select external_id from _realtime.tenants`); got != "realtime-dev" {
		t.Errorf("tenant %s", got)
	}
	if got := pg.text(t, db, `select jwt_secret from _realtime.tenants`); strings.Contains(got, jwtSecret) {
		t.Error("the secret is stored in the clear")
	}
	token := roleToken(t, jwtSecret, "anon", time.Hour)
	auth, foreign := "Authorization: Bearer "+token, "Authorization: Bearer "+roleToken(t, "other", "anon", time.Hour)
	home, away := "Host: realtime-dev.supabase-realtime:4000", "Host: realtime:4000"
	h := rt.handler()
	for name, tt := range map[string]struct {
		path    string
		headers []string
		status  int
		want    string
	}{
		"health":                              {"/api/tenants/realtime-dev/health", []string{auth}, 200, `"db_connected":true,"healthy":true`},
		"health with a foreign signature":     {"/api/tenants/realtime-dev/health", []string{foreign}, 403, ""},
		"health without a token":              {"/api/tenants/realtime-dev/health", nil, 403, ""},
		"health of an unknown tenant":         {"/api/tenants/nosuch/health", []string{auth}, 404, `{"error":"not found"}`},
		"the shallow check":                   {"/healthcheck", nil, 200, "ok"},
		"ping by the right host":              {"/api/ping", []string{home}, 200, `{"message":"Success"}`},
		"ping by the wrong host":              {"/api/ping", []string{away}, 401, `{"message":"Tenant not found in database"}`},
		"a websocket by the wrong host":       {"/socket/websocket?apikey=" + token, []string{away}, 404, `{"error":"Tenant not found"}`},
		"a websocket with a foreign key":      {"/socket/websocket?apikey=x.y.z", []string{home}, 401, `{"error":`},
		"a websocket with another signature":  {"/socket/websocket", []string{home, "X-Api-Key: " + strings.TrimPrefix(foreign, "Authorization: Bearer ")}, 401, `{"error":"Failed to validate JWT signature"}`},
		"a websocket without upgrade headers": {"/socket/websocket?apikey=" + token, []string{home}, 426, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, _ := ask(t, h, "GET", tt.path, "", tt.headers...)
			if status != tt.status {
				t.Errorf("status %d: %s", status, body)
			}
			if want(t, "body", body, tt.want); status == 403 && body != "" {
				t.Errorf("a body: %s", body)
			}
		})
	}
	want(t, "log", log.String(), "TenantNotFound: Tenant not found: realtime\n")
}

func TestRealtimeWebsocket(t *testing.T) {
	rt, _, _, _ := newTestRealtime(t)
	s := httptest.NewServer(rt.handler())
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /socket/websocket?apikey="+roleToken(t, jwtSecret, "anon", time.Hour)+"&vsn=1.0.0 HTTP/1.1\r\nHost: realtime-dev.x\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(c)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, head)
		}
		head += line
	}
	want(t, "handshake", head, "HTTP/1.1 101 Switching Protocols")
	want(t, "handshake", head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	msg := []byte(`{"topic":"realtime:x","event":"phx_join","payload":{},"ref":"1"}`)
	c.Write(append([]byte{0x81, 0x80 | byte(len(msg)), 0, 0, 0, 0}, msg...))
	op, payload, err := readFrame(r)
	if err != nil || op != 1 {
		t.Fatalf("%d %v", op, err)
	}
	want(t, "reply", string(payload), `"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"1","topic":"realtime:x"`)
}

func TestEncryptECB(t *testing.T) {
	s, err := encryptECB("supabaserealtime", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := decryptECB("supabaserealtime", s); err != nil || p != "postgres" {
		t.Errorf("%q %v", p, err)
	}
	if _, err := encryptECB("supabaserealtimeX", "x"); err == nil {
		t.Error("17 bytes were taken")
	}
}
