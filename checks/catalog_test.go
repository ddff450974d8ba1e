package checks

import "github.com/basewright/basewright/core"

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
