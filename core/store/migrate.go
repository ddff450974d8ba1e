package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"

	"github.com/basewright/basewright/core"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// known returns the numbers of this program's migrations of a database.
func (d *dialect) known() ([]int64, error) {
	names, err := fs.Glob(migrations, d.folder+"/*.sql")
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(names))
	for i, name := range names {
		if numbers[i], err = goose.NumericComponent(name); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// migrate brings the schema up to date. The usual case, nothing to do, costs
// one query; programs that start at once on a new database take turns. Numbers
// have gaps, and one that fills a gap later is applied then.
func (s *Store) migrate(ctx context.Context) error {
	applied, err := s.applied(ctx)
	if err != nil {
		return err
	}
	known, err := s.with.known()
	if err != nil {
		return err
	}
	if len(applied) > 0 && slices.Max(applied) > slices.Max(known) {
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("the database %s was written by a newer Basewright (schema %d; this one knows %d)", s.name, slices.Max(applied), slices.Max(known)),
			Hint:    "use the newer program, or another data folder",
		}
	}
	if !slices.ContainsFunc(known, func(v int64) bool { return !slices.Contains(applied, v) }) {
		return nil
	}
	release, err := s.with.turn(s, ctx)
	if err != nil {
		return err
	}
	defer release()
	p, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// migrations returns what brings the schema from one number to another.
func (s *Store) migrations() (*goose.Provider, error) {
	pool, err := s.write.DB()
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, s.with.folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.with.goose, pool, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
}

// applied returns the numbers of the migrations that the database has seen,
// none for an empty one.
func (s *Store) applied(ctx context.Context) ([]int64, error) {
	var tables int64
	var versions []int64
	db := s.write.WithContext(ctx)
	if err := db.Raw(s.with.migrated).Scan(&tables).Error; err != nil {
		return nil, err
	}
	if tables == 0 {
		return nil, nil
	}
	err := db.Raw("select version_id from goose_db_version where is_applied").Scan(&versions).Error
	return versions, err
}
