package supabase

import (
	"context"
	"strings"

	"github.com/basewright/basewright/core"
)

// PSQL runs SQL as superuser in the db container and returns what it printed, a
// row on a line. 127.0.0.1 is trusted there, so it needs no password that still
// works; -w keeps it from asking for one. The SQL goes in by stdin, and the first
// error ends it.
func PSQL(ctx context.Context, e core.Engine, database, sql string) (string, error) {
	return e.Exec(ctx, core.DB, core.Command{
		Args:  []string{"psql", "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "supabase_admin", "-d", database},
		Env:   []string{"PGCONNECT_TIMEOUT=5"},
		Stdin: []byte(sql),
	})
}

// Quiet is SQL that keeps what follows it out of the server's log, and out of the
// statistics that pg_stat_statements keeps. Where that is not loaded, it sets nothing.
const Quiet = "SET log_statement = 'none';\nSET log_min_error_statement = 'panic';\nSET log_min_duration_statement = -1;\n" +
	"SET pg_stat_statements.track_utility = off;\n"

// QuoteIdentifier writes a name of something in a database as SQL.
func QuoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// QuoteLiteral writes a text as SQL, whatever standard_conforming_strings says.
func QuoteLiteral(text string) string {
	quoted := strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(quoted, `\`, `\\`) + "'"
	}
	return "'" + quoted + "'"
}
