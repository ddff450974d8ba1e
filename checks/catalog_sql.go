package checks

import "github.com/basewright/basewright/core"

// questions are what database.catalog asks, at once. Only catalogues are read,
// but for the last four, which may miss: a table of auth, of realtime, of the
// pooler and of analytics. No column that holds a secret leaves the database.
var questions = []question{
	{database: "postgres", sql: serverSQL},
	{database: "postgres", sql: schemaSQL},
	{database: "postgres", sql: usersSQL, when: has(core.Auth)},
	{database: "postgres", sql: clusterSQL},
	{database: "postgres", sql: tenantsSQL, when: has(core.Realtime)},
	{database: "_supabase", sql: poolerSQL, when: has(core.Pooler)},
	{database: "_supabase", sql: analyticsSQL, when: has(core.Analytics)},
}

// serverSQL is about the server as a whole.
const serverSQL = `
select 'connections', count(*)::text, current_setting('max_connections'), '' from pg_stat_activity
  where backend_type = 'client backend' having count(*) >= 0.9 * current_setting('max_connections')::int
union all
select 'senders', count(*)::text, current_setting('max_wal_senders'), '' from pg_stat_replication
  having count(*) >= current_setting('max_wal_senders')::int and current_setting('max_wal_senders')::int > 0
union all
select 'slot', slot_name, coalesce(wal_status, 'unknown'), pg_size_pretty(coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)) from pg_replication_slots
  where not active and (wal_status in ('extended', 'unreserved', 'lost') or pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > 1073741824)
union all
select 'collation', datname, datcollversion, pg_database_collation_actual_version(oid) from pg_database
  where datallowconn and datcollversion is not null and datcollversion <> pg_database_collation_actual_version(oid)
union all
select 'extension', e.extname, e.extversion, a.default_version from pg_extension e join pg_available_extensions a on a.name = e.extname
  where a.default_version <> e.extversion
union all
select 'gone_in_17', extname, extversion, '' from pg_extension
  where extname in ('timescaledb', 'plv8', 'plcoffee', 'plls') and current_setting('server_version_num')::int < 170000
union all
select 'waiting', coalesce(usename, ''), extract(epoch from now() - query_start)::int::text, array_to_string(pg_blocking_pids(pid), ',') from pg_stat_activity
  where wait_event_type = 'Lock' and now() - query_start > interval '30 seconds'
union all
select 'idle_in_transaction', coalesce(usename, ''), extract(epoch from now() - xact_start)::int::text, pid::text from pg_stat_activity
  where state like 'idle in transaction%' and now() - state_change > interval '10 minutes' and backend_type = 'client backend'`

// schemaSQL is about what is, or is not, in the database postgres. The secret of
// app.settings.jwt_secret comes as its SHA-256 only.
const schemaSQL = `
select 'role', r, '', '' from unnest(array['anon', 'authenticated', 'service_role']) r where not exists (select from pg_roles where rolname = r)
union all
select 'schema', s, '', '' from unnest(array['storage', '_realtime']) s where to_regnamespace(s) is null
union all
select 'publication', 'supabase_realtime', '', '' where not exists (select from pg_publication where pubname = 'supabase_realtime')
union all
select 'messages', 'realtime.messages', '', '' where to_regclass('realtime.subscription') is not null and to_regclass('realtime.messages') is null
union all
select 'schemas', nspname, '', '' from pg_namespace
union all
select 'usage', r.rolname, n.nspname, '' from pg_roles r, pg_namespace n
  where r.rolname in ('anon', 'authenticated', 'service_role') and n.nspname = 'public' and not has_schema_privilege(r.oid, n.oid, 'usage')
union all
select 'no_rls', n.nspname, c.relname, '' from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_roles r
  where r.rolname = 'anon' and c.relkind in ('r', 'p') and not c.relrowsecurity and has_schema_privilege(r.oid, n.oid, 'usage')
    and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_'
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
union all
select 'ungranted', n.nspname, c.relname, '' from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind in ('r', 'p', 'v') and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    and not exists (select from pg_roles r where r.rolname in ('authenticated', 'service_role') and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete'))
union all
select 'foreign_owner', n.nspname, c.relname, '' from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
  where n.nspname = 'public' and r.rolname = 'supabase_admin' and c.relkind in ('r', 'p', 'v', 'm')
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
union all
select 'jwt_setting', encode(sha256(convert_to(substr(c, length('app.settings.jwt_secret=') + 1), 'UTF8')), 'hex'), coalesce(r.rolname, ''), length(c)::text from pg_db_role_setting s
  cross join unnest(s.setconfig) c left join pg_roles r on r.oid = s.setrole where c like 'app.settings.jwt_secret=%'
union all
select 'uses_net', n.nspname, p.proname, '' from pg_namespace n join pg_proc p on p.pronamespace = n.oid
  where to_regnamespace('net') is null and n.nspname in ('public', 'auth', 'storage') and p.prosrc ~* '\mnet\.http_(get|post|delete)'
union all
select 'uses_webhooks', t.tgrelid::regclass::text, t.tgname, '' from pg_namespace n join pg_proc p on p.pronamespace = n.oid join pg_trigger t on t.tgfoid = p.oid
  where to_regnamespace('net') is null and n.nspname = 'supabase_functions' and p.proname = 'http_request' and not t.tgisinternal`

// usersSQL counts users whose token columns auth cannot read; a table of more
// than a million is left alone. Source: auth, models.User, whose tokens are
// plain strings.
const usersSQL = `
select 'null_tokens', count(*)::text, '', '' from auth.users
  where (select reltuples from pg_class where oid = 'auth.users'::regclass) < 1000000
    and (confirmation_token is null or recovery_token is null or email_change_token_new is null or email_change is null)
  having count(*) > 0`

// clusterSQL tells when the data folder was made, of a database that may hold
// encrypted secrets. It needs a superuser.
const clusterSQL = `
select 'cluster', extract(epoch from (pg_stat_file('PG_VERSION')).modification)::bigint::text, count(*)::text, '' from pg_extension
  where extname in ('supabase_vault', 'pgsodium') having count(*) > 0`

// tenantsSQL brings realtime's encrypted secret as its SHA-256 only.
const tenantsSQL = `
select 'realtime_tenant', external_id, encode(sha256(convert_to(jwt_secret, 'UTF8')), 'hex'), updated_at::text from _realtime.tenants where jwt_secret is not null`

const poolerSQL = `
select 'tenant', external_id, db_host, db_port::text from _supavisor.tenants`

const analyticsSQL = `
select 'analytics', case when to_regnamespace('_analytics') is null then 'schema' else 'table' end, '', ''
  where to_regnamespace('_analytics') is null
    or to_regclass('_analytics.schema_migrations') is not null and to_regclass('_analytics.sources') is null
union all
select 'log_tables', count(*)::text, pg_size_pretty(sum(pg_total_relation_size(c.oid))), '' from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = '_analytics' and c.relname like 'log_events%' and c.relkind in ('r', 'p') having sum(pg_total_relation_size(c.oid)) > 5368709120`
