package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/pressly/goose/v3"

	"github.com/basewright/basewright/core"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// newest returns the schema this program knows: the number of the last
// migration.
func newest() (int64, error) {
	names, err := fs.Glob(migrations, "migrations/sqlite/*.sql")
	if err != nil {
		return 0, err
	}
	return goose.NumericComponent(slices.Max(names))
}

// migrate brings the schema up to date. The usual case, nothing to do, costs
// one query; programs that start at once on a new database take turns.
func (s *Store) migrate(ctx context.Context) error {
	v, err := s.version(ctx)
	if err != nil {
		return err
	}
	known, err := newest()
	if err != nil {
		return err
	}
	if v == known {
		return nil
	}
	if v > known {
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("the database %s was written by a newer Basewright (schema %d; this one knows %d)", s.path, v, known),
			Hint:    "use the newer program, or another data folder",
		}
	}
	turn, err := os.Open(s.beside("key"))
	if err != nil {
		return err
	}
	defer turn.Close()
	if err := syscall.Flock(int(turn.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for another migration: %w", err)
	}
	pool, err := s.write.DB()
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// version returns the number of the last migration the database has seen, 0
// for an empty one.
func (s *Store) version(ctx context.Context) (int64, error) {
	var tables, v int64
	db := s.write.WithContext(ctx)
	if err := db.Raw("select count(*) from sqlite_master where type = 'table' and name = 'goose_db_version'").Scan(&tables).Error; err != nil {
		return 0, err
	}
	if tables == 0 {
		return 0, nil
	}
	err := db.Raw("select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&v).Error
	return v, err
}
