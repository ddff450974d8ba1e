package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/basewright/basewright/core"
)

// loginRoles are the roles that have the password of .env, as upstream's
// docker/utils/db-passwd.sh lists them.
var loginRoles = []string{"authenticator", "pgbouncer", "postgres", "supabase_admin", "supabase_auth_admin",
	"supabase_functions_admin", "supabase_replication_admin", "supabase_storage_admin"}

// clients are the services that hold connections to the database.
var clients = []core.Service{core.Auth, core.Rest, core.Realtime, core.Storage, core.Meta, core.Pooler}

// databaseFaults are those of PostgreSQL and of the roles in it.
func databaseFaults() []fault {
	return []fault{
		{code: "PG-01", does: "The data volume has other passwords than .env and the containers, as after an edit of POSTGRES_PASSWORD.",
			apply: func(ctx context.Context, b *bench, _ saved) error { return b.passwords(ctx, hexOf(16)) },
			shows: dies(core.Auth, "password authentication failed"), mend: alignPasswords},
		{code: "PG-02", does: "The database's password holds characters that mean something in a connection string.",
			save: saveEnv("POSTGRES_PASSWORD"), apply: awkwardPassword, shows: dies(core.Auth, ""), mend: plainPassword},
		{code: "PG-04", does: "Database _supabase is gone (renamed), as in data from before December 2024, so the pooler dies.",
			apply: poolerDatabaseAway, shows: dies(core.Pooler, "_supabase"), mend: poolerDatabaseBack},
		{code: "PG-13", does: "A client holds every connection that the database allows, while it still reports healthy.",
			apply: holdConnections, shows: dies(core.Auth, "53300"), mend: freeConnections},
		{code: "REST-01", does: "Role authenticator may not log in, so PostgREST has no database.",
			apply: then(`alter role authenticator nologin;
select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator';`, core.Rest),
			shows: answers("/rest/v1/", "SERVICE_ROLE_KEY", 503, "PGRST"), mend: then(`alter role authenticator login;`, core.Rest)},
	}
}

// passwords gives all login roles of the data volume a password and restarts
// what holds connections, so that every service has to log in again.
func (b *bench) passwords(ctx context.Context, password string) error {
	if err := b.giveRoles(ctx, password); err != nil {
		return err
	}
	env, err := b.env()
	if err != nil {
		return err
	}
	if env["LAB_OVERLAY"] == "logs" {
		return b.restart(ctx, append(slices.Clone(clients), core.Analytics)...)
	}
	return b.restart(ctx, clients...)
}

// giveRoles gives all login roles of the data volume a password.
func (b *bench) giveRoles(ctx context.Context, password string) error {
	var text strings.Builder
	for _, r := range loginRoles {
		fmt.Fprintf(&text, "alter role %s with password '%s';\n", r, strings.ReplaceAll(password, "'", "''"))
	}
	_, err := b.sql(ctx, "postgres", text.String())
	return err
}

// awkwardPassword moves the whole stack to a password as people choose them.
func awkwardPassword(ctx context.Context, b *bench, _ saved) error {
	password := "p@ss/" + hexOf(8)
	if err := b.giveRoles(ctx, password); err != nil {
		return err
	}
	if err := b.setEnv(map[string]string{"POSTGRES_PASSWORD": password}); err != nil {
		return err
	}
	return ignoreStart(b.up(ctx))
}

func plainPassword(ctx context.Context, b *bench, s saved) error {
	if err := b.giveRoles(ctx, s["POSTGRES_PASSWORD"]); err != nil {
		return err
	}
	return restoreEnvAnd()(ctx, b, s)
}

func alignPasswords(ctx context.Context, b *bench, _ saved) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	return b.passwords(ctx, env["POSTGRES_PASSWORD"])
}

const disconnect = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '_supabase' and pid <> pg_backend_pid();`

func poolerDatabaseAway(ctx context.Context, b *bench, _ saved) error {
	if err := b.engine().Stop(ctx, core.Pooler); err != nil {
		return err
	}
	if _, err := b.sql(ctx, "postgres", disconnect+"\nalter database _supabase rename to _supabase_gone;"); err != nil {
		return err
	}
	return b.engine().Start(ctx, core.Pooler)
}

// poolerDatabaseBack renames it back. A repair may have made a new one.
func poolerDatabaseBack(ctx context.Context, b *bench, _ saved) error {
	if err := b.engine().Stop(ctx, core.Pooler); err != nil {
		return err
	}
	gone, err := b.sql(ctx, "postgres", `select 1 from pg_database where datname = '_supabase_gone';`)
	if err != nil {
		return err
	}
	if gone == "1" {
		back := disconnect + "\ndrop database if exists _supabase;\nalter database _supabase_gone rename to _supabase;"
		if _, err := b.sql(ctx, "postgres", back); err != nil {
			return err
		}
	}
	return b.engine().Start(ctx, core.Pooler)
}

// holdConnections starts a client that takes every connection and whatever
// becomes free, then has the services connect again.
func holdConnections(ctx context.Context, b *bench, _ saved) error {
	late := []core.Service{core.Auth, core.Storage} // they must not be quicker than the leak
	for _, s := range late {
		if err := b.engine().Stop(ctx, s); err != nil {
			return err
		}
	}
	err := b.client(ctx, "postgres", `for i in $(seq 110); do while :; do psql -qAt -c 'select pg_sleep(86400)' >/dev/null 2>&1; sleep 1; done & done; wait`)
	if err != nil {
		return err
	}
	err = poll(ctx, showTimeout, func(ctx context.Context) (bool, string) {
		n, err := b.sql(ctx, "postgres", `select count(*) >= current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid();`)
		return err == nil && n == "t", "connections are still free"
	})
	if err != nil {
		return err
	}
	for _, s := range late {
		if err := b.engine().Start(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// freeConnections ends the client, and has those connect that it kept out.
func freeConnections(ctx context.Context, b *bench, s saved) error {
	return errors.Join(clientsGone(ctx, b, s), b.restart(ctx, core.Auth, core.Storage))
}

// leak is how the clients call themselves that faults start beside the services.
const leak = "leaking-app"

// client starts a shell with psql on the stack's network, as a program of the
// owner's that logs in as role.
func (b *bench) client(ctx context.Context, role, script string) error {
	env, err := b.env()
	if err != nil {
		return err
	}
	db, err := b.container(ctx, core.DB)
	if err != nil {
		return err
	}
	made, err := b.api.ContainerCreate(ctx, &container.Config{
		Image: db.Config.Image, Entrypoint: []string{"sh", "-c"}, Cmd: []string{script},
		Env: []string{"PGHOST=db", "PGPORT=" + env["POSTGRES_PORT"], "PGUSER=" + role, "PGDATABASE=postgres",
			"PGPASSWORD=" + env["POSTGRES_PASSWORD"], "PGAPPNAME=" + leak},
		Labels:      map[string]string{label: "1", labelStack: b.name},
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}, &container.HostConfig{NetworkMode: container.NetworkMode(b.name + "_default"), Init: new(true)}, nil, nil, leak+"-of-"+b.name)
	if err != nil {
		return err
	}
	return b.api.ContainerStart(ctx, made.ID, container.StartOptions{})
}

// clientsGone removes the clients and ends their sessions, which would otherwise
// not notice before they have something to say.
func clientsGone(ctx context.Context, b *bench, s saved) error {
	if err := b.removeHelpers(ctx); err != nil {
		return err
	}
	return then(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = '`+leak+`';`)(ctx, b, s)
}
