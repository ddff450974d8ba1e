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
		{code: "AUTH-17", does: "auth is healthy, but its table of users is gone (renamed), so whatever touches the database fails.",
			apply: then(usersAway), shows: answers("/auth/v1/admin/users?per_page=1", "SERVICE_ROLE_KEY", http.StatusInternalServerError, "Database error"),
			mend: then(usersBack)},
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

	usersAway = `alter table auth.users rename to users_gone;`

	// A restarted auth has made a new, empty table in the meantime.
	usersBack = `do $$ begin
  if to_regclass('auth.users_gone') is not null then
    drop table if exists auth.users cascade;
    alter table auth.users_gone rename to users;
  end if;
end $$;`
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
