package checks

import (
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
	})
}
