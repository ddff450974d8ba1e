package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// rolesBefore is all roles of a database server as they were before a restore,
// for putting them back. It holds verifiers.
type rolesBefore struct {
	SQL     string      `json:"sql"` // of pg_dumpall --roles-only, less its frame
	Names   []string    `json:"names"`
	Members [][2]string `json:"members"` // role, and who is a member of it
}

// readRolesBefore asks for all roles.
func readRolesBefore(ctx context.Context, in run) (*rolesBefore, error) {
	var out strings.Builder
	if err := in(ctx, tool("pg_dumpall", "template1", "--roles-only"), nil, &out); err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	b := &rolesBefore{}
	for line := range strings.Lines(out.String()) {
		if roleSQL.MatchString(line) {
			b.SQL += line
		}
	}
	said, err := script(ctx, in, "template1", `select json_build_object('names', (select json_agg(rolname order by rolname) from pg_roles where rolname !~ '^pg_'),
 'members', (select coalesce(json_agg(json_build_array(pg_get_userbyid(roleid), pg_get_userbyid(member))), '[]') from pg_auth_members));
`)
	if err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	return b, json.Unmarshal([]byte(said), b)
}

// putRolesBack makes all roles what they were, and removes those that a restore
// made.
func putRolesBack(ctx context.Context, in run, was *rolesBefore) error {
	now, err := readRolesBefore(ctx, in)
	if err != nil || now.SQL == was.SQL {
		return err
	}
	var b strings.Builder
	for _, m := range now.Members {
		if !slices.Contains(was.Members, m) {
			fmt.Fprintf(&b, "REVOKE %s FROM %s;\n", supabase.QuoteIdentifier(m[0]), supabase.QuoteIdentifier(m[1]))
		}
	}
	for _, name := range now.Names {
		if slices.Contains(was.Names, name) {
			fmt.Fprintf(&b, "ALTER ROLE %s RESET ALL;\n", supabase.QuoteIdentifier(name))
		} else {
			// One that owns something by now is no longer the restore's alone.
			fmt.Fprintf(&b, "DO $bw$ BEGIN DROP ROLE %s; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $bw$;\n", supabase.QuoteIdentifier(name))
		}
	}
	sql, err := rolesScript(strings.NewReader(was.SQL), true)
	if err != nil {
		return err
	}
	return runRoles(ctx, in, supabase.Quiet+b.String()+sql)
}

// runRoles runs SQL that holds verifiers. PostgreSQL may quote it in a message, so
// that does not travel.
func runRoles(ctx context.Context, in run, sql string) error {
	if _, err := script(ctx, in, "template1", sql); err != nil {
		if text := err.Error(); strings.Contains(text, "PASSWORD") || strings.Contains(text, "SCRAM-") {
			return core.Errorf(core.CodeOf(err), "restore the roles: psql refused a statement with a password verifier in it")
		}
		return fmt.Errorf("restore the roles: %w", err)
	}
	return nil
}

// inDatabase is a run in the db container of an instance.
func inDatabase(s core.Streamer) run {
	return func(ctx context.Context, c core.Command, in io.Reader, out io.Writer) error {
		return s.Stream(ctx, core.DB, c, in, out)
	}
}
