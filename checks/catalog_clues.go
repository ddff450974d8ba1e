package checks

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/basewright/basewright/core"
)

// serverClues are about the server as a whole.
var serverClues = []clue{
	{core.Explanation{Code: "PG-13"}, "connections", func(_ core.Target, rows [][]string) []core.Finding {
		f := advice(core.DB, sqlProof("pg_stat_activity", "% of % connections are in use", rows)...)
		f[0].Severity, f[0].Title = core.Warning, "The database has hardly a connection left"
		return f
	}},
	{core.Explanation{
		Code: "PG-16", Title: "The database has no sender of changes left", Severity: core.Warning,
		What:   "As many processes stream changes as max_wal_senders allows.",
		Breaks: "Realtime, or a replica, cannot connect: ReplicationMaxWalSendersReached.",
		Do:     "Find who streams in pg_stat_replication, or raise max_wal_senders and restart the database.", Data: "No data is at risk.", Sources: "supabase/realtime ERROR_CODES.md",
	}, "senders", blame(core.DB, "pg_stat_replication", "% of % senders are in use", core.Realtime)},
	{core.Explanation{
		Code: "PG-14", Title: "A replication slot that nobody reads keeps the log from being freed", Severity: core.Warning,
		What:   "The slot is inactive, and PostgreSQL keeps all its log since then, up to max_slot_wal_keep_size.",
		Breaks: "The disk fills up.", Do: "If its reader is gone for good, drop it: select pg_drop_replication_slot('NAME').",
		Data: "The reader of a dropped slot has to start over.", Sources: "Logflare/logflare#2375; PostgreSQL docs, pg_replication_slots",
	}, "slot", advise(core.DB, "pg_replication_slots", "slot % is inactive, status %, % behind")},
	{core.Explanation{
		Code: "PG-17", Title: "The system's sorting rules changed under a database", Severity: core.Warning,
		What:   "The database was built with another version of the C library's or ICU's collation than the image has now.",
		Breaks: "Indexes on text may miss rows; CREATE DATABASE is refused when template1 is concerned.",
		Do:     "REINDEX the indexes on text, then ALTER DATABASE … REFRESH COLLATION VERSION, of template1 too.",
		Data:   "Unique indexes may let doubles in until they are rebuilt. Take a snapshot first.", Sources: "supabase/supabase#47860",
	}, "collation", advise(core.DB, "pg_database", "database % was built with %, the system has %")},
	{core.Explanation{
		Code: "PG-21", Title: "An extension's objects are older than its library", Severity: core.Info,
		What:   "The image brings a newer version of the extension than the one that was created in the database.",
		Breaks: "Mostly nothing; functions of the newer version are missing.",
		Do:     "Take a snapshot, then ALTER EXTENSION … UPDATE.", Data: "No data is at risk by this alone.", Sources: "Supabase docs, PostgreSQL 17 upgrade",
	}, "extension", advise(core.DB, "pg_extension", "% is %, the image has %")},
	{core.Explanation{
		Code: "PG-20", Title: "An extension will not survive the upgrade to PostgreSQL 17", Severity: core.Info,
		What:   "PostgreSQL 17 images of Supabase no longer have this extension.",
		Breaks: "Nothing now; the upgrade is refused, or drops it with all that depends on it.",
		Do:     "Stay on 15, or move off the extension before the upgrade.", Data: "What depends on it is dropped with it.", Sources: "supabase/supabase docker/utils/upgrade-pg17.sh",
	}, "gone_in_17", advise(core.DB, "pg_extension", "% % is installed")},
	{core.Explanation{
		Code: "PG-23", Title: "Sessions wait for locks that another one holds", Severity: core.Warning,
		What:   "A session has waited for a lock for more than 30 seconds, or has left a transaction open for more than ten minutes.",
		Breaks: "Requests that need the same rows or tables hang.",
		Do:     "See who it is in pg_stat_activity, and end it with pg_terminate_backend if you know what it does.",
		Data:   "What the ended transaction did is undone.",
	}, "waiting", advise(core.DB, "pg_stat_activity", "% has waited for % seconds, for process %")},
	{core.Explanation{Code: "PG-23"}, "idle_in_transaction", advise(core.DB, "pg_stat_activity", "% has had a transaction open for % seconds, in process %")},
}

// innerClues are about what single services keep in the database.
var innerClues = []clue{
	{core.Explanation{
		Code: "AUTH-06", Title: "Users who were inserted by SQL cannot sign in", Severity: core.Critical,
		What:   "Rows of auth.users have NULL in a token column, which auth reads as text.",
		Breaks: "These users cannot sign in (500 \"Database error querying schema\"), and lists that hold them fail.",
		Do:     "Set the token columns to '' where they are NULL.",
		Data:   "No data is at risk.", Sources: "supabase/supabase#1479; auth, token.go",
	}, "null_tokens", func(_ core.Target, rows [][]string) []core.Finding {
		return []core.Finding{{Service: core.Auth, Evidence: sqlProof("auth.users", "% users have NULL in confirmation_token, recovery_token, email_change_token_new or email_change", rows)}}
	}},
	{core.Explanation{
		Code: "RT-04", Title: "Realtime works with older settings of its tenant", Severity: core.Warning, SymptomOf: []string{"PG-01", "DK-07"},
		What:   "Realtime keeps the JWT secret and the database's address in a row of _realtime.tenants, and reads them from there. The row is older than the settings: it is written anew at a start with SEED_SELF_HOST=true only.",
		Breaks: "Realtime rejects clients (\"Failed to validate JWT signature\"), or cannot connect to the database.",
		Do:     "Set SEED_SELF_HOST=true as upstream does, and restart realtime, which writes the row anew.", Data: "Limits that were set by hand in the row are lost by that.", Sources: "supabase/realtime priv/repo/seeds.exs",
	}, "realtime_tenant", staleTenant},
	{core.Explanation{
		Code: "DK-28", Title: "The volume with the database's root key is younger than its data", Severity: core.Warning,
		What:   "The volume at /etc/postgresql-custom was made more than a day after the data folder: it was removed, as `docker compose down -v` does, or the data was moved here without it.",
		Breaks: "Vault's secrets cannot be decrypted unless pgsodium_root.key was put back; settings in conf.d are gone.",
		Do:     "If a snapshot of the old volume exists, restore pgsodium_root.key from it. If the key is in place already, nothing is to be done.",
		Data:   "Vault's secrets are lost with the key. Keep every copy of the old volume.", Sources: "Supabase docs, PostgreSQL 17 upgrade",
	}, "cluster", youngKeyVolume},
	{core.Explanation{
		Code: "POOL-07", Title: "The pooler's tenant points to another database host", Severity: core.Warning,
		What:   "The tenant in _supavisor was made for another host than POSTGRES_HOST says now.",
		Breaks: "Clients of the pooler reach the old database, or none.",
		Do:     "Recreate the pooler with pooler.exs of the present release, which writes the tenant anew.", Data: "Clients may write to a database that nobody looks at.", Sources: "supabase/supabase#36571",
	}, "tenant", func(t core.Target, rows [][]string) []core.Finding {
		host := value(t, core.Pooler, "POSTGRES_HOST")
		if host == "" || slices.ContainsFunc(rows, func(r []string) bool { return r[1] == host }) {
			return nil
		}
		return fault(core.Pooler, append(sqlProof("_supavisor.tenants", "tenant % has the host %", rows), evidence("env:pooler", "POSTGRES_HOST is "+clip(host)))...)
	}},
	{core.Explanation{
		Code: "POOL-01", Title: "The pooler does not know the tenant of .env", Severity: core.Warning,
		What:   "POOLER_TENANT_ID is not among the tenants that the pooler has stored.",
		Breaks: "Clients that log in as postgres.<tenant> get \"Tenant or user not found\".",
		Do:     "Use a stored tenant in the connection string, or recreate the pooler, which stores that of .env.", Data: "No data is at risk.", Sources: "supabase/cli#3521; supabase/supavisor#364",
	}, "tenant", func(t core.Target, rows [][]string) []core.Finding {
		id := value(t, core.Pooler, "POOLER_TENANT_ID")
		if id == "" || slices.ContainsFunc(rows, func(r []string) bool { return r[0] == id }) {
			return nil
		}
		return fault(core.Pooler, append(sqlProof("_supavisor.tenants", "there is the tenant %", rows), evidence("env:pooler", "POOLER_TENANT_ID is "+clip(id)))...)
	}},
	{core.Explanation{
		Code: "LOG-03", Title: "Analytics has no schema to work in", Severity: core.Warning,
		What:   "The database _supabase has no schema _analytics: it was made before analytics needed it.",
		Breaks: "Analytics does not start.", Do: "Apply logs.sql of your release to _supabase as superuser, and restart analytics.",
		Data: "No data is at risk.", Sources: "supabase/supabase#16442; supabase/cli#2737",
	}, "analytics", func(_ core.Target, rows [][]string) []core.Finding {
		if rows[0][0] != "schema" {
			return nil
		}
		return fault(core.Analytics, evidence("sql:_supabase", "there is no schema _analytics"))
	}},
	{core.Explanation{
		Code: "LOG-04", Title: "The tables of analytics are half made", Severity: core.Warning,
		What:   "Analytics has noted its migrations, and the table sources is not there.",
		Breaks: "Analytics ends at its start: relation \"sources\" does not exist.",
		Do:     "If old logs may go: drop and create the schema _analytics only, and restart analytics.", Data: "Stored logs are lost by that, nothing else.", Sources: "supabase/supabase#28348, #22589",
	}, "analytics", func(_ core.Target, rows [][]string) []core.Finding {
		if rows[0][0] != "table" {
			return nil
		}
		return fault(core.Analytics, evidence("sql:_supabase", "_analytics.schema_migrations exists, _analytics.sources does not"))
	}},
	{core.Explanation{
		Code: "LOG-10", Title: "Stored logs take much of the disk", Severity: core.Warning,
		What:   "The tables _analytics.log_events_* hold more than 5 GiB. Nothing deletes old logs.",
		Breaks: "Nothing until the disk is full.", Do: "Delete old rows or truncate the tables if the logs may go, or leave out the logs overlay.",
		Data: "Deleted logs are gone.", Sources: "supabase/realtime#1175; supabase/supabase#19227",
	}, "log_tables", advise(core.Analytics, "_analytics", "% tables of logs take %")},
}

// staleSetting compares the secret in the database's settings with that of auth.
func staleSetting(t core.Target, rows [][]string) []core.Finding {
	secret := value(t, core.Auth, "GOTRUE_JWT_SECRET")
	if secret == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(secret))
	now := hex.EncodeToString(sum[:])
	stale := slices.DeleteFunc(slices.Clone(rows), func(r []string) bool { return r[0] == now })
	if len(stale) == 0 {
		return nil
	}
	return advice(core.DB, evidence("sql:pg_db_role_setting", "app.settings.jwt_secret is not the secret that auth signs with"), evidence("env:auth", "GOTRUE_JWT_SECRET: "+fingerprint(t, core.Secret(secret))))
}
