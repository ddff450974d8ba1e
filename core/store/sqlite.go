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
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/basewright/basewright/core"
)

var onSQLite = dialect{
	goose: goose.DialectSQLite3, folder: "migrations/sqlite",
	migrated: "select count(*) from sqlite_master where type = 'table' and name = 'goose_db_version'",
	contains: "instr(%s, %s) > 0",
	playbook: "json_extract(%s.plan, '$.playbook')", undoes: "json_extract(%s.plan, '$.basis.change')",
	insertEntry: "insert into audit (seq, at, actor, action, instance, outcome, detail, prev, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	entries:     joinedEntries, scan: scanJoined,
	lasting: (*Store).lastingSQLite, transaction: (*Store).transactionSQLite, turn: (*Store).turnSQLite, sound: (*Store).soundSQLite, version: (*Store).versionSQLite, copied: (*Store).vacuumInto,
	compacted: (*Store).compactedSQLite,
}

// openSQLite opens the file, and makes it when there is none.
func (s *Store) openSQLite(busy time.Duration) (err error) {
	if err := notLost(s.path); err != nil {
		return err
	}
	if err := prepare(s.path); err != nil {
		return err
	}
	if s.key, err = loadKey(s.beside("key")); err != nil {
		return err
	}
	if s.write, err = connect(dsn(s.path, busy, "_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_foreign_keys=on"), 1); err != nil {
		return err
	}
	if err := s.migrate(context.Background()); err != nil {
		return err
	}
	if s.watch.pool, err = sql.Open(sqlite.DriverName, dsn(s.path, busy, "mode=ro&_query_only=1")); err != nil {
		return err
	}
	s.read, err = connect(dsn(s.path, busy, "mode=ro&_query_only=1"), readers)
	return err
}

// notLost refuses to begin anew where a database was: the end of its audit log
// is still noted beside it.
func notLost(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if _, err := os.Stat(path + ".head"); err != nil {
		return nil //nolint:nilerr // there was none
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
	return through(sqlite.New(sqlite.Config{Conn: pool}), pool)
}

// through gives GORM a pool, which is closed when it does not take it.
func through(d gorm.Dialector, pool *sql.DB) (*gorm.DB, error) {
	db, err := gorm.Open(d, &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true, DisableAutomaticPing: true,
		NowFunc: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	return db, nil
}

// lastingSQLite waits for the disk on the one connection that writes.
func (s *Store) lastingSQLite(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.writing(ctx, func(conn *gorm.DB) error {
		ctx, pool := conn.Statement.Context, conn.Statement.ConnPool
		if _, err := pool.ExecContext(ctx, "pragma synchronous = full"); err != nil {
			return err
		}
		err := conn.Transaction(f)
		// The connection goes back to those who need not wait for the disk.
		_, back := pool.ExecContext(ctx, "pragma synchronous = normal")
		if err != nil {
			return err
		}
		_ = back // a connection that stays careful is slow, not wrong
		return nil
	})
}

func (s *Store) transactionSQLite(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.writing(ctx, func(conn *gorm.DB) error { return conn.Transaction(f) })
}

// writing waits until ctx ends for the one connection that writes. What f does on
// it is taken to its end: the driver runs a statement that may be stopped on a
// thread of its own, which costs more than most of them do.
func (s *Store) writing(ctx context.Context, f func(conn *gorm.DB) error) error {
	return s.write.WithContext(ctx).Connection(func(conn *gorm.DB) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return f(conn.WithContext(context.WithoutCancel(ctx)))
	})
}

// turnSQLite keeps programs apart that start at once on a new file.
func (s *Store) turnSQLite(context.Context) (func(), error) {
	f, err := os.Open(s.beside("key"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another migration: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func (s *Store) soundSQLite(ctx context.Context) error {
	var said []string
	db := s.read.WithContext(ctx)
	if err := db.Raw("pragma integrity_check(10)").Scan(&said).Error; err != nil {
		return err
	}
	if len(said) != 1 || said[0] != "ok" {
		return core.Errorf(core.Conflict, "the database %s is damaged: %s", s.name, strings.Join(said, "; "))
	}
	var orphans int64
	if err := db.Raw("select count(*) from pragma_foreign_key_check").Scan(&orphans).Error; err != nil {
		return err
	}
	if orphans > 0 {
		return core.Errorf(core.Conflict, "the database %s has %d rows that belong to nothing", s.name, orphans)
	}
	return nil
}

func (s *Store) vacuumInto(ctx context.Context, file string) error {
	return s.write.WithContext(ctx).Exec("vacuum into ?", file).Error
}

// compactedSQLite writes the file anew when most of it is free. Otherwise what
// is written next goes there.
func (s *Store) compactedSQLite(ctx context.Context) error {
	var free, pages int64
	db := s.read.WithContext(ctx)
	if err := errors.Join(db.Raw("pragma freelist_count").Scan(&free).Error, db.Raw("pragma page_count").Scan(&pages).Error); err != nil || free < pages/2 {
		return err
	}
	return s.writing(ctx, func(conn *gorm.DB) error { return conn.Exec("vacuum").Error })
}

// joinedEntries asks for the entries with their texts in one, since every column
// costs several calls into SQLite and a log has many rows.
const joinedEntries = `select seq, at || char(31) || actor || char(31) || action || char(31) || instance || char(31) ||
	outcome || char(31) || detail || char(31) || prev || char(31) || hash from audit order by seq`

// scanJoined takes apart what joinedEntries joined. An entry that holds the
// separator, or another form of time, is read once more by itself.
func scanJoined(ctx context.Context, s *Store, rows *sql.Rows) (core.AuditEntry, error) {
	var seq int64
	var joined sql.RawBytes
	if err := rows.Scan(&seq, &joined); err != nil {
		return core.AuditEntry{}, err
	}
	parts := strings.Split(string(joined), "\x1f")
	if len(parts) == 8 {
		if at, err := time.Parse("2006-01-02 15:04:05.999999999-07:00", parts[0]); err == nil {
			return core.AuditEntry{Seq: seq, At: at.UTC(), Actor: parts[1], Action: parts[2], Instance: parts[3], Outcome: parts[4], Detail: parts[5], Prev: parts[6], Hash: parts[7]}, nil
		}
	}
	var r auditRow
	err := s.read.WithContext(ctx).Take(&r, "seq = ?", seq).Error
	return r.entry(), err
}
