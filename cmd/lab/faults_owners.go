package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

// ownerFaults are of what owners of a stack, and their clients, do to it:
// migrations that stop half way, functions that do not load, clients that ask
// wrongly or too often.
func ownerFaults() []fault {
	return []fault{
		{code: "AUTH-04", does: "A table of auth belongs to another role since a restore, so a migration of auth fails.",
			apply: then(`delete from auth.schema_migrations where version = '20220811173540';
alter table auth.refresh_tokens owner to postgres;
alter table auth.refresh_tokens drop column session_id;`, core.Auth), shows: dies(core.Auth, "executing migrations/"),
			mend: then(`alter table auth.refresh_tokens owner to supabase_auth_admin;`, core.Auth)},
		{code: "ST-03", does: "The database has a migration of a newer storage than the image's.",
			apply: then(`insert into storage.migrations (id, name, hash) values (99, 'of-a-newer-image', 'x');`, core.Storage),
			shows: dies(core.Storage, "Migration of-a-newer-image not found"), mend: then(`delete from storage.migrations where id = 99;`, core.Storage)},
		edited("FN-04", "The main function imports a module that its cache lacks, and the way to the registry is closed.", dies(core.Functions, "failed to create the graph"),
			[]swap{{mainFunction, "// The main worker", "import * as jose from \"https://jsr.invalid/@panva/jose\";\n// The main worker"}}, core.Functions),
		asked("FN-02", "A function of the user's has no file that could be loaded, and was asked for.", core.Functions, "InvalidWorkerCreation",
			func(ctx context.Context, b *bench) error {
				return b.request(ctx, "/functions/v1/no-such-function", "ANON_KEY", nil)
			}),
		asked("FN-03", "A client shows functions a token that is signed with another secret.", core.Functions, "UNAUTHORIZED_LEGACY_JWT",
			func(ctx context.Context, b *bench) error {
				token := signed(hexOf(20), "anon", "supabase", time.Now())
				return b.request(ctx, "/functions/v1/hello", "ANON_KEY", map[string]string{"Authorization": "Bearer " + token})
			}),
		asked("ST-06", "A client of the S3 protocol uses a key that storage does not have.", core.Storage, "InvalidAccessKeyId",
			func(ctx context.Context, b *bench) error {
				return b.request(ctx, "/storage/v1/s3/bucket", "ANON_KEY", map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=nobody/20260101/stub/s3/aws4_request, SignedHeaders=host, Signature=00"})
			}),
		asked("POOL-05", "A client of the pooler uses a wrong password.", core.Pooler, "EWRONGPASSWORD",
			func(ctx context.Context, b *bench) error { return b.throughPooler(ctx, hexOf(8), "select 1;") }),
		edited("RT-14", "Realtime takes no client any more: its limit of users is reached.", turnsAway,
			[]swap{{composeFile, "      RUN_JANITOR: \"true\"\n", "      RUN_JANITOR: \"true\"\n      TENANT_MAX_CONCURRENT_USERS: \"0\"\n"}}, core.Realtime),
		{code: "PG-10", does: "The folder of the database's configuration holds a setting of another major version.",
			apply: badSetting, shows: dies(core.DB, "contains errors"), mend: noBadSetting},
		{code: "PG-18", does: "The database's write-ahead log is gone (renamed), so it cannot start.",
			apply: logAway, shows: dies(core.DB, "could not locate a valid checkpoint record"), mend: logBack},
		{code: "POOL-09", does: "The pooler's own database takes no connections.",
			apply: then(`alter database _supabase allow_connections false;
select pg_terminate_backend(pid) from pg_stat_activity where datname = '_supabase';`), shows: sqlShows("postgres", `select not datallowconn from pg_database where datname = '_supabase';`),
			mend: then(`alter database _supabase allow_connections true;`)},
		inDatabase("SIGN-01", "A trigger of the user's own on auth.users keeps users from being deleted.",
			keeper("delete"), `select exists (select from pg_trigger where tgname = 'lab_keeper');`, noKeeper+`
delete from auth.users where email like 'basewright-probe-%';`),
		inDatabase("SIGN-02", "The table of identities is gone (renamed), so auth cannot create a user.",
			`alter table auth.identities rename to identities_gone;`, `select to_regclass('auth.identities_gone') is not null;`,
			`do $$ begin
  if to_regclass('auth.identities_gone') is not null then
    drop table if exists auth.identities;
    alter table auth.identities_gone rename to identities;
  end if;
end $$;`),
		inDatabase("SIGN-03", "A trigger of the user's own on auth.users fails whenever a user signs in.",
			keeper("update"), `select exists (select from pg_trigger where tgname = 'lab_keeper');`, noKeeper),
	}
}

// keeper is a trigger that refuses an event of auth.users.
func keeper(event string) string {
	return fmt.Sprintf(`create function public.lab_keeper() returns trigger language plpgsql as $$
begin raise exception 'no %s, says the trigger'; end $$;
create trigger lab_keeper before %s on auth.users for each row execute function public.lab_keeper();`, event, event)
}

const noKeeper = `drop trigger if exists lab_keeper on auth.users;
drop function if exists public.lab_keeper();`

// asked is a fault that a client's request brings about; the service's log tells
// of it until its container is made anew.
func asked(code, does string, s core.Service, says string, request func(context.Context, *bench) error) fault {
	return fault{code: code, does: does, shows: logs(s, says), mend: remakeAnd(s),
		apply: func(ctx context.Context, b *bench, _ saved) error { return request(ctx, b) }}
}

// turnsAway asks realtime for a socket, as a browser would, until its log tells
// that there is no place.
func turnsAway(ctx context.Context, b *bench) (bool, string) {
	env, err := b.env()
	if err != nil {
		return false, err.Error()
	}
	err = b.request(ctx, "/realtime/v1/websocket?vsn=1.0.0&apikey="+env["ANON_KEY"], "ANON_KEY", map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "YmFzZXdyaWdodC1wcm9iZQ=="})
	if err != nil {
		return false, err.Error()
	}
	return logs(core.Realtime, "Too many connected users")(ctx, b)
}

// throughPooler asks the pooler for a session with a password that it must
// refuse.
func (b *bench) throughPooler(ctx context.Context, password, statement string) error {
	if b.pooled(ctx, password, statement) == nil {
		return errors.New("the pooler takes a wrong password")
	}
	return nil
}

// pooled runs a statement through the pooler, as a client would.
func (b *bench) pooled(ctx context.Context, password, statement string) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	_, err = b.engine().Exec(ctx, core.DB, core.Command{
		Args: []string{"psql", "-h", "supavisor", "-p", "5432", "-U", "postgres." + env["POOLER_TENANT_ID"], "-d", "postgres", "-qAtc", statement},
		Env:  []string{"PGPASSWORD=" + password}})
	return err
}

// request sends a client's request through the gateway and wants it refused.
func (b *bench) request(ctx context.Context, path, keyName string, headers map[string]string) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+env["KONG_HTTP_PORT"]+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("apikey", env[keyName])
	r.Header.Set("Authorization", "Bearer "+env[keyName])
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode < 400 {
		return fmt.Errorf("GET %s is answered with %d", path, resp.StatusCode)
	}
	return nil
}

const settingOfAnother = "/etc/postgresql-custom/conf.d/lab.conf"

func badSetting(ctx context.Context, b *bench, _ saved) error {
	_, err := b.engine().Exec(ctx, core.DB, core.Command{Args: []string{"sh", "-c", "cat > " + settingOfAnother}, User: "root", Stdin: []byte("setting_of_another_version = on\n")})
	if err != nil {
		return err
	}
	return b.restart(ctx, core.DB)
}

// noBadSetting empties the file in the volume, with the same image, since the
// database's own container does not live long enough.
func noBadSetting(ctx context.Context, b *bench, _ saved) error {
	db, err := b.container(ctx, core.DB)
	if err != nil {
		return err
	}
	made, err := b.api.ContainerCreate(ctx, &container.Config{Image: db.Config.Image, Entrypoint: []string{"sh", "-c"}, Cmd: []string{"rm -f " + settingOfAnother},
		Labels: map[string]string{label: "1", labelStack: b.name}, Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
		&container.HostConfig{VolumesFrom: []string{db.ID}}, nil, nil, "")
	if err != nil {
		return err
	}
	if err := b.api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return err
	}
	err = poll(ctx, showTimeout, func(ctx context.Context) (bool, string) {
		c, err := b.api.ContainerInspect(ctx, made.ID)
		return err == nil && c.State.Status == "exited", "the helper still runs"
	})
	if err != nil {
		return err
	}
	return errors.Join(b.removeHelpers(ctx), b.restart(ctx, core.DB))
}

const walFolder, walGone = "volumes/db/data/pg_wal", "volumes/db/data/pg_wal_gone"

func logAway(ctx context.Context, b *bench, _ saved) error {
	if err := b.engine().Stop(ctx, core.DB); err != nil {
		return err
	}
	if err := os.Rename(b.path(walFolder), b.path(walGone)); err != nil {
		return err
	}
	info, err := os.Stat(b.path(walGone))
	if err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(b.path(walFolder), 0o700), sameOwner(b.path(walFolder), info)); err != nil {
		return err
	}
	return b.engine().Start(ctx, core.DB)
}

func logBack(ctx context.Context, b *bench, _ saved) error {
	if _, err := os.Stat(b.path(walGone)); err != nil {
		return nil //nolint:nilerr // it is back
	}
	if err := b.engine().Stop(ctx, core.DB); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(b.path(walFolder)), os.Rename(b.path(walGone), b.path(walFolder))); err != nil {
		return err
	}
	return b.engine().Start(ctx, core.DB)
}

// sameOwner gives a folder the owner of another.
func sameOwner(name string, of fs.FileInfo) error {
	stat, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the owner of " + of.Name() + " is not known here")
	}
	return os.Chown(name, int(stat.Uid), int(stat.Gid))
}
