-- Schema storage and its administrator. The tables are made by storage's own migrations.
create role supabase_storage_admin login noinherit createrole noreplication;
create schema if not exists storage authorization supabase_storage_admin;
alter role supabase_storage_admin set search_path = 'storage';
grant create on database postgres to supabase_storage_admin;
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on schema storage to postgres with grant option;
grant usage on schema extensions to supabase_storage_admin;
grant anon, authenticated, service_role to supabase_storage_admin;
grant authenticator to supabase_storage_admin;
alter default privileges for role supabase_storage_admin in schema storage grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_storage_admin in schema storage grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_storage_admin in schema storage grant all on sequences to postgres, anon, authenticated, service_role;
