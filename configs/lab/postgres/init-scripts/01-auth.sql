-- Schema auth and its administrator. The tables are made by auth's own migrations.
create role supabase_auth_admin login noinherit createrole noreplication;
create schema if not exists auth authorization supabase_auth_admin;
alter role supabase_auth_admin set search_path = 'auth';
alter role supabase_auth_admin set idle_in_transaction_session_timeout = 60000;
grant create on database postgres to supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role, postgres;
grant all on schema auth to postgres with grant option;
grant usage on schema extensions to supabase_auth_admin;
alter default privileges for role supabase_auth_admin in schema auth grant all on tables to postgres;
alter default privileges for role supabase_auth_admin in schema auth grant all on sequences to postgres;
alter default privileges for role supabase_auth_admin in schema auth grant all on routines to postgres;
