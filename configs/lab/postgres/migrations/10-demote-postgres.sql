-- From here on postgres is no superuser.
grant all on database postgres to postgres;
grant all on schema extensions to postgres with grant option;
grant all on all tables in schema extensions to postgres;
grant all on all sequences in schema extensions to postgres;
grant all on all routines in schema extensions to postgres;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
alter schema public owner to pg_database_owner;
grant all on schema public to postgres;
alter role postgres nosuperuser createdb createrole login replication bypassrls;
