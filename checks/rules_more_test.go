package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// found makes a row of what the catalogue answers.
func found(want string, row ...string) ruleRow {
	return ruleRow{want, func(s *scene) { s.sql(row...) }, nil}
}

var catalogRows = []ruleRow{
	found("PG-13 db", "connections", "95", "100"),
	found("PG-16 db", "senders", "10", "10"),
	found("PG-14 db", "slot", "old", "extended", "3 GB"),
	found("PG-17 db", "collation", "postgres", "2.36", "2.39"),
	found("PG-21 db", "extension", "pgcrypto", "1.2", "1.3"),
	found("PG-20 db", "gone_in_17", "plv8", "3.1.10"),
	found("PG-23 db", "waiting", "authenticator", "45", "77"),
	found("PG-23 db", "idle_in_transaction", "postgres", "700", "77"),
	found("PG-03 db", "role", "anon"),
	{"PG-03 db", func(s *scene) { s.sql("schema", "storage") }, nil},
	found("RT-10 realtime", "schema", "_realtime"),
	found("RT-11 realtime", "messages", "realtime.messages"),
	found("RT-12 realtime", "publication", "supabase_realtime"),
	{"REST-05 rest", func(s *scene) { s.env(core.Rest, "PGRST_DB_SCHEMAS", "public, api") }, func(s *scene) {
		s.env(core.Rest, "PGRST_DB_SCHEMAS", "public, api")
		s.sql("schemas", "api")
	}},
	found("REST-07 rest", "usage", "anon", "public"),
	found("REST-07 rest", "ungranted", "public", "todo"),
	{"SEC-13 rest", func(s *scene) { s.sql("no_rls", "public", "todo") }, func(s *scene) { s.sql("no_rls", "private", "todo") }},
	found("PG-22 db", "foreign_owner", "public", "todo"),
	{"PG-25 db", func(s *scene) { s.sql("jwt_setting", "00ff", "", "40") }, func(s *scene) {
		s.sql("jwt_setting", "2c04b1a5bd4d6ef8e0a8bb3dd1fc8be3ef9df18cb6b7ca5e2c4e6de1ee03eab6", "", "40")
		s.env(core.Auth, "GOTRUE_JWT_SECRET", "")
	}},
	found("PG-26 db", "uses_net", "public", "notify"),
	found("PG-26 db", "uses_webhooks", "public.todo", "hook"),
	found("AUTH-06 auth", "null_tokens", "3"),
	{"POOL-07 pooler", func(s *scene) { s.sql("tenant", "shop", "old-db", "5432") }, func(s *scene) { s.sql("tenant", "shop", "db", "5432") }},
	{"POOL-01 pooler", func(s *scene) { s.sql("tenant", "your-tenant-id", "db", "5432") }, nil},
	found("LOG-03 analytics", "analytics", "schema"),
	found("LOG-04 analytics", "analytics", "table"),
	found("LOG-10 analytics", "log_tables", "12", "9 GB"),
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

// other is a second stack on the host, as far as it can get into the way.
func (s *scene) other(change func(p *core.Peer)) {
	p := core.Peer{Instance: core.Instance{ID: "blog", Project: "blog"}, Containers: []core.Container{{
		ID: "blog-db", Name: "blog-db", Service: core.DB, ComposeService: "db", State: "running",
		Networks: []core.Endpoint{{Network: "blog_default", Aliases: []string{"db"}}},
		Mounts:   []core.Mount{{Type: "bind", Source: "/srv/blog/data", Target: "/var/lib/postgresql/data"}, {Type: "bind", Source: "/var/run/docker.sock"}},
	}}}
	change(&p)
	s.o.Peers = append(s.o.Peers, p)
}

func holds(p *core.Peer, key, value string) {
	p.Env.Vars = append(p.Env.Vars, core.EnvVar{Key: key, Value: core.Secret(value), Line: 1})
}

// gone takes a service's container away.
func (s *scene) gone(role core.Service) {
	s.o.Containers = slices.DeleteFunc(s.o.Containers, func(c core.Container) bool { return c.Service == role })
}

var peerRows = []ruleRow{
	{"SEC-16 host", func(s *scene) {
		s.dotenv("JWT_SECRET", secret32+"x")
		s.other(func(p *core.Peer) { holds(p, "JWT_SECRET", secret32+"x") })
	}, func(s *scene) { // another key, an empty one, and one that is published anyway
		s.dotenv("JWT_SECRET", secret32+"x")
		s.dotenv("VAULT_ENC_KEY", "")
		s.other(func(p *core.Peer) { holds(p, "POSTGRES_PASSWORD", secret32+"x"); holds(p, "VAULT_ENC_KEY", "") })
	}},
	{"DK-01 imgproxy", func(s *scene) {
		s.gone(core.Imgproxy)
		s.other(func(p *core.Peer) { p.Containers[0].Name = "shop-imgproxy" })
	}, func(s *scene) { s.other(func(p *core.Peer) { p.Containers[0].Name = "shop-imgproxy2" }) }},
	{"DK-03 imgproxy", func(s *scene) {
		s.gone(core.Imgproxy)
		s.declared(core.Imgproxy).Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, ContainerPort: 5001, Proto: "tcp"}}
		s.other(func(p *core.Peer) {
			p.Containers[0].Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, Proto: "tcp"}}
		})
	}, func(s *scene) { // another address of the host
		s.declared(core.Imgproxy).Ports = []core.Port{{HostIP: "10.0.0.1", HostPort: 9000, ContainerPort: 5001, Proto: "tcp"}}
		s.other(func(p *core.Peer) {
			p.Containers[0].Ports = []core.Port{{HostIP: "127.0.0.1", HostPort: 9000, Proto: "tcp"}}
		})
	}},
	{"DK-22 db", func(s *scene) {
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"db", "shop-db"}})
		s.other(func(p *core.Peer) { p.Containers[0].Networks[0].Network = "proxy" })
	}, func(s *scene) { // both on one network, under names of their own
		s.o.Host.Projects = 2
		filtered(s)
		s.container(core.DB).Networks = append(s.container(core.DB).Networks, core.Endpoint{Network: "proxy", Aliases: []string{"shop-db"}})
		s.other(func(p *core.Peer) { p.Containers[0].Networks[0].Network = "proxy" })
	}},
	{"DK-02 db", func(s *scene) {
		s.other(func(p *core.Peer) { p.Containers[0].Mounts[0].Source = "/srv/shop/volumes/db/data" })
	}, func(s *scene) {
		s.other(func(p *core.Peer) {
			p.Containers[0].Mounts[0] = core.Mount{Type: "bind", Source: "/srv/shop/volumes/db/data", ReadOnly: true}
		})
	}},
	{"RT-04 realtime", func(s *scene) {
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}, func(s *scene) { // one that is written anew at every start, and is well
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.env(core.Realtime, "SEED_SELF_HOST", "true")
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}},
	{"RT-04 realtime", func(s *scene) {
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		s.env(core.Realtime, "SEED_SELF_HOST", "true")
		s.container(core.Realtime).Health = "unhealthy"
		s.sql("realtime_tenant", "realtime-dev", strings.Repeat("0", 64), "2025-01-01")
	}, func(s *scene) { // the row is of the secret
		s.env(core.Realtime, "API_JWT_SECRET", secret32+"x")
		digest, _ := sealed("0123456789abcdef", secret32+"x")
		s.sql("realtime_tenant", "realtime-dev", digest, "2025-01-01")
	}},
	{"DK-28 db", func(s *scene) { s.keyVolume(48 * time.Hour) }, func(s *scene) { s.keyVolume(time.Hour) }},
	{"RT-17 realtime", func(s *scene) { s.chatter(30) }, func(s *scene) { s.chatter(10) }},
}

// keyVolume gives the database a volume that is younger than its data.
func (s *scene) keyVolume(younger time.Duration) {
	s.container(core.DB).Mounts = append(s.container(core.DB).Mounts, core.Mount{Type: "volume", Name: "shop_db-config", Target: "/etc/postgresql-custom", CreatedAt: now.Add(younger)})
	s.sql("cluster", fmt.Sprint(now.Unix()), "1")
}

// chatter has realtime log sixty lines, of which n are health checks.
func (s *scene) chatter(n int) {
	for i := range 60 {
		text := "request_id=x [info] Sent 200 in 1ms"
		if i < n {
			text = "request_id=x [info] GET /api/tenants/realtime-dev/health"
		}
		s.container(core.Realtime).Logs = append(s.container(core.Realtime).Logs, core.LogLine{At: now.Add(-time.Minute), Text: text})
	}
}
