// Package store keeps what must outlast the program in one SQLite file:
// changes with their journal, snapshots, the audit log, diagnoses and settings.
// It never holds a secret; the key that fingerprints secrets lies in a file of
// its own beside the database.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/basewright/basewright/core"
)

const (
	busyTimeout = 5 * time.Second
	readers     = 4
)

// Store is an open database. Its methods may be called concurrently.
type Store struct {
	path   string
	write  *gorm.DB // one connection, so that writers queue here and not in SQLite
	read   *gorm.DB // read-only connections, opened when first used
	key    core.FingerprintKey
	headMu sync.Mutex // one writer of the head file at a time
	probe  struct {
		sync.Mutex
		at  time.Time
		err error
	}
}

// Open opens the database at path, creates it if there is none and brings its
// schema up to date. A folder that it has to make is for this user only, and so
// is every file.
func Open(path string) (*Store, error) { return open(path, busyTimeout) }

func open(path string, busy time.Duration) (_ *Store, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := notLost(path); err != nil {
		return nil, err
	}
	if err := prepare(path); err != nil {
		return nil, explain(path, err)
	}
	s := &Store{path: path}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.key, err = loadKey(s.beside("key")); err != nil {
		return nil, err
	}
	if s.write, err = connect(dsn(path, busy, "_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_foreign_keys=on"), 1); err != nil {
		return nil, explain(path, err)
	}
	if err := s.migrate(context.Background()); err != nil {
		return nil, explain(path, err)
	}
	if s.read, err = connect(dsn(path, busy, "mode=ro&_query_only=1"), readers); err != nil {
		return nil, explain(path, err)
	}
	if err := s.startHead(context.Background()); err != nil {
		return nil, explain(path, err)
	}
	return s, nil
}

// notLost refuses to begin anew where a database was: the end of its audit log
// is still noted beside it.
func notLost(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if _, err := os.Stat(path + ".head"); err != nil {
		return nil
	}
	return &core.Error{
		Code:    core.Conflict,
		Message: "the database " + path + " is gone or empty, though it held an audit log",
		Hint:    "bring it back, or move " + path + ".head away to begin anew",
	}
}

// prepare makes the folder and the empty file, since SQLite would make it
// readable for everyone.
func prepare(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(path, 0o600)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func dsn(path string, busy time.Duration, options string) string {
	return fmt.Sprintf("file:%s?_busy_timeout=%d&%s", (&url.URL{Path: path}).EscapedPath(), busy.Milliseconds(), options)
}

// connect opens a pool of n connections. GORM's own logger is off: it would
// print values.
func connect(dsn string, n int) (*gorm.DB, error) {
	pool, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	db, err := gorm.Open(sqlite.New(sqlite.Config{Conn: pool}), &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true, DisableAutomaticPing: true,
		NowFunc: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	return db, nil
}

// Close closes every connection.
func (s *Store) Close() error {
	var errs []error
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

func (s *Store) beside(name string) string { return filepath.Join(filepath.Dir(s.path), name) }

// lasting runs f in a transaction that is on the disk when lasting returns.
// Other writes may be lost with the power; these may not.
func (s *Store) lasting(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.write.WithContext(ctx).Connection(func(conn *gorm.DB) error {
		if err := conn.Exec("pragma synchronous = full").Error; err != nil {
			return err
		}
		err := conn.Transaction(f)
		// The connection goes back to those who need not wait for the disk,
		// also when ctx ended meanwhile.
		back := conn.WithContext(context.WithoutCancel(ctx)).Exec("pragma synchronous = normal").Error
		if err != nil {
			return err
		}
		_ = back // a connection that stays careful is slow, not wrong
		return nil
	})
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
		return r, fmt.Errorf("read %s %s: %w", what, id, explain(s.path, err))
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
