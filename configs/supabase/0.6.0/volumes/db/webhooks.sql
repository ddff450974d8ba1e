-- Database webhooks: a trigger that calls supabase_functions.http_request sends the row over HTTP with pg_net.
-- The function finds pg_net when it runs, so that a database without it can be made, too.
do $$
begin
  if exists (select from pg_available_extensions where name = 'pg_net') then
    create extension if not exists pg_net schema extensions;
  end if;
end $$;

create role supabase_functions_admin login noinherit createrole noreplication;
create schema supabase_functions authorization supabase_admin;
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;
alter default privileges in schema supabase_functions grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges in schema supabase_functions grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges in schema supabase_functions grant all on sequences to postgres, anon, authenticated, service_role;

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
create index on supabase_functions.hooks (request_id);
create index on supabase_functions.hooks (hook_table_id, hook_name);

-- Arguments of the trigger: url, method, headers, params (GET) or body (else), timeout in milliseconds.
create function supabase_functions.http_request() returns trigger
language plpgsql security definer set search_path = supabase_functions as $$
declare
  url text := tg_argv[0];
  method text := upper(tg_argv[1]);
  headers jsonb := coalesce(nullif(tg_argv[2], 'null'), '{"Content-Type": "application/json"}');
  params jsonb := coalesce(nullif(tg_argv[3], 'null'), '{}');
  timeout integer := coalesce(nullif(tg_argv[4], 'null'), '1000');
  request bigint;
begin
  if coalesce(url, 'null') = 'null' then
    raise exception 'the webhook of % has no url', tg_table_name;
  end if;
  case method
    when 'GET' then
      request := net.http_get(url, params, headers, timeout);
    when 'POST' then
      request := net.http_post(url, jsonb_build_object('type', tg_op, 'table', tg_table_name, 'schema', tg_table_schema,
        'record', case when tg_op = 'DELETE' then null else to_jsonb(new) end,
        'old_record', case when tg_op = 'INSERT' then null else to_jsonb(old) end), params, headers, timeout);
    else
      raise exception 'the webhook of % uses the method %; only GET and POST are known', tg_table_name, method;
  end case;
  insert into supabase_functions.hooks (hook_table_id, hook_name, request_id) values (tg_relid, tg_name, request);
  return new;
end $$;

alter role supabase_functions_admin set search_path = 'supabase_functions';
grant all on schema supabase_functions to supabase_functions_admin;
grant all on all tables in schema supabase_functions to supabase_functions_admin;
grant all on all sequences in schema supabase_functions to supabase_functions_admin;
alter table supabase_functions.migrations owner to supabase_functions_admin;
alter table supabase_functions.hooks owner to supabase_functions_admin;
alter function supabase_functions.http_request() owner to supabase_functions_admin;
revoke all on function supabase_functions.http_request() from public;
grant execute on function supabase_functions.http_request() to postgres, anon, authenticated, service_role;
grant supabase_functions_admin to postgres;
insert into supabase_functions.migrations (version) values ('initial'), ('20210809183423_update_grants');
