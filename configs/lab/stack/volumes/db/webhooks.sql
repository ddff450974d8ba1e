-- Database webhooks keep their books in this schema; pg_net itself is not in the lab.
create schema supabase_functions authorization supabase_admin;
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;
create table supabase_functions.migrations (
  version text primary key,
  inserted_at timestamptz not null default now()
);
create table supabase_functions.hooks (
  id bigserial primary key,
  hook_table_id integer not null,
  hook_name text not null,
  created_at timestamptz not null default now(),
  request_id bigint
);
create role supabase_functions_admin login noinherit createrole noreplication;
alter role supabase_functions_admin set search_path = 'supabase_functions';
grant all on schema supabase_functions to supabase_functions_admin;
alter table supabase_functions.migrations owner to supabase_functions_admin;
alter table supabase_functions.hooks owner to supabase_functions_admin;
grant supabase_functions_admin to postgres;
insert into supabase_functions.migrations (version) values ('initial');
