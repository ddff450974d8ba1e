package main

import (
	"context"
	"net/http"

	"github.com/basewright/basewright/core"
)

// authFaults are those of auth and of what it finds in the database.
func authFaults() []fault {
	return []fault{
		{code: "AUTH-02", does: "Schema auth is gone (renamed to auth_gone), so auth cannot run its migrations.",
			apply: then(authSchemaAway, core.Auth), shows: dies(core.Auth, "3F000"), mend: then(authSchemaBack, core.Auth)},
		{code: "AUTH-05", does: "A trigger of the user's own on auth.users inserts into a table that does not exist, so nobody can sign up.",
			apply: then(triggerOn), shows: signupFails("Database error saving new user"), mend: then(triggerOff)},
		{code: "AUTH-17", does: "auth is healthy, but its open database connections look for tables in a schema that is not there, as after a change of its role.",
			apply: staleConnections, shows: answers("/auth/v1/admin/users?per_page=1", "SERVICE_ROLE_KEY", http.StatusInternalServerError, "Database error"),
			mend: then(authPathBack, core.Auth)},
	}
}

const (
	authSchemaAway = `alter schema auth rename to auth_gone;`

	// A repair may have made a new, empty schema in the meantime.
	authSchemaBack = `do $$ begin
  if exists (select from pg_namespace where nspname = 'auth_gone') then
    drop schema if exists auth cascade;
    alter schema auth_gone rename to auth;
  end if;
end $$;`

	triggerOn = `create or replace function public.lab_new_user() returns trigger language plpgsql as $$
begin
  insert into public.profiles (id) values (new.id);
  return new;
end $$;
create trigger lab_new_user after insert on auth.users for each row execute function public.lab_new_user();`

	triggerOff = `drop trigger if exists lab_new_user on auth.users;
drop function if exists public.lab_new_user();`

	authPathAway = `alter role supabase_auth_admin set search_path = nowhere;
select pg_terminate_backend(pid) from pg_stat_activity where usename = 'supabase_auth_admin';`
	authPathBack = `alter role supabase_auth_admin set search_path = auth;`
)

// then runs statements in the stack's database and restarts services.
func then(statements string, services ...core.Service) func(context.Context, *bench, saved) error {
	return func(ctx context.Context, b *bench, _ saved) error {
		if _, err := b.sql(ctx, "postgres", statements); err != nil {
			return err
		}
		return b.restart(ctx, services...)
	}
}

// staleConnections has auth connect while its role has the wrong search_path,
// and then gives the role the right one: new connections work, open ones do not.
func staleConnections(ctx context.Context, b *bench, _ saved) error {
	if _, err := b.sql(ctx, "postgres", authPathAway); err != nil {
		return err
	}
	for range 5 { // the first ones only find out that their connection is gone
		if _, err := b.get(ctx, "/auth/v1/admin/users?per_page=1", "SERVICE_ROLE_KEY"); err != nil {
			return err
		}
	}
	_, err := b.sql(ctx, "postgres", authPathBack)
	return err
}

// signupFails tries to create a user, which a working stack would let happen.
func signupFails(text string) func(context.Context, *bench) (bool, string) {
	return func(ctx context.Context, b *bench) (bool, string) {
		a, err := b.createUser(ctx)
		if err != nil {
			return false, err.Error()
		}
		return a.status >= 500 && a.message() == text, "POST /auth/v1/signup: " + a.short()
	}
}
