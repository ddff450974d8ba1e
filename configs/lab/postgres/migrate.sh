#!/bin/sh
# Gives a new cluster Supabase's roles and schemas: init-scripts run as the
# still all-powerful postgres role, migrations as supabase_admin.
set -eu
export PGDATABASE="${POSTGRES_DB:-postgres}" PGHOST=127.0.0.1 PGPASSWORD="${POSTGRES_PASSWORD:-}"
db=/docker-entrypoint-initdb.d
run() { psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc -q "$@"; }

run -U supabase_admin -d postgres -v pw="$PGPASSWORD" <<'SQL'
create role postgres superuser login password :'pw';
SQL
for sql in "$db"/init-scripts/*.sql; do
  [ -f "$sql" ] || { echo "$0: ignoring $sql, it is not a file"; continue; }
  echo "$0: running $sql"; run -U postgres -f "$sql"
done
for sql in "$db"/migrations/*.sql; do
  [ -f "$sql" ] || { echo "$0: ignoring $sql, it is not a file"; continue; }
  echo "$0: running $sql"; run -U supabase_admin -f "$sql"
done

# The scripts told passwords, which the statistics keep word for word.
run -U supabase_admin -c 'select extensions.pg_stat_statements_reset()' >/dev/null || true
