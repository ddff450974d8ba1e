package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// Keys of PostgreSQL's advisory locks: of whoever writes, which gives the log
// its order, and of whoever migrates.
const (
	writersLock   = 0x62617365_00000001
	migrationLock = 0x62617365_00000002
)

var onPostgres = dialect{
	goose: goose.DialectPostgres, folder: "migrations/postgres",
	migrated: "select count(*) from (select to_regclass('goose_db_version') as name) t where name is not null",
	contains: "strpos(%s, %s) > 0",
	playbook: "%s.plan::json ->> 'playbook'", undoes: "%s.plan::json -> 'basis' ->> 'change'",
	insertEntry: "insert into audit (seq, at, actor, action, instance, outcome, detail, prev, hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	entries:     "select seq, at, actor, action, instance, outcome, detail, prev, hash from audit order by seq", scan: scanColumns,
	lasting: (*Store).writePostgres, transaction: (*Store).writePostgres, turn: (*Store).turnPostgres, sound: (*Store).soundPostgres, version: (*Store).versionPostgres, copied: (*Store).exportPostgres,
	compacted: func(*Store, context.Context) error { return nil }, // autovacuum does
}

// openPostgres opens the database at an address, and makes the folder for what
// is kept in files.
func (s *Store) openPostgres(address string, busy time.Duration) error {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return core.Errorf(core.Invalid, "the address of the database cannot be read; it looks like postgres://user@host:5432/name")
	}
	s.with, s.name = &onPostgres, fmt.Sprintf("%s at %s", cfg.Database, cfg.Host)
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	if s.key, err = loadKey(s.beside("key")); err != nil {
		return err
	}
	if s.agent, err = loadAgent(s.beside("agent")); err != nil {
		return err
	}
	if s.read, err = s.connectPostgres(cfg, busy, true); err != nil {
		return err
	}
	if err := s.confined(); err != nil {
		return err
	}
	if s.write, err = s.connectPostgres(cfg, busy, false); err != nil {
		return err
	}
	return s.migrate(context.Background())
}

// Place says where the database at an address is, without a password; "" for no
// address, or one that cannot be read.
func Place(address string) string {
	cfg, err := pgx.ParseConfig(address)
	if address == "" || err != nil {
		return ""
	}
	return fmt.Sprintf("%s at %s:%d as %s", cfg.Database, cfg.Host, cfg.Port, cfg.User)
}

// connectPostgres opens a pool whose connections say for which agent they are.
func (s *Store) connectPostgres(cfg *pgx.ConnConfig, busy time.Duration, readOnly bool) (*gorm.DB, error) {
	size, mode := 1, "off"
	if readOnly {
		size, mode = readers, "on"
	}
	pool := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		if err := s.direct(ctx, c); err != nil {
			return err
		}
		_, err := c.Exec(ctx, `select set_config('basewright.agent', $1, false), set_config('lock_timeout', $2, false),
			set_config('default_transaction_read_only', $3, false), set_config('timezone', 'UTC', false), set_config('application_name', 'basewright', false)`,
			s.agent, fmt.Sprintf("%dms", busy.Milliseconds()), mode)
		return err
	}))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return through(postgres.New(postgres.Config{Conn: pool}), pool)
}

// direct refuses a connection through a pooler. Whose rows a connection sees is a
// setting of its session, and a pooler may give that session to another agent
// between two transactions. A pooler tells clients a process of its own making
// when they connect, and the server tells which one answers.
func (s *Store) direct(ctx context.Context, c *pgx.Conn) error {
	var pid uint32
	err := c.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	if err != nil || pid == c.PgConn().PID() {
		return err
	}
	return &core.Error{
		Code:    core.Invalid,
		Message: s.name + " is reached through a pooler, which would mix the rows of agents",
		Hint:    "give the address of the PostgreSQL server itself, often port 5432",
	}
}

// confined refuses a role that sees the rows of every agent.
func (s *Store) confined() error {
	var all bool
	if err := s.read.Raw("select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&all).Error; err != nil || !all {
		return err
	}
	return &core.Error{
		Code:    core.Invalid,
		Message: "the role that opens " + s.name + " may see and change what belongs to other agents",
		Hint:    "give Basewright a role that is no superuser and has no BYPASSRLS, and make it the database's owner",
	}
}

// loadAgent reads who this agent is among those that share a database. It is
// made once.
func loadAgent(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b, err = writeOnce(path, []byte(core.NewID()))
	}
	if err == nil && len(b) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("read who this agent is from %s: %w", path, err)
	}
	return string(b), nil
}

// writePostgres runs a transaction that is on the disk when it ends. Others that
// write wait, whichever agent's they are.
func (s *Store) writePostgres(ctx context.Context, f func(tx *gorm.DB) error) error {
	return s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec("select set_config('synchronous_commit', 'on', true), pg_advisory_xact_lock(?)", int64(writersLock)).Error; err != nil {
			return err
		}
		return f(tx)
	})
}

func (s *Store) turnPostgres(ctx context.Context) (func(), error) {
	pool, err := s.read.DB()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another migration: %w", err), conn.Close())
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(migrationLock))
		_ = conn.Close()
	}, nil
}

func scanColumns(_ context.Context, _ *Store, rows *sql.Rows) (e core.AuditEntry, err error) {
	err = rows.Scan(&e.Seq, &e.At, &e.Actor, &e.Action, &e.Instance, &e.Outcome, &e.Detail, &e.Prev, &e.Hash)
	e.At = e.At.UTC()
	return e, err
}

// soundPostgres reads every row of every table, which finds what its checksums
// and decoders find. That rows belong together PostgreSQL holds itself.
func (s *Store) soundPostgres(ctx context.Context) error {
	for _, t := range tables {
		if err := t.read(s.read.WithContext(ctx)); err != nil {
			return err
		}
	}
	return nil
}
