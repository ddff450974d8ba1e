// Package store keeps what must outlast the program in one SQLite file, or in a
// PostgreSQL database: changes with their journal, snapshots, the audit log,
// diagnoses and settings. It never holds a secret; the key that fingerprints
// secrets lies in a file of its own in the data folder.
package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// Store is an open database. Its methods may be called concurrently.
type Store struct {
	path   string // of the SQLite file; what else is kept in files is named after it
	name   string // of the database, for people
	agent  string // whose instances, schedules and changes these are; see migrations/postgres
	with   *dialect
	write  *gorm.DB // one connection, so that writers queue here and not in SQLite
	read   *gorm.DB // read-only connections, opened when first used
	key    core.FingerprintKey
	headMu sync.Mutex // one writer of the head file at a time
	watch  watch
	damage atomic.Pointer[error] // what first said that the database is damaged
	probe  struct {
		sync.Mutex
		at  time.Time
		err error
	}
}

// Open opens the SQLite database at path, creates it if there is none and
// brings its schema up to date. A folder that it has to make is for this user
// only, and so is every file.
func Open(path string) (*Store, error) { return open(path, "", busyTimeout) }

// OpenAt is Open for a state whose database may be elsewhere: with an address
// such as postgres://user@host/name it is that PostgreSQL database, and the
// files that are never in a database are still beside path.
func OpenAt(path, address string) (*Store, error) { return open(path, address, busyTimeout) }

// OpenWithin is Open with another patience: a write waits so long for a program
// that holds the database before it is an error.
func OpenWithin(path string, patience time.Duration) (*Store, error) { return open(path, "", patience) }

func open(path, address string, busy time.Duration) (_ *Store, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{path: path, name: path, with: &onSQLite}
	if address == "" {
		err = s.openSQLite(busy)
	} else {
		err = s.openPostgres(address, busy)
	}
	if err == nil {
		err = s.startHead(context.Background())
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

// Close closes every connection.
func (s *Store) Close() error {
	errs := []error{s.watch.close()}
	for _, db := range []*gorm.DB{s.read, s.write} {
		if db == nil {
			continue
		}
		pool, err := db.DB()
		if err == nil {
			err = pool.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Key returns the local key that makes fingerprints of secrets.
func (s *Store) Key() core.FingerprintKey { return s.key }

// Name returns what the database is called for people: its file, or where it is.
func (s *Store) Name() string { return s.name }

func (s *Store) beside(name string) string { return filepath.Join(filepath.Dir(s.path), name) }

// lasting runs f in a transaction that is on the disk when lasting returns.
// Other writes may be lost with the power; these may not.
func (s *Store) lasting(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.with.lasting(s, ctx, f)
}

// transaction runs f in a transaction, with no other writer meanwhile.
func (s *Store) transaction(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.with.transaction(s, ctx, f)
}

// take reads the row of an id; a missing one is core.NotFound and says what it
// would have been.
func take[Row any](ctx context.Context, s *Store, what, id string) (Row, error) {
	var r Row
	err := s.read.WithContext(ctx).Take(&r, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return r, core.Errorf(core.NotFound, "there is no %s %s", what, id)
	}
	if err != nil {
		return r, fmt.Errorf("read %s %s: %w", what, id, s.explain(err))
	}
	return r, nil
}

// Writable returns nil when the database takes a write, and what hinders it
// otherwise. It looks again after a moment, not at every call.
func (s *Store) Writable(ctx context.Context) error {
	s.probe.Lock()
	defer s.probe.Unlock()
	if time.Since(s.probe.at) < 2*time.Second {
		return s.probe.err
	}
	s.probe.err = s.SetSetting(ctx, "written", time.Now().UTC().Format(time.RFC3339))
	s.probe.at = time.Now()
	return s.probe.err
}
