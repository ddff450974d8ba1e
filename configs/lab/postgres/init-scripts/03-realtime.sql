-- Schemas that belong to supabase_admin.
create schema if not exists realtime authorization supabase_admin;
create schema if not exists graphql_public authorization supabase_admin;
grant usage on schema realtime, graphql_public to postgres, anon, authenticated, service_role;
