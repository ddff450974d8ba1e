package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/basewright/basewright/core"
)

// silentFaults are risks and traps that files or the database's catalogue show;
// the stack goes on working with most of them.
func silentFaults() []fault {
	return []fault{
		{code: "SEC-01", does: "A token in .env is the one that upstream publishes as an example.",
			save: saveEnv("LOGFLARE_PUBLIC_ACCESS_TOKEN"), apply: setInEnv("LOGFLARE_PUBLIC_ACCESS_TOKEN", "your-super-secret-and-long-logflare-key-public"),
			shows: envHolds("LOGFLARE_PUBLIC_ACCESS_TOKEN=your-super-secret"), mend: restoreEnvAnd()},
		{code: "SEC-04", does: "The pooler is published on every address of the host.",
			save: saveFiles(composeFile), apply: publishPooler, shows: publishedOn(core.Pooler, "0.0.0.0"), mend: restoreFilesAnd(core.Pooler)},
		{code: "SEC-13", does: "A table of the schema public has no row level security, so anon reads and writes it.",
			apply: then(openTable), shows: sqlShows("postgres", `select to_regclass('public.lab_open') is not null;`), mend: then(`drop table if exists public.lab_open;`)},
		{code: "DK-06", does: "A secret in .env holds a dollar sign without quotes, so Compose takes the rest for a variable.",
			apply: appendEnv("MINIO_ROOT_PASSWORD=ab$cdefgh\n"), shows: envHolds("MINIO_ROOT_PASSWORD=ab$cd"), mend: dropFromEnv("MINIO_ROOT_PASSWORD=")},
		{code: "DK-30", does: "COMPOSE_FILE names an overlay that the containers were not created from.",
			apply: overlay, shows: envHolds("COMPOSE_FILE="), mend: noOverlay},
		{code: "DK-31", does: "Everybody on the host can read .env.",
			apply: modeOfEnv(0o644), shows: envIsOpen, mend: modeOfEnv(0o600)},
		{code: "UPG-06", does: "An update left conflict markers in kong.yml, which the running gateway has not read again yet.",
			save: saveFiles(gatewayConfig), apply: leaveMarkers, shows: fileHolds(gatewayConfig, "<<<<<<< yours"), mend: putBack},
		{code: "META-01", does: "postgres-meta was created with another encryption key than Studio.",
			apply: func(ctx context.Context, b *bench, _ saved) error {
				return b.with(ctx, core.Meta, map[string]string{"PG_META_CRYPTO_KEY": hexOf(16)})
			},
			shows: envDiffers(core.Meta, "CRYPTO_KEY", "PG_META_CRYPTO_KEY"), mend: remakeAnd(core.Meta)},
		{code: "REST-05", does: "PostgREST is to serve a schema that does not exist.",
			save: saveEnv("PGRST_DB_SCHEMAS"), apply: absentSchema, shows: envHolds("PGRST_DB_SCHEMAS=public,lab_absent"), mend: restoreEnvAnd()},
		{code: "REST-07", does: "The API roles have lost their right to use the schema public.",
			apply: then(`revoke usage on schema public from public, anon, authenticated, service_role;`),
			shows: sqlShows("postgres", `select not has_schema_privilege('anon', 'public', 'usage');`),
			mend:  then(`grant usage on schema public to public, anon, authenticated, service_role;`)},
		{code: "RT-12", does: "The publication supabase_realtime is gone, so nobody gets changes.",
			apply: then(`drop publication supabase_realtime;`), shows: sqlShows("postgres", `select not exists (select from pg_publication where pubname = 'supabase_realtime');`),
			mend: then(`do $$ begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then create publication supabase_realtime; end if;
end $$;`)},
		{code: "PG-03", does: "Role anon is gone (renamed), so requests without a session fail.",
			apply: then(`alter role anon rename to anon_gone;`), shows: sqlShows("postgres", `select not exists (select from pg_roles where rolname = 'anon');`),
			mend: then(`do $$ begin
  if exists (select from pg_roles where rolname = 'anon_gone') then
    if exists (select from pg_roles where rolname = 'anon') then drop owned by anon; drop role anon; end if;
    alter role anon_gone rename to anon;
  end if;
end $$;`)},
		{code: "PG-25", does: "The database's settings hold a JWT secret from before a rotation.",
			apply: then(`alter database postgres set "app.settings.jwt_secret" to 'of-last-year';`),
			shows: sqlShows("postgres", `select exists (select from pg_db_role_setting where array_to_string(setconfig, ' ') like '%app.settings.jwt_secret%');`),
			mend:  then(`alter database postgres reset "app.settings.jwt_secret";`)},
		{code: "PG-26", does: "A function calls pg_net, which the image has and the database has not.",
			apply: callsWithout("pg_net", netScript, callsNet), shows: sqlShows("postgres", `select to_regproc('public.lab_notify') is not null;`), mend: then(`drop function if exists public.lab_notify();
drop extension if exists pg_net;`)},
		{code: "POOL-01", does: "The pooler has stored another tenant than POOLER_TENANT_ID.",
			apply: func(ctx context.Context, b *bench, _ saved) error { return renameTenant(ctx, b, "lab-old-tenant") },
			shows: sqlShows("_supabase", `select exists (select from _supavisor.tenants where external_id = 'lab-old-tenant');`), mend: tenantBack},
		{code: "POOL-07", does: "The pooler's tenant points to a database host of the past.",
			apply: inPooler(`update _supavisor.tenants set db_host = 'old-db';`),
			shows: sqlShows("_supabase", `select exists (select from _supavisor.tenants where db_host = 'old-db');`),
			mend:  inPooler(`update _supavisor.tenants set db_host = 'db' where db_host = 'old-db';`)},
	}
}

const (
	openTable = `create table public.lab_open (id int primary key);
alter table public.lab_open owner to postgres;
grant all on public.lab_open to anon, authenticated, service_role;
notify pgrst, 'reload schema';`

	// netScript makes of pg_net what a function that calls it looks for.
	netScript = `create schema net;
create function net.http_post(url text, body jsonb) returns bigint language sql return 1;`

	callsNet = `create function public.lab_notify() returns trigger language plpgsql as $$
begin
  perform net.http_post('http://hook.example/', '{}'::jsonb);
  return new;
end $$;`
)

func setInEnv(key, value string) func(context.Context, *bench, saved) error {
	return func(_ context.Context, b *bench, _ saved) error { return b.setEnv(map[string]string{key: value}) }
}

// appendEnv writes a line as a person would, without the quotes that it needs.
func appendEnv(line string) func(context.Context, *bench, saved) error {
	return func(_ context.Context, b *bench, _ saved) error {
		data, err := os.ReadFile(b.path(".env"))
		if err != nil {
			return err
		}
		return replaceFile(b.path(".env"), append(data, line...), 0o600)
	}
}

func dropFromEnv(prefix string) func(context.Context, *bench, saved) error {
	return func(_ context.Context, b *bench, _ saved) error {
		data, err := os.ReadFile(b.path(".env"))
		if err != nil {
			return err
		}
		var kept []string
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, prefix) {
				kept = append(kept, line)
			}
		}
		return replaceFile(b.path(".env"), []byte(strings.Join(kept, "")), 0o600)
	}
}

func publishPooler(ctx context.Context, b *bench, s saved) error {
	compose := strings.Replace(s[composeFile], "- 127.0.0.1:${POSTGRES_PORT}:5432", "- ${POSTGRES_PORT}:5432", 1)
	if compose == s[composeFile] {
		return errors.New("the compose file does not publish the pooler as expected")
	}
	if err := os.WriteFile(b.path(composeFile), []byte(compose), 0o644); err != nil {
		return err
	}
	return b.recreate(ctx, core.Pooler)
}

const overlayFile = "docker-compose.pg15.yml"

func overlay(ctx context.Context, b *bench, s saved) error {
	if err := os.WriteFile(b.path(overlayFile), []byte("services: {}\n"), 0o644); err != nil {
		return err
	}
	return appendEnv("COMPOSE_FILE="+composeFile+":"+overlayFile+"\n")(ctx, b, s)
}

func noOverlay(ctx context.Context, b *bench, s saved) error {
	return errors.Join(dropFromEnv("COMPOSE_FILE=")(ctx, b, s), removeIfThere(b.path(overlayFile)))
}

func modeOfEnv(mode os.FileMode) func(context.Context, *bench, saved) error {
	return func(_ context.Context, b *bench, _ saved) error { return os.Chmod(b.path(".env"), mode) }
}

// leaveMarkers writes into the file itself, so that the mount keeps it.
func leaveMarkers(_ context.Context, b *bench, s saved) error {
	return os.WriteFile(b.path(gatewayConfig), []byte(s[gatewayConfig]+"<<<<<<< yours (kong.yml)\n=======\n>>>>>>> release\n"), 0o644)
}

func putBack(_ context.Context, b *bench, s saved) error {
	return os.WriteFile(b.path(gatewayConfig), []byte(s[gatewayConfig]), 0o644)
}

func absentSchema(ctx context.Context, b *bench, s saved) error {
	if err := b.setEnv(map[string]string{"PGRST_DB_SCHEMAS": "public,lab_absent"}); err != nil {
		return err
	}
	return b.up(ctx)
}

// inPooler runs statements in the database of the pooler.
func inPooler(statements string) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error {
		_, err := b.sql(ctx, "_supabase", statements)
		return err
	}
}

// renameTenant goes past the foreign key between the pooler's tables.
func renameTenant(ctx context.Context, b *bench, to string) error {
	to = strings.ReplaceAll(to, "'", "''")
	return inPooler(fmt.Sprintf(`set session_replication_role = replica;
update _supavisor.tenants set external_id = '%s';
update _supavisor.users set tenant_external_id = '%s';`, to, to))(ctx, b, nil)
}

// tenantBack names the tenant after .env again, as the pooler does itself when
// it starts without one.
func tenantBack(ctx context.Context, b *bench, _ saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	if err := inPooler(`delete from _supavisor.users where tenant_external_id = 'lab-old-tenant' and (select count(*) from _supavisor.tenants) > 1;
delete from _supavisor.tenants where external_id = 'lab-old-tenant' and (select count(*) from _supavisor.tenants) > 1;`)(ctx, b, nil); err != nil {
		return err
	}
	return renameTenant(ctx, b, env["POOLER_TENANT_ID"])
}

// sqlShows waits until a query answers true.
func sqlShows(database, query string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		out, err := b.sql(ctx, database, query)
		if err != nil {
			return false, err.Error()
		}
		return out == "t", query + " " + out
	}
}

func fileHolds(name, text string) func(context.Context, *bench) (bool, string) {
	return func(_ context.Context, b *bench) (bool, string) {
		data, err := os.ReadFile(b.path(name))
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(string(data), text), name + " holds " + text
	}
}

func envHolds(text string) func(context.Context, *bench) (bool, string) {
	return fileHolds(".env", text)
}

func envIsOpen(_ context.Context, b *bench) (bool, string) {
	info, err := os.Stat(b.path(".env"))
	if err != nil {
		return false, err.Error()
	}
	return info.Mode()&0o004 != 0, fmt.Sprintf(".env has the mode %04o", info.Mode().Perm())
}

// publishedOn waits until a port of the service is published on an address.
func publishedOn(s core.Service, ip string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		c, err := b.container(ctx, s)
		if err != nil {
			return false, err.Error()
		}
		for port, list := range c.NetworkSettings.Ports {
			for _, at := range list {
				if at.HostIP == ip {
					return c.State.Running, fmt.Sprintf("%s is published on %s:%s", port, ip, at.HostPort)
				}
			}
		}
		return false, string(s) + " is not published there"
	}
}
