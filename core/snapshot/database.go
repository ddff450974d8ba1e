package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// asidePrefix begins the names of databases that a restore put aside. They are
// in no snapshot.
const asidePrefix = "basewright_"

// database is a database of the instance as it is now.
type database struct {
	Name string `json:"name"`
	OID  int64  `json:"oid"`
	Size int64  `json:"size"` // bytes on the server's disk
}

// streamer returns the engine's way to move data.
func streamer(e core.Engine) (core.Streamer, error) {
	s, ok := e.(core.Streamer)
	if !ok {
		return nil, core.Errorf(core.Unreachable, "this engine cannot move data in and out of containers")
	}
	return s, nil
}

// tool is a command of PostgreSQL's own in the db container, where 127.0.0.1 is
// trusted. A database goes by the environment: on the command line a name could
// pass for a connection string.
func tool(name, database string, args ...string) core.Command {
	return core.Command{
		Args: append([]string{name, "-w", "-h", "127.0.0.1", "-U", "supabase_admin"}, args...),
		Env:  []string{"PGDATABASE=" + database, "PGCONNECT_TIMEOUT=10", "PGOPTIONS=-c statement_timeout=0 -c lock_timeout=0", "LC_ALL=C"},
	}
}

// databaseSources lists the roles and every database that takes connections and
// is no template.
func databaseSources(ctx context.Context, e core.Engine, obs *core.Observation, m *Manifest) ([]source, error) {
	if db, ok := obs.Container(core.DB); !ok || db.State != "running" {
		return nil, core.Errorf(core.Unreachable, "the database is not running, so it cannot be dumped")
	}
	from, err := streamer(e)
	if err != nil {
		return nil, err
	}
	if m.Postgres, err = serverVersion(ctx, e); err != nil {
		return nil, err
	}
	found, err := databases(ctx, e)
	if err != nil {
		return nil, err
	}
	m.Consistency = "each database as of one moment, by pg_dump; roles as of the moment before"
	all := []source{{
		stream: Stream{Kind: rolesStream, Name: "roles"}, step: "dump roles", size: 64 << 10,
		fill: func(ctx context.Context, _ *Stream, w io.Writer) error {
			return from.Stream(ctx, core.DB, tool("pg_dumpall", "postgres", "--roles-only"), nil, w)
		},
	}}
	for _, d := range found {
		all = append(all, source{
			stream: Stream{Kind: databaseStream, Name: d.Name}, step: "dump database " + d.Name, size: d.Size,
			fill: func(ctx context.Context, _ *Stream, w io.Writer) error { return dump(ctx, from, d.Name, w) },
		})
	}
	return all, nil
}

// dumpMagic begins every custom-format dump.
var dumpMagic = []byte("PGDMP")

// dump writes a database in pg_dump's custom format, not compressed: that is
// done better outside. An empty one, or one that does not begin as dumps do, is a
// failure whatever pg_dump's exit status says.
func dump(ctx context.Context, from core.Streamer, name string, w io.Writer) error {
	begins := &head{w: w, max: len(dumpMagic)}
	c := tool("pg_dump", name, "-Fc", "-Z0", "--lock-wait-timeout=60s")
	if err := from.Stream(ctx, core.DB, c, nil, begins); err != nil {
		return err
	}
	if !bytes.Equal(begins.first, dumpMagic) {
		return errors.New("pg_dump gave no dump, though it says that it did")
	}
	return nil
}

// head keeps the first bytes of what passes.
type head struct {
	w     io.Writer
	max   int
	first []byte
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.max - len(h.first); room > 0 {
		h.first = append(h.first, p[:min(room, len(p))]...)
	}
	return h.w.Write(p)
}

// databases lists what a snapshot of the databases holds.
func databases(ctx context.Context, e core.Engine) ([]database, error) {
	out, err := supabase.PSQL(ctx, e, "postgres", "select json_build_object('name', datname, 'oid', oid::int8, 'size', pg_database_size(oid)) from pg_database "+
		"where datallowconn and not datistemplate and not starts_with(datname, '"+asidePrefix+"') order by datname;\n")
	if err != nil {
		return nil, fmt.Errorf("list the databases: %w", err)
	}
	var all []database
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var d database
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return nil, fmt.Errorf("list the databases: %w", err)
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, errors.New("list the databases: there are none")
	}
	return all, nil
}

// serverVersion returns PostgreSQL's server_version_num, such as 150008.
func serverVersion(ctx context.Context, e core.Engine) (int, error) {
	out, err := supabase.PSQL(ctx, e, "postgres", "show server_version_num;\n")
	if err != nil {
		return 0, fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		return 0, fmt.Errorf("ask PostgreSQL for its version: %w", err)
	}
	return n, nil
}
