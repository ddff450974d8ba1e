package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// migration is one file of GoTrue's migrations folder; {{ns}} is the namespace. Only what this program reads and writes
// is here, in the shape that upstream's later migrations expect to find, so that a real GoTrue can migrate over it.
type migration struct{ version, name, sql string }

var gotrueMigrations = []migration{
	{"00", "init_auth_schema", `
create table if not exists {{ns}}.users (
  instance_id uuid null, id uuid not null unique, aud varchar(255) null, role varchar(255) null,
  email varchar(255) null unique, encrypted_password varchar(255) null, confirmed_at timestamptz null,
  invited_at timestamptz null, confirmation_token varchar(255) null, confirmation_sent_at timestamptz null,
  recovery_token varchar(255) null, recovery_sent_at timestamptz null, email_change_token varchar(255) null,
  email_change varchar(255) null, email_change_sent_at timestamptz null, last_sign_in_at timestamptz null,
  raw_app_meta_data jsonb null, raw_user_meta_data jsonb null, is_super_admin bool null,
  created_at timestamptz null, updated_at timestamptz null, constraint users_pkey primary key (id));
create index if not exists users_instance_id_email_idx on {{ns}}.users using btree (instance_id, email);
create index if not exists users_instance_id_idx on {{ns}}.users using btree (instance_id);
create table if not exists {{ns}}.refresh_tokens (
  instance_id uuid null, id bigserial not null, token varchar(255) null, user_id varchar(255) null, revoked bool null,
  created_at timestamptz null, updated_at timestamptz null, constraint refresh_tokens_pkey primary key (id));
create index if not exists refresh_tokens_instance_id_user_id_idx on {{ns}}.refresh_tokens using btree (instance_id, user_id);
create table if not exists {{ns}}.instances (
  id uuid not null, uuid uuid null, raw_base_config text null, created_at timestamptz null, updated_at timestamptz null,
  constraint instances_pkey primary key (id));
create table if not exists {{ns}}.audit_log_entries (
  instance_id uuid null, id uuid not null, payload json null, created_at timestamptz null,
  constraint audit_log_entries_pkey primary key (id));
create or replace function {{ns}}.uid() returns uuid as $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid $$ language sql stable;
create or replace function {{ns}}.role() returns text as $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text $$ language sql stable;`},
	{"20210710035447", "alter_users", `
alter table {{ns}}.users add column if not exists phone varchar(15) null unique default null,
  add column if not exists phone_confirmed_at timestamptz null default null,
  add column if not exists phone_change varchar(15) null default '',
  add column if not exists phone_change_token varchar(255) null default '',
  add column if not exists phone_change_sent_at timestamptz null default null;`},
	{"20210722035447", "adds_confirmed_at", `
do $$ begin
  if not exists (select from information_schema.columns
      where table_schema = '{{ns}}' and table_name = 'users' and column_name = 'email_confirmed_at') then
    alter table {{ns}}.users rename column confirmed_at to email_confirmed_at;
  end if;
end $$;
alter table {{ns}}.users add column if not exists
  confirmed_at timestamptz generated always as (least(users.email_confirmed_at, users.phone_confirmed_at)) stored;`},
	{"20210730183235", "add_email_change_confirmed", `
do $$ begin
  if not exists (select from information_schema.columns
      where table_schema = '{{ns}}' and table_name = 'users' and column_name = 'email_change_token_new') then
    alter table {{ns}}.users rename column email_change_token to email_change_token_new;
  end if;
end $$;
alter table {{ns}}.users add column if not exists email_change_token_current varchar(255) null default '',
  add column if not exists email_change_confirm_status smallint default 0
    check (email_change_confirm_status >= 0 and email_change_confirm_status <= 2);`},
	{"20210909172000", "create_identities_table", `
create table if not exists {{ns}}.identities (
  id text not null, user_id uuid not null, identity_data jsonb not null, provider text not null,
  last_sign_in_at timestamptz null, created_at timestamptz null, updated_at timestamptz null,
  constraint identities_pkey primary key (provider, id),
  constraint identities_user_id_fkey foreign key (user_id) references {{ns}}.users(id) on delete cascade);`},
	{"20210927181326", "add_refresh_token_parent", `
alter table {{ns}}.refresh_tokens add column if not exists parent varchar(255) null;`},
	{"20220811173540", "add_sessions_table", `
create table if not exists {{ns}}.sessions (
  id uuid not null, user_id uuid not null, created_at timestamptz null, updated_at timestamptz null,
  constraint sessions_pkey primary key (id),
  constraint sessions_user_id_fkey foreign key (user_id) references {{ns}}.users(id) on delete cascade);
alter table {{ns}}.refresh_tokens add column if not exists session_id uuid null;`},
}

const createSchemaMigrations = "CREATE TABLE \"schema_migrations\" (\n\"version\" VARCHAR (14) NOT NULL,\nPRIMARY KEY(\"version\")\n);\n" +
	"CREATE UNIQUE INDEX \"schema_migrations_version_idx\" ON \"schema_migrations\" (version);"

// migrate connects and brings the schema up, with pop's error texts.
func (g *gotrue) migrate(ctx context.Context, cfg *pgx.ConnConfig) error {
	const creating = "Migrator: problem creating schema migrations: "
	dial, cancel := context.WithTimeout(ctx, g.conf.maxRequest*6)
	defer cancel()
	conn, err := connect(dial, cfg)
	if err != nil {
		return errors.New(creating + "couldn't start a new transaction: could not create new transaction: " + pgconn1Text(cfg, err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pc := conn.PgConn()
	if _, err := pc.Exec(ctx, `SELECT COUNT(*) as row_count FROM schema_migrations as schema_migrations`).ReadAll(); err != nil {
		if _, err := pc.Exec(ctx, createSchemaMigrations).ReadAll(); err != nil {
			return fmt.Errorf("%scould not execute %s: %s", creating, createSchemaMigrations, pgText(err))
		}
	}
	count := 0
	for _, m := range gotrueMigrations {
		done, err := g.apply(ctx, pc, m)
		if err != nil {
			return err
		}
		if done {
			count++
		}
	}
	g.line("info", "GoTrue migrations applied successfully", map[string]any{"count": count})
	return g.findIdentityColumn(ctx, conn)
}

// apply runs one migration in a transaction, unless schema_migrations has it; it tells whether it ran.
func (g *gotrue) apply(ctx context.Context, pc *pgconn.PgConn, m migration) (bool, error) {
	rows, err := pc.Exec(ctx, `SELECT 1 FROM schema_migrations WHERE version = '`+m.version+`'`).ReadAll()
	if err != nil {
		return false, fmt.Errorf("Migrator: problem checking for migration version %s: %s", m.version, pgText(err))
	}
	if len(rows) > 0 && len(rows[0].Rows) > 0 {
		return false, nil
	}
	sql := strings.ReplaceAll(m.sql, "{{ns}}", g.conf.namespace)
	if _, err := pc.Exec(ctx, "begin;"+sql+";insert into schema_migrations (version) values ('"+m.version+"');commit").ReadAll(); err != nil {
		return false, fmt.Errorf("error executing migrations/%s_%s.up.sql, sql: %s: %s", m.version, m.name, sql, pgText(err))
	}
	return true, nil
}

func (g *gotrue) findIdentityColumn(ctx context.Context, conn *pgx.Conn) error {
	g.identityID = "id"
	var later bool
	err := conn.QueryRow(ctx, `select exists (select from information_schema.columns
		where table_schema = $1 and table_name = 'identities' and column_name = 'provider_id')`, g.conf.namespace).Scan(&later)
	if err != nil {
		return fmt.Errorf("Migrator: %s", pgText(err))
	}
	if later {
		g.identityID = "provider_id"
	}
	return nil
}
