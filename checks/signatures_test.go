package checks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestSignatures feeds each signature the line that the real service logs.
func TestSignatures(t *testing.T) {
	lines := map[string]struct {
		service core.Service
		text    string
		want    string
	}{
		"auth, wrong password":        {core.Auth, `{"level":"fatal","msg":"running db migrations: … failed SASL auth (FATAL: password authentication failed for user \"supabase_auth_admin\" (SQLSTATE 28P01))"}`, "AUTH-01 auth"},
		"auth, no schema":             {core.Auth, `{"level":"fatal","msg":"running db migrations: Migrator: problem creating schema migrations: ERROR: no schema has been selected to create in (SQLSTATE 3F000)"}`, "AUTH-02 auth"},
		"auth, a migration":           {core.Auth, `{"level":"fatal","msg":"running db migrations: error executing migrations/20240427152123_add_one_time_tokens_table.up.sql"}`, "AUTH-04 auth"},
		"kong, torn file":             {core.Gateway, `nginx: [error] init_by_lua error: error parsing declarative config file /home/kong/kong.yml: failed parsing declarative configuration: expected an object`, "GW-01 gateway"},
		"kong, a directory":           {core.Gateway, `cat: /home/kong/temp.yml: Is a directory`, "DK-08 gateway"},
		"supavisor, key length":       {core.Pooler, `** (ErlangError) Erlang error: {:badarg, {~c"aead.c", 90}, ~c"Unknown cipher or invalid key size"}`, "POOL-03 pooler"},
		"realtime, key length":        {core.Realtime, `** (ErlangError) Erlang error: {:badarg, {~c"api_ng.c", 1}, ~c"Unknown cipher or invalid key size"}`, "RT-03 realtime"},
		"realtime, metrics secret":    {core.Realtime, `** (System.EnvError) could not fetch environment variable "METRICS_JWT_SECRET" because it is not set`, "RT-07 realtime"},
		"realtime, secret key base":   {core.Realtime, `** (System.EnvError) could not fetch environment variable "SECRET_KEY_BASE" because it is not set`, "RT-08 realtime"},
		"functions, no main":          {core.Functions, `worker boot error: failed to bootstrap runtime: failed to determine entrypoint`, "FN-01 functions"},
		"analytics, wrong password":   {core.Analytics, `Postgrex.Protocol (#PID<0.1.0>) failed to connect: ** (Postgrex.Error) FATAL 28P01 (invalid_password)`, "LOG-02 analytics"},
		"supavisor, no _supabase":     {core.Pooler, `FATAL 3D000 (invalid_catalog_name) database "_supabase" does not exist`, "PG-04 db"},
		"postgres, major version":     {core.DB, `FATAL:  database files are incompatible with server`, "PG-05 db"},
		"postgres, root key":          {core.DB, `cat: /etc/postgresql-custom/pgsodium_root.key: Permission denied`, "PG-06 db"},
		"postgres, no space":          {core.DB, `PANIC:  could not write to file "pg_wal/xlogtemp.23": No space left on device`, "PG-12 db"},
		"postgres, no checkpoint":     {core.DB, `PANIC:  could not locate a valid checkpoint record`, "PG-18 db"},
		"a line that nobody knows":    {core.Auth, `{"level":"info","msg":"GoTrue API started on: 0.0.0.0:9999"}`, ""},
		"another service's signature": {core.Rest, `no schema has been selected to create in`, ""},
	}
	for name, tt := range lines {
		t.Run(name, func(t *testing.T) {
			dying := func(c *core.Container) {
				c.Service, c.State, c.StartedAt = tt.service, "restarting", now.Add(-time.Second)
				c.Logs = []core.LogLine{{At: now, Text: tt.text}}
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			in := core.Auth // which container plays it
			if slices.Contains(essential, tt.service) {
				in = tt.service
			}
			expect(t, "logs.signatures", stack(map[core.Service]func(*core.Container){in: dying}), want...)
		})
	}
	t.Run("last words of an earlier life do not count", func(t *testing.T) {
		old := func(c *core.Container) {
			c.State, c.StartedAt = "restarting", now.Add(-time.Second)
			c.Logs = []core.LogLine{{At: now.Add(-time.Hour), Text: "password authentication failed"}}
		}
		expect(t, "logs.signatures", stack(map[core.Service]func(*core.Container){core.Auth: old}))
	})
	t.Run("of two deaths the last one counts", func(t *testing.T) {
		twice := func(c *core.Container) {
			c.State, c.StartedAt = "restarting", now.Add(-time.Second)
			c.Logs = []core.LogLine{
				{At: now.Add(-20 * time.Second), Text: "no schema has been selected to create in (SQLSTATE 3F000)"},
				{At: now, Text: "password authentication failed (SQLSTATE 28P01)"},
			}
		}
		expect(t, "logs.signatures", stack(map[core.Service]func(*core.Container){core.Auth: twice}), "AUTH-01 auth")
	})
	t.Run("an earlier death does not count when it dies of what nobody knows", func(t *testing.T) {
		twice := func(c *core.Container) {
			c.State, c.StartedAt = "restarting", now.Add(-time.Second)
			c.Logs = []core.LogLine{
				{At: now.Add(-20 * time.Second), Text: "no schema has been selected to create in (SQLSTATE 3F000)"},
				{At: now, Text: "fatal: something new"},
			}
		}
		expect(t, "logs.signatures", stack(map[core.Service]func(*core.Container){core.Auth: twice}))
	})
	t.Run("a service that is well has no last words", func(t *testing.T) {
		well := func(c *core.Container) {
			c.Logs = []core.LogLine{{At: now, Text: "password authentication failed"}}
		}
		expect(t, "logs.signatures", stack(map[core.Service]func(*core.Container){core.Auth: well}))
	})
	t.Run("a failed sign-up counts while auth is well, until one works", func(t *testing.T) {
		failed := core.LogLine{At: now.Add(-2 * time.Minute), Text: `{"component":"api","error":"Database error saving new user: ERROR: x (SQLSTATE 42501)","path":"/signup","status":500}`}
		worked := core.LogLine{At: now.Add(-time.Minute), Text: `{"component":"api","method":"POST","path":"/signup","status":200}`}
		with := func(l ...core.LogLine) core.Target {
			return stack(map[core.Service]func(*core.Container){core.Auth: func(c *core.Container) { c.Logs = l }})
		}
		expect(t, "logs.signatures", with(failed), "AUTH-05 auth")
		expect(t, "logs.signatures", with(failed, worked))
		listed := core.LogLine{At: now.Add(-time.Minute), Text: `{"component":"api","method":"GET","path":"/admin/users","status":200}`} // as a diagnosis does
		expect(t, "logs.signatures", with(failed, listed), "AUTH-05 auth")
	})
}

// asks makes a row of a line that a service logs and survives; an hour later it
// is no news.
func asks(want string, role core.Service, text string) ruleRow {
	return ruleRow{want, func(s *scene) { s.logs(role, text) }, func(s *scene) { lineAt(s, role, text) }}
}

// endsWith makes a row of a service's last words; from one that is well they tell
// nothing.
func endsWith(want string, role core.Service, text string) ruleRow {
	return ruleRow{want, func(s *scene) { s.dies(role, text) }, func(s *scene) { s.logs(role, text) }}
}

var lineRows = []ruleRow{
	{"DK-04 auth", func(s *scene) {
		s.container(core.Auth).Error = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
	}, nil},
	endsWith("DK-17 storage", core.Storage, "exec /usr/local/bin/docker-entrypoint.sh: exec format error"),
	endsWith("DK-19 pooler", core.Pooler, "/app/limits.sh: line 6: ulimit: open files: cannot modify limit: Operation not permitted"),
	endsWith("FN-04 functions", core.Functions, "main worker boot error: failed to create the graph"),
	endsWith("ST-03 storage", core.Storage, "StorageBackendError: Migration fix-search-function not found"),
	endsWith("PG-08 db", core.DB, `FATAL:  The getkey script "/usr/share/postgresql/extension/pgsodium_getkey" does not exist.`),
	endsWith("PG-10 db", core.DB, `LOG:  unrecognized configuration parameter "db_user_namespace" in file "/etc/postgresql-custom/a.conf" line 1`),
	endsWith("LOG-05 analytics", core.Analytics, "Illegal instruction (core dumped)"),
	endsWith("VEC-01 vector", core.Vector, "Listing currently running containers failed. error=Permission denied"),
	{"GW-05 gateway", func(s *scene) {
		s.logs(core.Gateway, `connect() failed (113: No route to host) while connecting to upstream, upstream: "http://172.20.0.77:9999/health"`)
	}, func(s *scene) {
		s.logs(core.Gateway, fmt.Sprintf(`connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://%s:9999/health"`, s.container(core.Auth).Networks[0].IP))
	}},
	{"GW-05 gateway", func(s *scene) {
		s.logs(core.Gateway, fmt.Sprintf(`connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://%s:9999/health"`, s.container(core.Storage).Networks[0].IP))
	}, func(s *scene) {
		s.logs(core.Gateway, fmt.Sprintf(`connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://%s:7777/health"`, s.container(core.Storage).Networks[0].IP))
	}},
	asks("GW-13 gateway", core.Gateway, "upstream sent too big header while reading response header from upstream"),
	asks("ST-01 storage", core.Storage, "The file system does not support extended attributes or has the feature disabled."),
	asks("ST-02 storage", core.Storage, "Error: EACCES: permission denied, open '/var/lib/storage/stub/stub/a/b.png'"),
	asks("ST-04 storage", core.Storage, `{"error":{"name":"EntityTooLarge","message":"The object exceeded the maximum allowed size"}}`),
	asks("ST-08 storage", core.Storage, "The extended attribute does not exist."),
	asks("RT-04 realtime", core.Realtime, "UnableToConnectToTenantDatabase: Realtime was unable to connect to the tenant database"),
	asks("ST-06 storage", core.Storage, `{"error":{"name":"SignatureDoesNotMatch"}}`),
	asks("FN-02 functions", core.Functions, `InvalidWorkerCreation: worker boot error: Uncaught SyntaxError`),
	asks("FN-03 functions", core.Functions, `{"code":"UNAUTHORIZED_LEGACY_JWT"}`),
	asks("FN-05 functions", core.Functions, "memory limit reached for the worker"),
	asks("POOL-01 pooler", core.Pooler, "Tenant or user not found"),
	asks("POOL-05 pooler", core.Pooler, "ECIRCUITBREAKER too many authentication failures, new connections are temporarily blocked"),
	asks("POOL-06 pooler", core.Pooler, "max clients reached in session mode - max clients are limited to pool_size"),
	asks("POOL-08 pooler", core.Pooler, `prepared statement "s0" already exists`),
	asks("RT-11 realtime", core.Realtime, "MigrationsFailedToRun: permission denied"),
	asks("RT-13 realtime", core.Realtime, "ReplicationSlotBeingUsed: supabase_realtime_replication_slot"),
	asks("RT-14 realtime", core.Realtime, "Too many connected users"),
	asks("RT-15 realtime", core.Realtime, "MissingPartition: no partition of relation messages"),
	asks("DK-24 rest", core.Rest, `{"code":"PGRST303","message":"JWT issued at future"}`),
	{"VEC-06 analytics", func(s *scene) {
		s.logs(core.Vector, "dns error: failed to lookup address information: Name does not resolve")
		s.container(core.Analytics).State = "restarting"
	}, func(s *scene) {
		s.logs(core.Vector, "dns error: failed to lookup address information: Name does not resolve")
		s.container(core.Analytics).StartedAt = now.Add(-30 * time.Second)
	}},
	{"VEC-06 gateway", func(s *scene) { // the sink goes through the gateway, and analytics is well
		s.files["volumes/logs/vector.yml"] += "sinks:\n  logflare_db:\n    uri: 'http://kong:8000/analytics/v1/api/logs?source_name=postgres.logs'\n"
		s.logs(core.Vector, "WARN sink{component_kind=\"sink\" component_id=logflare_db component_type=http}: HTTP error. error=error trying to connect: dns error: failed to lookup address information: no such host")
		s.container(core.Gateway).State = "restarting"
	}, func(s *scene) {
		s.files["volumes/logs/vector.yml"] += "sinks:\n  logflare_db:\n    uri: 'http://kong:8000/analytics/v1/api/logs?source_name=postgres.logs'\n"
		s.logs(core.Vector, "WARN sink{component_kind=\"sink\" component_id=logflare_db component_type=http}: HTTP error. error=error trying to connect: dns error: failed to lookup address information: no such host")
		s.container(core.Gateway).StartedAt = now.Add(-30 * time.Second)
	}},
	asks("PG-07 db", core.DB, "pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext"),
}
