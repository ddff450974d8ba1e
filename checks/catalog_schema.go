package checks

import (
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// schemaClues are about what is in the database postgres, or is not.
var schemaClues = []clue{
	{core.Explanation{Code: "PG-03"}, "role", func(_ core.Target, rows [][]string) []core.Finding {
		f := fault(core.DB, sqlProof("pg_roles", "there is no role %", rows)...)
		f[0].Title, f[0].Affects = "A role that every API request needs is missing", []core.Service{core.Rest, core.Storage, core.Realtime, core.Auth}
		return f
	}},
	{core.Explanation{Code: "PG-03"}, "schema", func(t core.Target, rows [][]string) []core.Finding {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return r[0] != "storage" || !t.Has(core.Storage) })
		if len(rows) == 0 {
			return nil
		}
		f := fault(core.DB, sqlProof("pg_namespace", "there is no schema %", rows)...)
		f[0].Title, f[0].Severity, f[0].Affects = "The schema of storage is missing", core.Warning, []core.Service{core.Storage}
		return f
	}},
	{core.Explanation{
		Code: "RT-10", Title: "Realtime has no schema to work in", Severity: core.Warning,
		What:   "The schema _realtime is missing: the database was made before realtime needed it, or somebody dropped it.",
		Breaks: "Realtime does not start: it could not create its migrations table.",
		Do:     "Apply realtime.sql of your release as superuser and restart realtime.", Data: "No data is at risk.", Sources: "supabase/cli#997",
	}, "schema", func(t core.Target, rows [][]string) []core.Finding {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return r[0] != "_realtime" || !t.Has(core.Realtime) })
		return fault(core.Realtime, sqlProof("pg_namespace", "there is no schema %", rows)...)
	}},
	{core.Explanation{
		Code: "RT-11", Title: "Realtime's tables are half made", Severity: core.Warning,
		What:   "Realtime has begun to make its tables in this database, and the table realtime.messages is not there.",
		Breaks: "Broadcast and presence of private channels fail.",
		Do:     "Take a snapshot, look for \"MigrationsFailedToRun\" in realtime's log, and give the objects of schema realtime back to supabase_realtime_admin or supabase_admin.",
		Data:   "No data is at risk by this alone.", Sources: "supabase/realtime ERROR_CODES.md",
	}, "messages", ifHas(core.Realtime, advise(core.Realtime, "realtime", "there is no table %"))},
	{core.Explanation{
		Code: "RT-12", Title: "The publication for realtime is missing", Severity: core.Warning,
		What:   "Realtime sends the changes of tables that the publication supabase_realtime lists, and there is none.",
		Breaks: "Clients subscribe without an error and get no changes.",
		Do:     "create publication supabase_realtime, then add the tables: alter publication supabase_realtime add table NAME.", Data: "No data is at risk.", Sources: "supabase/supabase#10159; supabase/realtime#1502",
	}, "publication", ifHas(core.Realtime, advise(core.Realtime, "pg_publication", "there is no publication %"))},
	{core.Explanation{
		Code: "REST-05", Title: "PostgREST is to serve a schema that does not exist", Severity: core.Warning,
		What:   "PGRST_DB_SCHEMAS names a schema that the database does not have.",
		Breaks: "Requests to it are answered with an error; older releases cannot load any schema.",
		Do:     "Take it out of PGRST_DB_SCHEMAS and recreate rest, or create the schema.", Data: "No data is at risk.", Sources: "PostgREST docs, errors.rst",
	}, "schemas", absentSchemas},
	{core.Explanation{
		Code: "REST-07", Title: "API roles may not use the schema public", Severity: core.Warning,
		What:   "anon, authenticated or service_role has no USAGE on the schema public, as after a restore without grants.",
		Breaks: "Requests are answered with 401 or 403, \"permission denied for schema public\" (42501).",
		Do:     "Check row level security first, then: grant usage on schema public to anon, authenticated, service_role;", Data: "Grants may expose tables that have no row level security.", Sources: "PostgREST docs, errors.rst",
	}, "usage", advise(core.Rest, "pg_namespace", "% has no USAGE on %")},
	{core.Explanation{Code: "REST-07"}, "ungranted", func(_ core.Target, rows [][]string) []core.Finding {
		f := advice(core.Rest, sqlProof("pg_class", "neither authenticated nor service_role has a grant on %.%", rows)...)
		f[0].Severity, f[0].Title = core.Info, "Tables of the schema public are granted to no API role"
		return f
	}},
	{core.Explanation{
		Code: "SEC-13", Title: "Anybody may read or write tables: row level security is off", Severity: core.Warning,
		What:   "The tables are in a schema that PostgREST serves, anon has a grant on them, and row level security is off.",
		Breaks: "Nothing; whoever has the public key reads or writes every row.",
		Do:     "alter table … enable row level security, and write policies for what is to be public.", Data: "Data may be read or changed by anybody.", Sources: "CVE-2025-48757",
	}, "no_rls", openTables},
	{core.Explanation{
		Code: "PG-22", Title: "Objects of the schema public belong to supabase_admin", Severity: core.Info,
		What:   "Since June 2026 Studio works as postgres, which does not own what was made as supabase_admin before.",
		Breaks: "Changing these objects in Studio or by migrations fails: \"must be owner of table\".",
		Do:     "Run upstream's utils/reassign-owner.sh, which does public only.", Data: "No data is at risk.", Sources: "supabase/supabase#36973",
	}, "foreign_owner", func(t core.Target, rows [][]string) []core.Finding {
		if value(t, core.Meta, "PG_META_DB_USER") == "supabase_admin" {
			return nil // it works as their owner still
		}
		return advice(core.DB, sqlProof("pg_class", "%.% belongs to supabase_admin", rows)...)
	}},
	{core.Explanation{
		Code: "PG-25", Title: "The database's settings hold an old JWT secret", Severity: core.Warning,
		What:   "app.settings.jwt_secret in the database is another secret than auth signs with; rotating the secret in .env does not change it.",
		Breaks: "Functions that sign or verify tokens with it fail; nothing else reads it.",
		Do:     "alter database postgres set \"app.settings.jwt_secret\" to the present one, or reset it if no function needs it.", Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/db/jwt.sql",
	}, "jwt_setting", staleSetting},
	{core.Explanation{
		Code: "PG-26", Title: "Functions call pg_net, which is not there", Severity: core.Warning,
		What:   "Functions or webhook triggers use the schema net, and the extension pg_net is not installed.",
		Breaks: "What fires them fails: an insert, or a sign-up.", Do: "create extension pg_net, as webhooks.sql of your release does.",
		Data: "No data is at risk.", Sources: "supabase/supabase docker/volumes/db/webhooks.sql",
	}, "uses_net", advise(core.DB, "pg_proc", "%.% calls net.http_…")},
	{core.Explanation{Code: "PG-26"}, "uses_webhooks", advise(core.DB, "pg_trigger", "on %, trigger % calls supabase_functions.http_request")},
}

func ifHas(s core.Service, tell func(core.Target, [][]string) []core.Finding) func(core.Target, [][]string) []core.Finding {
	return func(t core.Target, rows [][]string) []core.Finding {
		if !t.Has(s) {
			return nil
		}
		return tell(t, rows)
	}
}

// served lists the schemas that PostgREST is to serve.
func served(t core.Target) []string {
	var out []string
	for s := range strings.SplitSeq(value(t, core.Rest, "PGRST_DB_SCHEMAS"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// absentSchemas leaves graphql_public alone, which comes and goes with an
// extension that PostgreSQL 17 images leave out.
func absentSchemas(t core.Target, rows [][]string) []core.Finding {
	var proof []core.Evidence
	for _, s := range served(t) {
		if s != "graphql_public" && !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == s }) {
			proof = append(proof, evidence("env:rest", "PGRST_DB_SCHEMAS names "+clip(s)+", which does not exist"))
		}
	}
	f := fault(core.Rest, proof...)
	if c, ok := t.Container(core.Rest); ok && c.Health != "healthy" && len(f) > 0 {
		f[0].Severity = core.Critical // it cannot load any schema
	}
	return f
}

// openTables keeps to the schemas that are served and are the user's own.
func openTables(t core.Target, rows [][]string) []core.Finding {
	own := served(t)
	rows = slices.DeleteFunc(slices.Clone(rows), func(r []string) bool {
		return !slices.Contains(own, r[0]) || slices.Contains([]string{"storage", "graphql_public", "graphql", "auth"}, r[0])
	})
	return advice(core.Rest, sqlProof("pg_class", "%.%: anon has grants, row level security is off", rows)...)
}
