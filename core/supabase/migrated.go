package supabase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
)

// ledgers lists the tables in which services note which migrations of their own
// schema they ran. Those of people are in other schemas.
const ledgers = `select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relname in ('schema_migrations', 'migrations')
and n.nspname in ('auth', 'storage', 'realtime', '_realtime', '_supavisor', '_analytics')
order by 1`

// Migrations returns a fingerprint of which migrations the services have run in
// the databases of an instance. It changes when one runs.
func Migrations(ctx context.Context, in core.Inspector) (string, error) {
	databases, err := in.Query(ctx, "postgres", "select datname from pg_database where datname in ('postgres', '_supabase') order by 1")
	if err != nil {
		return "", fmt.Errorf("look which migrations were run: %w", err)
	}
	var all strings.Builder
	for _, d := range databases {
		tables, err := in.Query(ctx, d[0], ledgers)
		if err != nil {
			return "", fmt.Errorf("look which migrations were run in %s: %w", d[0], err)
		}
		for _, table := range tables {
			rows, err := in.Query(ctx, d[0], "select count(*), md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from "+table[0]+" t")
			if err != nil {
				return "", fmt.Errorf("look which migrations %s of %s lists: %w", table[0], d[0], err)
			}
			fmt.Fprintf(&all, "%s %s %q\n", d[0], table[0], rows)
		}
	}
	sum := sha256.Sum256([]byte(all.String()))
	return hex.EncodeToString(sum[:8]), nil
}

// ServerMajor returns the major version of the PostgreSQL server that an instance
// runs now.
func ServerMajor(ctx context.Context, in core.Inspector) (int, error) {
	rows, err := in.Query(ctx, "postgres", "select current_setting('server_version_num')::int / 10000")
	if err != nil {
		return 0, fmt.Errorf("ask the database for its version: %w", err)
	}
	var major int
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, core.Errorf(core.Internal, "the database told no version")
	}
	if _, err := fmt.Sscan(rows[0][0], &major); err != nil {
		return 0, core.Errorf(core.Internal, "the database's version is %q, which is no number", rows[0][0])
	}
	return major, nil
}
