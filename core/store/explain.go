package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"github.com/basewright/basewright/core"
)

// explain turns what SQLite, PostgreSQL or the file system said about the database into an
// error that says what to do.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	say := func(what, hint string) error {
		return &core.Error{Code: core.Unreachable, Message: "the database " + path + " " + what, Hint: hint, Err: err}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return explainPostgres(path, pg)
	}
	var se sqlite3.Error
	errors.As(err, &se)
	if se.SystemErrno == syscall.ENOSPC || se.SystemErrno == syscall.EDQUOT { // SQLite calls it an I/O error, with some files
		return say("cannot be written: the disk is full", "make room")
	}
	switch se.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return say("is locked by another program", "wait until it ends, or stop it")
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		return say("is damaged", "stop Basewright, then put a backup in its place: basewright state restore FOLDER; those of every night are in "+filepath.Join(filepath.Dir(path), "backups"))
	case sqlite3.ErrReadonly:
		return say("cannot be written", "check its owner and mode, and that the file system is not mounted read-only")
	case sqlite3.ErrFull:
		return say("cannot be written: the disk is full", "make room")
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return say("cannot be opened", "check the folder's owner and mode")
	case sqlite3.ErrIoErr:
		return say("cannot be read or written: the disk reports an error", "look at the system's log before going on")
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return say("does not answer", "look whether PostgreSQL runs there, and whether this host may connect")
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return say("cannot be written", "check the folder's owner and mode, and that the file system is not mounted read-only")
	case errors.Is(err, syscall.ENOSPC):
		return say("cannot be written: the disk is full", "make room")
	}
	return fmt.Errorf("database %s: %w", path, err)
}

// explainPostgres is explain for what PostgreSQL said, by its class of errors.
func explainPostgres(name string, err *pgconn.PgError) error {
	say := func(what, hint string) error {
		return &core.Error{Code: core.Unreachable, Message: "the database " + name + " " + what, Hint: hint, Err: err}
	}
	switch err.Code {
	case "55P03":
		return say("is locked by another program", "wait until it ends, or stop it")
	case "25006":
		return say("cannot be written", "it is read-only, as a standby is; give the address of the primary")
	case "28000", "28P01":
		return say("does not let Basewright in", "check the user and the password in its address")
	case "3D000":
		return say("does not exist", "make it, and make Basewright's role its owner")
	case "42501":
		return say("does not let Basewright do what it must", "make its role the owner of the database")
	}
	switch err.Code[:2] {
	case "08", "57":
		return say("does not answer", "look whether PostgreSQL runs there")
	case "53":
		return say("cannot be written: "+err.Message, "make room, or allow more connections")
	case "XX":
		return say("is damaged", "look at PostgreSQL's log before going on")
	}
	return fmt.Errorf("database %s: %w", name, err)
}

// explain is explain for the store's own database. That it is damaged is
// remembered, since what else is asked of it may look well.
func (s *Store) explain(err error) error {
	err = explain(s.name, err)
	var se sqlite3.Error
	var pg *pgconn.PgError
	if errors.As(err, &se) && (se.Code == sqlite3.ErrCorrupt || se.Code == sqlite3.ErrNotADB) ||
		errors.As(err, &pg) && (pg.Code == "XX001" || pg.Code == "XX002") {
		s.damage.CompareAndSwap(nil, &err)
	}
	return err
}

// Damaged returns what a statement said that met a damaged part of the database,
// nil when none has since it was opened.
func (s *Store) Damaged() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}

func isDuplicate(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	var se sqlite3.Error
	return errors.As(err, &se) && se.Code == sqlite3.ErrConstraint &&
		(se.ExtendedCode == sqlite3.ErrConstraintUnique || se.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}
