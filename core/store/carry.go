package store

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// table is what is done with all rows of one.
type table struct {
	read  func(from *gorm.DB) error
	carry func(from, to *gorm.DB) error
}

// tables are all that hold the state, in an order in which rows can be added.
var tables = []table{
	of[changeRow](), of[journalRow](), of[snapshotRow](), of[auditRow](), of[archiveRow](), of[diagnosisRow](), of[dayRow](), of[settingRow](),
	of[healthyRow](), of[portRow](), of[execRow](), of[asideRow](), of[policyRow](), of[stopRow](), of[userRow](), of[grantRow](), of[sessionRow](),
	of[tokenRow](), of[instanceRow](), of[scheduleRow](), of[reservationRow](), of[departureRow](), of[windowRow](),
}

func of[Row any]() table {
	return table{
		read: func(from *gorm.DB) error { return each(from, func([]Row) error { return nil }) },
		carry: func(from, to *gorm.DB) error {
			return each(from, func(rows []Row) error { return to.Create(&rows).Error })
		},
	}
}

// each gives all rows of a table in portions.
func each[Row any](from *gorm.DB, take func([]Row) error) error {
	const portion = 200
	rows, err := from.Model(new(Row)).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	list := make([]Row, 0, portion)
	for rows.Next() {
		var r Row
		if err := from.ScanRows(rows, &r); err != nil {
			return err
		}
		if list = append(list, r); len(list) == portion {
			if err := take(list); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	if err := rows.Err(); err != nil || len(list) == 0 {
		return err
	}
	return take(list)
}

// exportPostgres writes what this agent sees of the database, as it is at one
// moment, into a new SQLite file: a backup is the same whatever it is of.
func (s *Store) exportPostgres(ctx context.Context, file string) error {
	if err := prepare(file); err != nil {
		return err
	}
	alone := onSQLite
	alone.turn = func(*Store, context.Context) (func(), error) { return func() {}, nil }
	to := &Store{path: file, name: file, with: &alone}
	var err error
	if to.write, err = connect(dsn(file, busyTimeout, "_synchronous=OFF&_foreign_keys=on"), 1); err != nil {
		return err
	}
	err = to.migrate(ctx)
	if err == nil {
		moment := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
		err = s.read.WithContext(ctx).Transaction(func(from *gorm.DB) error { return carry(from, to.write.WithContext(ctx)) }, moment)
	}
	return errors.Join(err, to.Close())
}

// carry copies every row, all or nothing.
func carry(from, to *gorm.DB) error {
	return to.Transaction(func(to *gorm.DB) error {
		for _, t := range tables {
			if err := t.carry(from, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// fill puts the state that a SQLite file holds into a database that has none
// yet.
func (s *Store) fill(ctx context.Context, file string) error {
	from, err := connect(dsn(file, busyTimeout, "mode=ro&_query_only=1"), 1)
	if err != nil {
		return err
	}
	source := &Store{read: from}
	defer source.Close()
	return s.transaction(ctx, func(to *gorm.DB) error { return carry(from.WithContext(ctx), to) })
}

// empty refuses a database that holds a state.
func (s *Store) empty(ctx context.Context) error {
	var held int64
	db := s.read.WithContext(ctx)
	if err := db.Raw("select (select count(*) from audit) + (select count(*) from users) + (select count(*) from instances)").Scan(&held).Error; err != nil {
		return err
	}
	if held > 0 {
		return &core.Error{Code: core.Conflict, Message: "the database " + s.name + " holds a state already", Hint: "give an empty one; nothing was changed"}
	}
	return nil
}
