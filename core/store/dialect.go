package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// dialect is in what the databases differ that can keep the state.
type dialect struct {
	goose  goose.Dialect
	folder string // of the migrations
	// migrated counts the tables in which migrations are noted: none or one.
	migrated string
	// lasting runs a transaction that is on the disk when it ends well.
	lasting func(s *Store, ctx context.Context, f func(tx *gorm.DB) error) error
	// transaction runs one that other writers wait for.
	transaction func(s *Store, ctx context.Context, f func(tx *gorm.DB) error) error
	// turn waits until no other program migrates the database.
	turn func(s *Store, ctx context.Context) (release func(), err error)
	// Formats of SQL: whether one text holds another, and what a change's plan
	// says of its playbook and of the change that it undoes.
	contains, playbook, undoes string
	// insertEntry adds a row to the audit log; entries reads all of them.
	insertEntry, entries string
	scan                 func(ctx context.Context, s *Store, rows *sql.Rows) (core.AuditEntry, error)
	sound                func(s *Store, ctx context.Context) error
	// version is another one after every commit.
	version func(s *Store, ctx context.Context) (string, error)
	// copied writes what the database holds into a new SQLite file.
	copied func(s *Store, ctx context.Context, file string) error
	// compacted gives the disk back what was deleted, where the database does not
	// do so by itself.
	compacted func(s *Store, ctx context.Context) error
}

// busyTimeout is how long a writer waits for another program's.
const busyTimeout = 5 * time.Second

// readers is how many read at once.
const readers = 4
