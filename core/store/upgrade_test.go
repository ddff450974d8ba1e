package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// TestEveryOlderSchemaIsBroughtUp begins at each number a database may have
// stopped at, with rows in it, and wants the schema of a new one and the rows.
func TestEveryOlderSchemaIsBroughtUp(t *testing.T) {
	fresh := opened(t)
	want := schemaOf(t, fresh)
	known, err := fresh.with.known()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(known)
	for _, number := range known[:len(known)-1] {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			path, address := filepath.Join(t.TempDir(), "basewright.db"), coretest.EmptyDatabase(t, os.Getenv(testDatabase))
			held := olderSchema(t, path, address, number)
			s, err := OpenAt(path, address)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := schemaOf(t, s); !slices.Equal(got, want) {
				t.Errorf("brought up from %d it has\n%s\na new one has\n%s", number, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if held {
				wantHeld(t, s)
			}
		})
	}
}

// olderSchema makes a database as a program that knew no more than a number of
// the migrations left it, and reports whether that could hold instances.
func olderSchema(t *testing.T, path, address string, number int64) bool {
	t.Helper()
	s := &Store{path: path, name: path, with: &onSQLite}
	ctx, held := t.Context(), address != "" || number >= 40
	var err error
	if address == "" {
		s.write, err = connect(dsn(path, busyTimeout, "_foreign_keys=on"), 1)
	} else {
		s.write, err = olderPostgres(s, address)
	}
	must(t, err)
	defer s.Close()
	p, err := s.migrations()
	must(t, err)
	_, err = p.UpTo(ctx, number)
	must(t, err)
	if held {
		must(t, s.write.Exec("insert into instances (id, name, project, dir, files, origin, mode, created) values ('shop', 'Shop', 'shop', '/srv/shop', '[]', 'adopted', 'control', '2026-01-01 00:00:00+00:00')").Error)
		must(t, s.write.Exec(`insert into diagnosis_days (instance, day, runs, up, down, worst, codes) values ('shop', '2026-01-01', 3, 60, 40, 'unhealthy', '{"PG-01":2}')`).Error)
	}
	return held
}

// wantHeld wants the rows that olderSchema wrote, with what later numbers added.
func wantHeld(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	i, err := s.Instance(ctx, "shop")
	if err != nil || i.Dir != "/srv/shop" || i.Mode != core.Control || len(i.Tags) != 0 {
		t.Errorf("the instance is %+v, %v", i, err)
	}
	must(t, s.SetTags(ctx, "shop", []string{"prod"}, anEntry("instance.tag")))
	if i, err = s.Instance(ctx, "shop"); err != nil || !slices.Equal(i.Tags, []string{"prod"}) {
		t.Errorf("with a tag it is %+v, %v", i, err)
	}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	trend, err := s.Trend(ctx, "shop", day, day.AddDate(0, 0, 1))
	if err != nil || len(trend) != 1 || trend[0].Runs != 3 || trend[0].Codes["PG-01"] != 2 || trend[0].Turns != 0 {
		t.Errorf("its days are %+v, %v", trend, err)
	}
}

// schemaOf lists the columns, with their types and defaults, and the indexes.
func schemaOf(t *testing.T, s *Store) []string {
	t.Helper()
	query := `select m.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '') from sqlite_master m, pragma_table_info(m.name) c
		where m.type = 'table' and m.name not like 'goose%' and m.name not like 'sqlite%' union select m.type || ' ' || m.name from sqlite_master m where m.type <> 'table'`
	if s.with == &onPostgres {
		query = `select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') from information_schema.columns
			where table_schema = current_schema() and table_name not like 'goose%' union select 'index ' || indexname from pg_indexes where schemaname = current_schema()
			union select 'policy ' || tablename || ' ' || policyname from pg_policies where schemaname = current_schema()`
	}
	var list []string
	must(t, s.read.Raw(query).Scan(&list).Error)
	slices.Sort(list)
	if len(list) < 100 {
		t.Fatalf("only %d parts of a schema were found", len(list))
	}
	return list
}

// olderPostgres connects as openPostgres does, and brings nothing up to date.
func olderPostgres(s *Store, address string) (*gorm.DB, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	s.with = &onPostgres
	if s.agent, err = loadAgent(s.beside("agent")); err != nil {
		return nil, err
	}
	return s.connectPostgres(cfg, busyTimeout, false)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
