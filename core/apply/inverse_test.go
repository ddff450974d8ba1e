package apply

import (
	"testing"

	"github.com/basewright/basewright/core"
)

func TestTheInverseMirrorsTheStatement(t *testing.T) {
	tests := map[string]struct {
		statement, inverse string
		ok                 bool
	}{
		"a grant":                          {"grant usage on schema auth to anon", "revoke usage on schema auth from anon", true},
		"a grant with its option":          {"grant select on x to anon with grant option", "revoke select on x from anon", true},
		"a revoke":                         {"revoke usage on schema auth from anon", "grant usage on schema auth to anon", true},
		"a revoke of the option":           {"revoke grant option for select on x from anon", "grant select on x to anon with grant option", true},
		"a role":                           {"grant anon to authenticator", "revoke anon from authenticator", true},
		"a setting that is reset":          {"alter role anon set statement_timeout = '3s'", "alter role anon reset statement_timeout", true},
		"a setting that is set back":       {"alter role anon set statement_timeout = '3s'", "alter role anon set statement_timeout = '8s'", true},
		"a setting of a database":          {"alter database app set x.y = '1'", "alter database app reset x.y", true},
		"whom a database takes":            {"alter database app allow_connections true", "alter database app allow_connections false", true},
		"whom another database takes":      {"alter database app allow_connections true", "alter database b allow_connections false", false},
		"where a database is":              {"alter database app tablespace x", "alter database app tablespace y", false},
		"a comment":                        {"comment on table x is 'y'", "comment on table x is null", true},
		"an owner":                         {"alter schema auth owner to a", "alter schema auth owner to b", true},
		"the owner of a table":             {"alter table public.x owner to a", "alter table public.x owner to b", true},
		"the owner of a view":              {"alter view public.x owner to a", "alter view public.x owner to b", true},
		"the owner of another table":       {"alter table public.x owner to a", "alter table public.y owner to b", false},
		"the same owner":                   {"alter table public.x owner to a", "alter table public.x owner to a", false},
		"an owner and a column":            {"alter table x owner to a, drop column y", "alter table x owner to b", false},
		"a column":                         {"alter table x add column y int", "alter table x drop column y", false},
		"default privileges":               {"alter default privileges in schema public grant select on tables to anon", "alter default privileges in schema public revoke select on tables from anon", true},
		"two, the last first":              {"grant anon to a; comment on table x is 'y'", "comment on table x is null; revoke anon from a", true},
		"two, one of which stays":          {"grant anon to a; grant anon to b", "revoke anon from a", false},
		"something idle":                   {"grant usage on schema auth to anon", "set application_name = 'x'", false},
		"something that reads":             {"grant usage on schema auth to anon", "select 1", false},
		"itself":                           {"grant anon to a", "grant anon to a", false},
		"another schema":                   {"grant usage on schema auth to anon", "revoke usage on schema public from anon", false},
		"another grantee":                  {"grant usage on schema auth to anon", "revoke usage on schema auth from b", false},
		"fewer privileges":                 {"grant select, insert on x to anon", "revoke select on x from anon", false},
		"only the option":                  {"grant select on x to anon with grant option", "revoke grant option for select on x from anon", false},
		"more than was granted":            {"grant select on x to anon", "revoke select on x from anon cascade", false},
		"another role":                     {"grant anon to authenticator", "revoke authenticated from authenticator", false},
		"another setting":                  {"alter role anon set statement_timeout = '3s'", "alter role anon reset search_path", false},
		"another role's setting":           {"alter role anon set statement_timeout = '3s'", "alter role b reset statement_timeout", false},
		"all settings":                     {"alter role anon reset all", "alter role anon set search_path = x", false},
		"the same comment":                 {"comment on table x is 'y'", "comment on table x is 'y'", false},
		"a comment on something else":      {"comment on table x is 'y'", "comment on table z is null", false},
		"an owner of something else":       {"alter schema a owner to b", "alter schema c owner to d", false},
		"default privileges of another":    {"alter default privileges in schema a grant select on tables to anon", "alter default privileges in schema b revoke select on tables from anon", false},
		"a statement for the session":      {"set role anon", "reset role", false},
		"a predefined role":                {"grant pg_execute_server_program to anon", "revoke pg_execute_server_program from anon", false},
		"a predefined role beside another": {"grant anon, pg_read_server_files to b", "revoke anon, pg_read_server_files from b", false},
		"the superuser":                    {"grant supabase_admin to anon", "revoke supabase_admin from anon", false},
		"the owner of the database":        {"grant postgres to anon", "revoke postgres from anon", false},
	}
	for name, tt := range tests {
		err := checkSQL(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": tt.statement, "inverse": tt.inverse}})
		if (err == nil) != tt.ok || err != nil && core.CodeOf(err) != core.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyWhatCanBeUndoneSaysSo(t *testing.T) {
	sql := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "grant anon to a", "inverse": "revoke anon from a"}}
	look := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "select 1"}}
	made := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "create schema x", "inverse": "drop schema x"}}
	gone := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "update x set y = 1"}}
	for name, tt := range map[string]struct {
		state   core.ChangeState
		actions []core.Action
		want    bool
	}{
		"committed":                {core.Committed, nil, true},
		"committed, it only read":  {core.Committed, []core.Action{look}, true},
		"committed, it ran SQL":    {core.Committed, []core.Action{look, sql}, true},
		"committed, it made one":   {core.Committed, []core.Action{made}, false},
		"committed, no inverse":    {core.Committed, []core.Action{gone}, false},
		"rolled back":              {core.RolledBack, nil, false},
		"rolled back, it ran SQL":  {core.RolledBack, []core.Action{sql}, false},
		"nobody knows how it went": {core.RollbackFailed, nil, false},
	} {
		if got := CanUndo(core.Change{State: tt.state, Snapshot: "S", Plan: core.Plan{Actions: tt.actions}}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
