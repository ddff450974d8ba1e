package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type windowRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	Begins   time.Time
	Ends     time.Time
	Reason   string
	Actor    string
	Created  time.Time
}

func (windowRow) TableName() string { return "windows" }

func (r windowRow) window() core.Window {
	return core.Window{ID: r.ID, Instance: r.Instance, Begins: r.Begins.UTC(), Ends: r.Ends.UTC(), Reason: r.Reason, Actor: r.Actor, Created: r.Created.UTC()}
}

// AddWindow stores a maintenance window. Those that ended go: the audit log has
// them.
func (s *Store) AddWindow(ctx context.Context, w core.Window, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := tx.Delete(&windowRow{}, "ends < ?", stamp(w.Created)).Error; err != nil {
			return err
		}
		return tx.Create(&windowRow{w.ID, w.Instance, stamp(w.Begins), stamp(w.Ends), w.Reason, w.Actor, stamp(w.Created)}).Error
	})
}

// Window returns the maintenance window id; a missing one is core.NotFound.
func (s *Store) Window(ctx context.Context, id string) (core.Window, error) {
	r, err := take[windowRow](ctx, s, "maintenance window", id)
	return r.window(), err
}

// Windows returns the maintenance windows that end after a moment, the first to
// begin first.
func (s *Store) Windows(ctx context.Context, after time.Time) ([]core.Window, error) {
	var rows []windowRow
	if err := s.read.WithContext(ctx).Where("ends > ?", stamp(after)).Order("begins, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list maintenance windows: %w", s.explain(err))
	}
	list := make([]core.Window, len(rows))
	for i, r := range rows {
		list[i] = r.window()
	}
	return list, nil
}

// EndWindow ends a maintenance window, or calls off one that has not begun.
func (s *Store) EndWindow(ctx context.Context, id string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Delete(&windowRow{}, "id = ?", id), "maintenance window", id)
	})
}
