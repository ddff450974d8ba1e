package main

import (
	"context"

	"github.com/basewright/basewright/core"
)

// catalogFaults are those of what is, or is not, in the database; nothing has to
// restart for most of them.
func catalogFaults() []fault {
	return []fault{
		inDatabase("AUTH-06", "A user was inserted by SQL with NULL in a token column, which auth cannot read.",
			`insert into auth.users (id, aud, role, email, confirmation_token, recovery_token, email_change_token_new, email_change, created_at, updated_at)
values ('00000000-0000-4000-8000-00000000007b', 'authenticated', 'authenticated', 'by-hand@lab.invalid', null, '', '', '', now(), now());`,
			`select exists (select from auth.users where confirmation_token is null and email = 'by-hand@lab.invalid');`,
			`delete from auth.users where email = 'by-hand@lab.invalid';`),
		inDatabase("PG-14", "A replication slot whose reader is gone keeps more log than max_wal_size.",
			`select pg_create_physical_replication_slot('lab_orphan', true);
do $$ begin for i in 1..18 loop perform pg_switch_wal(); perform pg_logical_emit_message(false, 'lab', repeat('x', 100)); end loop; end $$;`,
			`select exists (select from pg_replication_slots where slot_name = 'lab_orphan' and wal_status in ('extended', 'unreserved', 'lost'));`,
			`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'lab_orphan';
checkpoint;`),
		inDatabase("PG-17", "A database was made with another version of the sorting rules than the image has.",
			`create database lab_sorted template template0 locale_provider icu icu_locale 'en';
update pg_database set datcollversion = '1.0' where datname = 'lab_sorted';`,
			`select exists (select from pg_database where datname = 'lab_sorted' and datcollversion <> pg_database_collation_actual_version(oid));`,
			`drop database if exists lab_sorted;`),
		inDatabase("PG-21", "An extension was made with an older image and never updated.",
			`create extension if not exists pg_trgm version '1.3';`,
			`select exists (select from pg_extension where extname = 'pg_trgm' and extversion = '1.3');`,
			`drop extension if exists pg_trgm;`),
		inDatabase("PG-22", "A table of the schema public was made as supabase_admin, in the days when Studio worked as superuser.",
			`create table public.lab_owned (id int primary key);
alter table public.lab_owned owner to supabase_admin, enable row level security;
grant all on public.lab_owned to anon, authenticated, service_role;
notify pgrst, 'reload schema';`,
			`select to_regclass('public.lab_owned') is not null;`,
			`drop table if exists public.lab_owned;`),
		inDatabase("ST-09", "The table of buckets is gone (renamed), so storage says that it is not well.",
			`alter table storage.buckets rename to buckets_gone;`,
			`select to_regclass('storage.buckets_gone') is not null;`,
			`do $$ begin
  if to_regclass('storage.buckets_gone') is not null then
    drop table if exists storage.buckets cascade;
    alter table storage.buckets_gone rename to buckets;
  end if;
end $$;`),
		{code: "RT-10", does: "The schema _realtime is gone (renamed), so realtime cannot start.",
			apply: then(`alter schema _realtime rename to realtime_gone;`, core.Realtime), shows: dies(core.Realtime, "3F000"),
			mend: then(`do $$ begin
  if exists (select from pg_namespace where nspname = 'realtime_gone') then
    drop schema if exists _realtime cascade;
    alter schema realtime_gone rename to _realtime;
  end if;
end $$;`, core.Realtime)},
		inDatabase("RT-11", "Realtime's table of messages is gone (renamed), while its other tables are there.",
			`create table if not exists realtime.subscription (id bigint generated always as identity primary key, subscription_id uuid not null);
alter table realtime.messages rename to messages_gone;`,
			`select to_regclass('realtime.messages') is null;`,
			`do $$ begin
  if to_regclass('realtime.messages_gone') is not null then
    drop table if exists realtime.messages;
    alter table realtime.messages_gone rename to messages;
  end if;
end $$;`),
		{code: "PG-20", does: "An extension is installed that PostgreSQL 17 images no longer have.", quiet: true,
			apply: withExtension("plls"), shows: sqlShows("postgres", `select exists (select from pg_extension where extname = 'plls');`),
			mend: then(`drop extension if exists plls;`)},
		{code: "PG-28", does: "The database was told to shut down and waits for its clients, so it takes no new ones.",
			apply: send(core.DB, "TERM"), shows: databaseRefuses("57P03"), mend: func(ctx context.Context, b *bench, _ saved) error { return b.restart(ctx, core.DB) }},
	}
}

// withExtension installs an extension of nothing: what the catalogue shows of it
// is what counts, and its library cannot be had.
func withExtension(name string) func(context.Context, *bench, saved) error {
	return callsWithout(name, "", `create extension `+name+`;`)
}

// callsWithout puts an extension of nothing but a script into the database's image,
// and runs statements of whoever knows of it.
func callsWithout(name, makes, statements string) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, s saved) error {
		control := "default_version = '1.0'\nrelocatable = true\n"
		script := `d=$(pg_config --sharedir 2>/dev/null || dirname $(find / -name 'plpgsql.control' -not -path '/proc/*' | head -n 1)); ` +
			`case $d in */extension) ;; *) d=$d/extension ;; esac; cat > $d/` + name + `.control; printf %s "$1" > $d/` + name + `--1.0.sql`
		_, err := b.engine().Exec(ctx, core.DB, core.Command{Args: []string{"sh", "-c", script, "sh", makes}, User: "root", Stdin: []byte(control)})
		if err != nil {
			return err
		}
		return then(statements)(ctx, b, s)
	}
}

// databaseRefuses waits until the database turns new clients away.
func databaseRefuses(string) shower {
	return func(ctx context.Context, b *bench) (bool, string) {
		_, err := b.sql(ctx, "postgres", "select 1;")
		if err == nil {
			return false, "the database takes clients"
		}
		return true, err.Error()
	}
}
