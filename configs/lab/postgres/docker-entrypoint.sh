#!/bin/sh
# Starts PostgreSQL as Supabase's image does: a new data directory is
# initialised and given Supabase's roles and schemas, an old one is left alone.
set -eu
: "${PGDATA:=/var/lib/postgresql/data}" "${POSTGRES_USER:=supabase_admin}" "${POSTGRES_DB:=postgres}"
export PGDATA

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /run/postgresql /etc/postgresql-custom/conf.d
  chown -R 999:999 "$PGDATA" /run/postgresql /etc/postgresql-custom
  chmod 700 "$PGDATA"
  exec busybox su -m -s /bin/sh -- postgres /usr/local/bin/docker-entrypoint.sh "$@"
fi
[ "${1:-}" = postgres ] || exec "$@"

if [ -s "$PGDATA/PG_VERSION" ]; then
  printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
  exec "$@"
fi
if [ -z "${POSTGRES_PASSWORD:-}" ]; then
  cat >&2 <<'ERR'
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".
ERR
  exit 1
fi

pw=$(mktemp); printf '%s\n' "$POSTGRES_PASSWORD" >"$pw"
initdb -U "$POSTGRES_USER" -E UTF8 --locale=C.UTF-8 --auth=scram-sha-256 --pwfile="$pw"
rm -f "$pw"

# While the scripts run the server listens on the socket and on loopback only.
pg_ctl -w -o "-c config_file=/etc/postgresql/postgresql.conf -c listen_addresses=127.0.0.1 -c fsync=off" start
for f in /docker-entrypoint-initdb.d/*; do
  case "$f" in
    *.sh) echo "$0: running $f"; sh "$f" ;;
    *.sql) [ -f "$f" ] || continue; echo "$0: running $f"
      psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$f" ;;
    *) [ -d "$f" ] || echo "$0: ignoring $f" ;;
  esac
done
pg_ctl -w -m fast stop
sync
printf '\nPostgreSQL init process complete; ready for start up.\n\n'
exec "$@"
