-- The pooler's role and the function by which it looks passwords up.
create role pgbouncer login;
alter role pgbouncer set search_path = 'pgbouncer';
create schema if not exists pgbouncer authorization pgbouncer;
create or replace function pgbouncer.get_auth(p_usename text)
returns table (username text, password text)
language sql security definer set search_path = ''
as $$ select usename::text, passwd::text from pg_catalog.pg_shadow where usename = p_usename $$;
revoke all on function pgbouncer.get_auth(text) from public;
grant execute on function pgbouncer.get_auth(text) to pgbouncer;
