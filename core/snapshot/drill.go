package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Drill is what a restore into a throwaway database showed.
type Drill struct {
	RTO       core.Span         `json:"rto_ms"` // from nothing to a database that was looked at
	Databases []DrilledDatabase `json:"databases"`
	Roles     int               `json:"roles"`
}

// DrilledDatabase is a database that came back.
type DrilledDatabase struct {
	Name       string         `json:"name"`
	Tables     []DrilledTable `json:"tables"`
	Extensions []string       `json:"extensions"`
	Newest     string         `json:"newest,omitempty"` // the latest time in a row, where tables keep one
}

// DrilledTable is a table that came back.
type DrilledTable struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Rows adds up the rows of all tables.
func (d DrilledDatabase) Rows() (n int64) {
	for _, t := range d.Tables {
		n += t.Rows
	}
	return n
}

// Drill restores a snapshot into a throwaway database and looks at what came
// back. The instance is not touched. What it finds wrong is in the proof and in
// the error.
func (f *Folder) Drill(ctx context.Context, e core.Engine, snap core.Snapshot) (core.Proof, Drill, error) {
	proof, err := f.Check(snap, core.Readable)
	if err != nil {
		return proof, Drill{}, err
	}
	d, err := f.drill(ctx, e, snap)
	if ctx.Err() != nil || core.CodeOf(err) == core.Unreachable {
		return snap.Proof, d, err // nothing was learnt
	}
	if err != nil {
		return core.Proof{Level: core.Damaged, At: f.now(), Detail: "it could not be restored: " + err.Error()}, d, err
	}
	rows := int64(0)
	for _, db := range d.Databases {
		rows += db.Rows()
	}
	return core.Proof{Level: core.Proven, At: f.now(), RTO: d.RTO,
		Detail: fmt.Sprintf("%d databases, %d rows, %d roles came back in %s", len(d.Databases), rows, d.Roles, d.RTO.Duration().Round(100*time.Millisecond))}, d, nil
}

// removeTime is how long a throwaway database may take to be removed, also when the
// drill was cancelled.
const removeTime = time.Minute

func (f *Folder) drill(ctx context.Context, e core.Engine, snap core.Snapshot) (Drill, error) {
	bench, ok := e.(core.Workbench)
	if !ok {
		return Drill{}, core.Errorf(core.Unreachable, "this engine makes no throwaway databases")
	}
	c, err := f.open(snap, snap.Instance)
	if err != nil {
		return Drill{}, err
	}
	if !snap.Holds(core.DatabaseScope) {
		return Drill{}, core.Errorf(core.Unreachable, "a snapshot of the scope %s holds no database to restore", snap.Scope)
	}
	id, release, err := f.drillID(ctx, bench)
	if err != nil {
		return Drill{}, err
	}
	defer release()
	began := time.Now()
	f.tell("start a throwaway database", 0, 0)
	t, err := bench.Throwaway(ctx, id, c.Containers)
	if err != nil {
		return Drill{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		_ = t.Remove(ctx) // what is left the next start removes
	}()
	f.At("drill.started")
	d, err := f.rehearse(ctx, t, snap, c)
	d.RTO = core.Span(time.Since(began))
	return d, err
}

// SweepDrills removes the throwaway databases that killed programs of this folder
// left: their locks are free. Those of other programs stay.
func (f *Folder) SweepDrills(ctx context.Context, bench core.Workbench) error {
	_, _, err := f.sweepDrills(ctx, bench)
	return err
}

func (f *Folder) sweepDrills(ctx context.Context, bench core.Workbench) (dir, owner string, err error) {
	dir = filepath.Join(f.Dir, ".drills")
	if err := makeDirs(dir); err != nil {
		return "", "", err
	}
	if owner, err = f.owner(dir); err != nil {
		return "", "", err
	}
	return dir, owner, bench.SweepThrowaways(ctx, func(id string) bool {
		name, ours := strings.CutPrefix(id, owner+"-")
		if !ours {
			return true
		}
		free, err := lock(filepath.Join(dir, filepath.Base(name)))
		if err == nil {
			free()
		}
		return err != nil && !errors.Is(err, os.ErrNotExist)
	})
}

// drillID names a throwaway so that it is known whose it is, after it removed those
// that are left.
func (f *Folder) drillID(ctx context.Context, bench core.Workbench) (string, func(), error) {
	dir, owner, err := f.sweepDrills(ctx, bench)
	if err != nil {
		return "", nil, err
	}
	name := core.NewID()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return "", nil, err
	}
	release, err := lock(file)
	return owner + "-" + name, func() { _ = os.Remove(file); release() }, err
}

// owner returns the name of this folder among those of other programs that use
// the same engine.
func (f *Folder) owner(dir string) (string, error) {
	name := filepath.Join(dir, "owner")
	if b, err := os.ReadFile(name); err == nil && validName.Match(b) {
		return string(b), nil
	}
	id := core.NewID()
	return id, os.WriteFile(name, []byte(id), 0o600)
}

// rehearse restores roles and databases, and looks at them.
func (f *Folder) rehearse(ctx context.Context, t core.Throwaway, snap core.Snapshot, c *Contents) (Drill, error) {
	var d Drill
	into := func(ctx context.Context, cmd core.Command, in io.Reader, out io.Writer) error {
		return t.Stream(ctx, cmd, in, out)
	}
	sql, err := f.rolesOf(snap.Path, c.Manifest, true)
	if err != nil {
		return d, err
	}
	f.tell("restore roles", 0, int64(len(sql)))
	if _, err := script(ctx, into, "template1", sql); err != nil {
		return d, fmt.Errorf("restore roles: %w", err)
	}
	f.tell("restore roles", int64(len(sql)), int64(len(sql)))
	for _, s := range c.Manifest.Streams {
		if s.Kind != databaseStream {
			continue
		}
		if _, err := script(ctx, into, "template1", "DROP DATABASE IF EXISTS "+supabase.QuoteIdentifier(s.Name)+" WITH (FORCE);\n"); err != nil {
			return d, fmt.Errorf("make room for database %s: %w", s.Name, err)
		}
		if err := f.restoreDump(ctx, into, snap.Path, s, c.Manifest.Encrypted); err != nil {
			return d, err
		}
		found, err := lookAt(ctx, into, s.Name)
		if err != nil {
			return d, fmt.Errorf("look at database %s: %w", s.Name, err)
		}
		d.Databases = append(d.Databases, found)
	}
	if len(d.Databases) == 0 {
		return d, errors.New("the snapshot holds no database")
	}
	out, err := script(ctx, into, "template1", "select rolname from pg_roles where rolname !~ '^pg_';\n")
	if err != nil {
		return d, err
	}
	back := strings.Split(strings.TrimSpace(out), "\n")
	d.Roles = len(back)
	for _, r := range c.Roles {
		if !slices.Contains(back, r.Name) {
			return d, fmt.Errorf("the role %q did not come back", r.Name)
		}
	}
	return d, nil
}

// run is a way to run a command in a database's container.
type run func(ctx context.Context, c core.Command, in io.Reader, out io.Writer) error

// script runs SQL by psql, which stops at the first error, and returns what it
// printed.
func script(ctx context.Context, in run, database, sql string) (string, error) {
	var out strings.Builder
	c := tool("psql", database, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-")
	err := in(ctx, c, strings.NewReader(sql), &out)
	return out.String(), err
}

// restoreDump creates a database, which must not be there, from its dump.
func (f *Folder) restoreDump(ctx context.Context, in run, dir string, s Stream, encrypted bool) error {
	return f.pour(ctx, in, dir, s, encrypted, "restore database "+s.Name, "--create", "--exit-on-error", "-d", "template1")
}

// pour gives a dump to pg_restore.
func (f *Folder) pour(ctx context.Context, in run, dir string, s Stream, encrypted bool, step string, args ...string) error {
	f.tell(step, 0, s.RawSize)
	err := f.readStream(dir, s, encrypted, func(r io.Reader) error {
		r = io.TeeReader(r, &told{w: io.Discard, f: f, step: step, total: s.RawSize})
		return in(ctx, tool("pg_restore", "", args...), r, io.Discard)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	f.tell(step, s.RawSize, s.RawSize)
	return nil
}

// countTables makes, for each table, a query that counts its rows and finds the
// latest time in them, and has psql run it. Each answers one JSON array.
const countTables = `select format('select json_build_array(%L, count(*), %s) from %I.%I', n.nspname || '.' || c.relname,
  coalesce((select format('max(%I)::text', a.attname) from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
    and a.attname in ('updated_at', 'created_at', 'inserted_at') and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype)
    order by array_position(array['updated_at', 'created_at', 'inserted_at']::name[], a.attname) limit 1), 'null'), n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
order by n.nspname, c.relname
\gexec
`

// lookAt diagnoses a database that came back.
func lookAt(ctx context.Context, in run, name string) (DrilledDatabase, error) {
	d := DrilledDatabase{Name: name, Tables: []DrilledTable{}, Extensions: []string{}}
	out, err := script(ctx, in, name, countTables)
	if err != nil {
		return d, err
	}
	for line := range strings.Lines(out) {
		var row [3]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return d, fmt.Errorf("read the count of a table: %w", err)
		}
		table, _ := row[0].(string)
		rows, _ := row[1].(float64)
		if newest, _ := row[2].(string); newest > d.Newest {
			d.Newest = newest
		}
		d.Tables = append(d.Tables, DrilledTable{table, int64(rows)})
	}
	out, err = script(ctx, in, name, "select extname from pg_extension order by 1;\n")
	d.Extensions = strings.Fields(out)
	return d, err
}
