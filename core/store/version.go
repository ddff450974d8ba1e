package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// watch asks SQLite whether anybody wrote. The number that SQLite tells is one of
// its connection, which is therefore kept, and counted when it must be opened anew.
type watch struct {
	sync.Mutex
	pool   *sql.DB
	conn   *sql.Conn
	opened int
}

// Version tells apart the states of the database: as long as it is the same,
// nobody has committed anything, whichever program they are.
func (s *Store) Version(ctx context.Context) (string, error) {
	v, err := s.with.version(s, context.WithoutCancel(ctx)) // one who gives up costs the others no connection
	if err != nil {
		return "", fmt.Errorf("ask for the version of the data: %w", s.explain(err))
	}
	return v, nil
}

func (s *Store) versionSQLite(ctx context.Context) (string, error) {
	w := &s.watch
	w.Lock()
	defer w.Unlock()
	var err error
	if w.conn == nil {
		if w.conn, err = w.pool.Conn(ctx); err != nil {
			return "", err
		}
		w.opened++
	}
	var n int64
	if err = w.conn.QueryRowContext(ctx, "pragma data_version").Scan(&n); err != nil {
		_ = w.conn.Close() // the next call opens another
		w.conn = nil
		return "", err
	}
	return fmt.Sprintf("%d.%d", w.opened, n), nil
}

func (w *watch) close() error {
	if w.pool == nil {
		return nil
	}
	w.Lock()
	defer w.Unlock()
	if w.conn != nil {
		_ = w.conn.Close() // it only gives it back
	}
	return w.pool.Close()
}

// versionPostgres is which transactions a reader sees now. Those of other
// databases of the server count, too.
func (s *Store) versionPostgres(ctx context.Context) (v string, err error) {
	err = s.read.WithContext(ctx).Raw("select pg_current_snapshot()::text").Scan(&v).Error
	return v, err
}
