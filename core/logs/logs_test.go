package logs

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// lines are what services really print, and what is to be made of it.
var lines = map[string]struct {
	service core.Service
	text    string
	level   Level
	message string // a part of it
	code    string
	status  int
	fields  map[string]string
}{
	"GoTrue does not reach its database": {core.Auth, `{"level":"fatal","msg":"running db migrations: Migrator: problem creating schema migrations: couldn't start a new transaction: could not create new transaction: failed to connect to ` + "`host=db user=supabase_auth_admin database=postgres`" + `: failed SASL auth (FATAL: password authentication failed for user \"supabase_auth_admin\" (SQLSTATE 28P01))","time":"2026-11-21T21:34:29Z"}`,
		Fatal, `password authentication failed for user "supabase_auth_admin"`, "28P01", 0, nil},
	"GoTrue answers": {core.Auth, `{"component":"api","duration":28350251,"level":"info","method":"GET","msg":"request completed","path":"/admin/users","referer":"http://localhost:18000","remote_addr":"10.213.0.1","request_id":"54b31da9-89d6-4489-918f-44554f1b8045","status":200,"time":"2026-11-21T21:34:57Z"}`,
		Info, "request completed", "", 200, map[string]string{"path": "/admin/users", "referer": "http://localhost:18000", "duration": "28350251"}},
	"GoTrue refuses": {core.Auth, `{"component":"api","error":"403: invalid JWT: unable to parse or verify signature, token signature is invalid: signature is invalid","error_code":"bad_jwt","level":"info","method":"GET","msg":"403: invalid JWT","path":"/user","status":403,"time":"2026-11-21T21:34:57Z"}`,
		Info, "403: invalid JWT", "bad_jwt", 403, map[string]string{"error": "403: invalid JWT: unable to parse or verify signature, token signature is invalid: signature is invalid"}},
	"GoTrue fails inside; the last SQLSTATE is the cause": {core.Auth, `{"component":"api","error":"500: Database error saving new user: unable (SQLSTATE 25P02): ERROR: relation \"public.profiles\" does not exist (SQLSTATE 42P01)","error_code":"unexpected_failure","level":"info","msg":"request completed","path":"/signup","status":500,"time":"2026-11-21T21:34:57Z"}`,
		Error, "request completed", "42P01", 500, nil},
	"Storage starts": {core.Storage, `{"hostname":"15915c0a212a","level":30,"msg":"[Server] Started Successfully","pid":1,"region":"stub","time":"2026-11-21T21:34:49.468Z","type":"server"}`,
		Info, "[Server] Started Successfully", "", 0, map[string]string{"type": "server"}},
	"Storage does not start": {core.Storage, `{"error":{"message":"password authentication failed for user \"supabase_storage_admin\"","name":"error","raw":"{\"code\":\"28P01\",\"file\":\"auth.c\",\"line\":\"334\",\"name\":\"error\",\"routine\":\"auth_failed\",\"severity\":\"FATAL\"}","stack":"error: password authentication failed\n    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:285:98)"},"hostname":"15915c0a212a","level":50,"msg":"Server not started with error","pid":1,"region":"stub","time":"2026-11-21T21:34:14.235Z","type":"startupError"}`,
		Error, "Server not started with error", "28P01", 0, map[string]string{"error.message": `password authentication failed for user "supabase_storage_admin"`, "type": "startupError"}},
	"Storage answers": {core.Storage, `{"hostname":"15915c0a212a","level":30,"msg":"GET | 200 | 10.213.0.1 | /health | Go-http-client/1.1","pid":1,"req":{"hostname":"storage:5000","method":"GET","url":"/health"},"res":{"statusCode":200},"responseTime":34.852,"time":"2026-11-21T21:34:57.914Z","type":"request"}`,
		Info, "GET | 200", "", 200, map[string]string{"req.method": "GET", "responseTime": "34.852"}},
	"Meta is refused by the database": {core.Meta, `{"level":"error","time":"2026-11-21T21:34:26.792Z","pid":1,"hostname":"e6b3f1edf386","reqId":"req-3","error":{"length":104,"name":"error","severity":"FATAL","code":"28P01","file":"auth.c","line":"334","routine":"auth_failed","message":"password authentication failed for user \"postgres\"","formattedError":"FATAL:  28P01: password authentication failed for user \"postgres\"\n"},"request":{"method":"GET","url":"/schemas","pg":"db","opt":""}}`,
		Error, `password authentication failed for user "postgres"`, "28P01", 0, map[string]string{"request.url": "/schemas"}},
	"PostgREST answers 503": {core.Rest, `10.213.0.11 - anon [21/Nov/2026:21:34:36 +0000] "GET / HTTP/1.1" 503 119 "" "Go-http-client/1.1"`,
		Error, "GET / HTTP/1.1", "", 503, map[string]string{"user": "anon", "remote_addr": "10.213.0.11", "user_agent": "Go-http-client/1.1", "bytes": "119"}},
	"PostgREST starts": {core.Rest, `21/Nov/2026:21:34:45 +0000: Schema cache loaded 0 Relations, 0 Relationships, 0 Functions`,
		Info, "Schema cache loaded", "", 0, nil},
	"PostgREST does not reach its database": {core.Rest, `21/Nov/2026:21:34:45 +0000: {"code":"PGRST000","details":"connection to server at \"db\" (10.213.0.2), port 5432 failed: FATAL:  password authentication failed for user \"authenticator\"\n","hint":null,"message":"Database connection error. Retrying the connection."}`,
		Error, "Database connection error", "PGRST000", 0, nil},
	"Kong answers 401": {core.Gateway, `10.213.0.1 - - [21/Nov/2026:21:34:59 +0000] "GET /realtime/v1/websocket?vsn=1.0.0 HTTP/1.1" 401 49 "-" "Go-http-client/1.1"`,
		Warning, "GET /realtime/v1/websocket?vsn=1.0.0 HTTP/1.1", "", 401, map[string]string{"method": "GET", "path": "/realtime/v1/websocket?vsn=1.0.0", "user": ""}},
	"Kong does not reach a service": {core.Gateway, `2026/11/21 21:34:36 [error] 1273#0: *88 connect() failed (111: Connection refused) while connecting to upstream, client: 10.213.0.1, server: kong, request: "GET /auth/v1/settings HTTP/1.1", upstream: "http://10.213.0.4:9999/settings", host: "localhost:8000"`,
		Error, "connect() failed (111: Connection refused) while connecting to upstream", "", 0, map[string]string{"client": "10.213.0.1", "upstream": "http://10.213.0.4:9999/settings", "host": "localhost:8000"}},
	"nginx notices": {core.Gateway, `2026/11/21 21:34:36 [notice] 1#0: using the "epoll" event method`, Info, `using the "epoll" event method`, "", 0, nil},
	"Envoy does not reach a service": {core.Gateway, `[2026-11-21T21:34:36.123Z] "GET /auth/v1/settings HTTP/1.1" 503 UF 0 91 2000 - "10.0.0.1" "curl/8" "a-b-c" "localhost:8000" "10.213.0.4:9999"`,
		Error, "GET /auth/v1/settings HTTP/1.1", "UF", 503, map[string]string{"upstream": "10.213.0.4:9999", "duration": "2000", "remote_addr": "10.0.0.1"}},
	"Envoy warns": {core.Gateway, `[2026-11-21 21:34:36.123][1][warning][config] [source/server/server.cc:404] no RTDS`, Warning, "no RTDS", "", 0, map[string]string{"logger": "config"}},
	"PostgreSQL refuses a login": {core.DB, `10.213.0.1 2026-11-21 21:34:37.429 UTC [3020] supabase_admin@postgres FATAL:  password authentication failed for user "supabase_admin"`,
		Fatal, "password authentication failed", "28P01", 0, map[string]string{"host": "10.213.0.1", "pid": "3020", "user": "supabase_admin", "database": "postgres", "severity": "FATAL"}},
	"PostgreSQL adds a detail": {core.DB, `10.213.0.1 2026-11-21 21:34:37.429 UTC [3020] supabase_admin@postgres DETAIL:  Connection matched pg_hba.conf line 8: "host  all  all  10.0.0.0/8  scram-sha-256"`,
		Info, "Connection matched pg_hba.conf line 8", "", 0, nil},
	"PostgreSQL starts": {core.DB, ` 2026-11-21 21:33:02.114 UTC [1] LOG:  database system is ready to accept connections`,
		Info, "database system is ready", "", 0, map[string]string{"pid": "1", "user": ""}},
	"PostgreSQL of a plain image": {core.DB, `2026-11-21 21:33:02.114 UTC [77] ERROR:  42P01: relation "x" does not exist`, Error, "relation", "42P01", 0, nil},
	"PostgreSQL logs a statement": {core.DB, `10.0.0.1 2026-11-21 21:33:02.114 UTC [77] a@b STATEMENT:  alter role x with password 'hunter2';`, Info, "alter role x with password '•••'", "", 0, nil},
	"Realtime refuses a token": {core.Realtime, `21:34:57.830 [error] project=realtime-dev external_id=realtime-dev MalformedJWT: The token provided is not a valid JWT`,
		Error, "MalformedJWT: The token provided", "MalformedJWT", 0, map[string]string{"project": "realtime-dev", "external_id": "realtime-dev"}},
	"Realtime puts facts before the level": {core.Realtime, `21:34:57.830 project=dev error_code=TenantNotFound [error] TenantNotFound: Tenant not found: x`,
		Error, "TenantNotFound: Tenant not found", "TenantNotFound", 0, map[string]string{"project": "dev"}},
	"Supavisor is refused by the database": {core.Pooler, `21:34:05.484 [error] Postgrex.Protocol (#PID<0.156.0>) failed to connect: ** (Postgrex.Error) FATAL 28P01 (invalid_password) password authentication failed for user "supabase_admin"`,
		Error, "Postgrex.Protocol", "28P01", 0, nil},
	"an Elixir exception":     {core.Analytics, `** (Postgrex.Error) FATAL 3D000 (invalid_catalog_name) database "_supabase" does not exist`, Error, "_supabase", "3D000", 0, nil},
	"Supavisor notices":       {core.Pooler, `21:34:50.643 [notice] Proxy started transaction on port 6543`, Info, "Proxy started", "", 0, nil},
	"Vector starts":           {core.Vector, `2026-11-21T21:34:36.123456Z  INFO vector::app: Log level is enabled. level="info"`, Info, "Log level is enabled", "", 0, nil},
	"Vector is refused":       {core.Vector, `2026-11-21T21:34:36.123456Z ERROR sink{component_id=logflare_auth component_type=http}: vector::sinks::util::retries: Not retriable; dropping the request. reason="Http status: 401 Unauthorized" internal_log_rate_limit=true`, Error, "Not retriable", "", 0, map[string]string{"component_id": "logflare_auth", "reason": "Http status: 401 Unauthorized"}},
	"imgproxy starts":         {core.Imgproxy, `INFO    [2026-11-21T21:33:04Z] Starting server at :5001`, Info, "Starting server", "", 0, nil},
	"a function does not run": {core.Functions, `[Error] worker boot error: failed to bootstrap runtime`, Error, "worker boot error", "", 0, nil},
	"Studio is ready":         {core.Studio, ` ✓ Ready in 212ms`, Info, "✓ Ready in 212ms", "", 0, nil},
	"a Go program panics":     {"", `panic: runtime error: index out of range`, Fatal, "index out of range", "", 0, nil},
	"colours":                 {core.Storage, "\x1b[31mERROR\x1b[0m \x1b]0;title\x07went\u202e wrong", Error, "ERROR went wrong", "", 0, nil},
	"escapes hidden in JSON":  {core.Storage, `{"level":50,"msg":"a\u001b[31mred\u001b[0m\nb \ud83d\ude00"}`, Error, "ared b 😀", "", 0, nil},
	"JSON that was cut":       {core.Auth, `{"level":"error","msg":"it broke","error":"and th`, Error, "it broke", "", 0, map[string]string{"error": "and th"}},
	"braces that are no JSON": {core.Auth, `{broken} Error: x`, Error, "{broken} Error: x", "", 0, nil},
	"an empty line":           {core.Auth, ``, Info, "", "", 0, nil},
}

func TestParse(t *testing.T) {
	at := time.Date(2026, 11, 21, 21, 34, 0, 0, time.UTC)
	for name, tt := range lines {
		t.Run(name, func(t *testing.T) {
			e := Parse(tt.service, core.LogLine{At: at, Text: tt.text})
			if e.Level != tt.level || e.Code != tt.code || e.Status != tt.status || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %s %q %d %q, want %s %q %d %q", e.Level, e.Code, e.Status, e.Message, tt.level, tt.code, tt.status, tt.message)
			}
			if e.Service != tt.service || !e.At.Equal(at) {
				t.Errorf("service %q at %v", e.Service, e.At)
			}
			for key, want := range tt.fields {
				if got := e.Fields.Get(key); got != want {
					t.Errorf("%s is %q, want %q; all: %q", key, got, want, e.Fields)
				}
			}
		})
	}
}

// TestOwnTime wants a line's own time when the engine gave none.
func TestOwnTime(t *testing.T) {
	for text, want := range map[string]string{
		`{"level":"info","msg":"x","time":"2026-11-21T21:34:29Z"}`:                        "2026-11-21T21:34:29Z",
		`{"level":30,"msg":"x","time":1795297169000}`:                                     "2026-11-21T21:39:29Z",
		`10.0.0.1 - - [21/Nov/2026:21:34:59 +0000] "GET / HTTP/1.1" 200 4 "-" "x"`:        "2026-11-21T21:34:59Z",
		`21/Nov/2026:21:34:45 +0000: Starting`:                                            "2026-11-21T21:34:45Z",
		`2026/11/21 21:34:36 [error] 1#0: x`:                                              "2026-11-21T21:34:36Z",
		`[2026-11-21T21:34:36.5Z] "GET / HTTP/1.1" 200 - 0 1 2 - "-" "x" "i" "h" "u"`:     "2026-11-21T21:34:36.5Z",
		`10.0.0.1 2026-11-21 21:34:37.429 UTC [30] a@b FATAL:  x`:                         "2026-11-21T21:34:37.429Z",
		`2026-11-21T21:34:36.123456Z  WARN vector::app: x`:                                "2026-11-21T21:34:36.123456Z",
		`21:34:57.830 [info] the clock alone tells no day, so there is no time to be had`: "0001-01-01T00:00:00Z",
	} {
		if got := Parse("", core.LogLine{Text: text}).At.UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestBounds wants a monstrous line to cost no more than a long one.
func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"a long word":   strings.Repeat("x", 10<<20),
		"a long string": `{"level":"error","msg":"` + strings.Repeat(`é\n`, 5<<20),
		"deep objects":  strings.Repeat(`{"a":`, 1<<20),
		"many fields":   "{" + strings.Repeat(`"a":1,`, 1<<20) + `"b":2}`,
		"many pairs":    "21:34:57.830 [error] " + strings.Repeat("a=b ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			e := Parse("", core.LogLine{Text: text})
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if len(e.Message) > MaxLine || len(e.Fields) > maxFields {
				t.Errorf("a message of %d bytes and %d fields", len(e.Message), len(e.Fields))
			}
		})
	}
}

// TestAllocations wants what one line costs bounded by what is kept of a line,
// however long it is and whatever it looks like.
func TestAllocations(t *testing.T) {
	for name, begin := range map[string]string{
		"words": "", "JSON": `{"level":"error","msg":"`, "JSON fields": `{"a":"`, "a request": `10.0.0.1 - - [21/Nov/2026:21:34:59 +0000] "GET /`, "PostgreSQL": `2026-11-21 21:34:37.429 UTC [30] a@b FATAL:  `,
		"Elixir": "21:34:57.830 [error] ", "escapes": `{"msg":"` + strings.Repeat(`\n`, 1000), "secrets": strings.Repeat("password=a ", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			l := core.LogLine{Text: begin + strings.Repeat("é=\x1b[31m,", 1<<20)}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			Parse(core.DB, l)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > uint64(len(l.Text)) { // a tenth without the race detector
				t.Errorf("%d KB for a line of %d MB", n>>10, len(l.Text)>>20)
			}
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkParse reports MB/s of wall time, and of processor time, which a busy
// machine does not blur; the goal is 100 on one core.
func BenchmarkParse(b *testing.B) {
	for name, names := range map[string][]string{
		"json":  {"GoTrue answers", "Storage answers", "Storage starts", "Meta is refused by the database"},
		"plain": {"PostgREST answers 503", "Kong answers 401", "PostgreSQL refuses a login", "Realtime refuses a token", "Kong does not reach a service"},
	} {
		b.Run(name, func(b *testing.B) {
			size, said := 0, make([]core.LogLine, len(names))
			for i, n := range names {
				said[i] = core.LogLine{At: time.Now(), Text: lines[n].text}
				size += len(lines[n].text)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				for _, l := range said {
					Parse(core.DB, l)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-before).Seconds(), "MB/cpu-s")
		})
	}
}
