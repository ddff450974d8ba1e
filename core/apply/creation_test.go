package apply

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestWhatACreationIs: only what is created whole, and dropped without CASCADE,
// may be put into a plan without a snapshot of the database.
func TestWhatACreationIs(t *testing.T) {
	for pair, want := range map[string]bool{
		"create schema auth authorization x | drop schema auth":                         true,
		"create role anon nologin noinherit | drop role anon":                           true,
		"create role service_role nologin bypassrls | drop role service_role":           true,
		"create publication p | drop publication p":                                     true,
		"create database _supabase with owner supabase_admin | drop database _supabase": true,
		"alter schema a rename to b | alter schema b rename to a":                       true,
		"create schema if not exists auth | drop schema auth":                           false,
		"create schema auth create table x (a int) | drop schema auth":                  false,
		"create schema auth | drop schema auth cascade":                                 false,
		"create schema auth | drop schema if exists auth":                               false,
		"create schema auth | drop schema public":                                       false,
		"create schema auth | drop schema auth, public":                                 false,
		"create schema auth | drop schema auth; drop schema public":                     false,
		"create schema auth; drop schema public | drop schema auth":                     false,
		"create schema auth | drop role auth":                                           false,
		"create role x login | drop role x":                                             false,
		"create role x superuser | drop role x":                                         false,
		"create role anon bypassrls | drop role anon":                                   false,
		"create role x role postgres | drop role x":                                     false,
		"create role x in role postgres | drop role x":                                  false,
		"create role x password 'y' | drop role x":                                      false,
		"create publication p for all tables | drop publication p":                      false,
		"create database x template y | drop database x":                                false,
		"alter schema a rename to b | alter schema a rename to b":                       false,
		"alter table a rename to b | alter table b rename to a":                         false,
		"drop schema auth | create schema auth":                                         false,
		"drop publication p | create publication p":                                     false,
		"alter schema public rename to x | drop schema x":                               false,
	} {
		statement, inverse, _ := strings.Cut(pair, " | ")
		a := core.Action{Op: core.OpSQL, Args: map[string]any{"statement": statement, "inverse": inverse}}
		err := checkSQL(a)
		if err == nil {
			err = sqlRisk(a)
		}
		if retires(statement, inverse) != want || (err == nil) != want {
			t.Errorf("%s: retires %t, %v; want %t", pair, retires(statement, inverse), err, want)
		}
	}
}

// TestACreationIsTakenBackIfItIsOurs looks at what is asked of the database.
func TestACreationIsTakenBackIfItIsOurs(t *testing.T) {
	w := newWorld(t)
	w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01"}} }
	p := w.plan(core.Action{Op: core.OpSQL, Args: map[string]any{"statement": "create schema auth", "inverse": "drop schema auth"}})
	c, err := w.apply(t.Context(), p)
	if err == nil || c.State != core.RolledBack || len(w.sql) != 2 {
		t.Fatalf("%+v, %v, %q", c, err, w.sql)
	}
	mark := "'made by change " + c.ID + "'"
	if !strings.Contains(w.sql[0], "CREATE SCHEMA auth;\nCOMMENT ON SCHEMA \"auth\" IS "+mark) {
		t.Errorf("made by %s", w.sql[0])
	}
	for _, want := range []string{"nspname = 'auth' AND obj_description(oid, 'pg_namespace') = " + mark, `DROP SCHEMA "auth";`, `RENAME TO "auth_undone_`} {
		if !strings.Contains(w.sql[1], want) {
			t.Errorf("%q is not in %s", want, w.sql[1])
		}
	}
}
