package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

type scheduleRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	Kind     core.ScheduleKind
	Spec     string
	Zone     string
	Params   struct {
		Mode  core.Depth `json:"mode,omitempty"`
		Scope core.Scope `json:"scope,omitempty"`
	} `gorm:"serializer:json"`
	Jitter  int
	Enabled bool
	Owner   string
	Created time.Time
	Next    time.Time
	Last    *time.Time
	Outcome string
	Detail  string
}

func (scheduleRow) TableName() string { return "schedules" }

func (r scheduleRow) schedule() core.Schedule {
	s := core.Schedule{ID: r.ID, Instance: r.Instance, Kind: r.Kind, Spec: r.Spec, Zone: r.Zone, Mode: r.Params.Mode, Scope: r.Params.Scope, Jitter: r.Jitter,
		Enabled: r.Enabled, Owner: r.Owner, Created: r.Created.UTC(), Next: r.Next.UTC(), Outcome: r.Outcome, Detail: r.Detail}
	if r.Last != nil {
		last := r.Last.UTC()
		s.Last = &last
	}
	return s
}

// SaveSchedule stores a schedule, new or changed.
func (s *Store) SaveSchedule(ctx context.Context, c core.Schedule, e core.AuditEntry) error {
	row := scheduleRow{ID: c.ID, Instance: c.Instance, Kind: c.Kind, Spec: c.Spec, Zone: c.Zone, Jitter: c.Jitter, Enabled: c.Enabled,
		Owner: c.Owner, Created: stamp(c.Created), Next: stamp(c.Next), Last: c.Last, Outcome: c.Outcome, Detail: c.Detail}
	row.Params.Mode, row.Params.Scope = c.Mode, c.Scope
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
}

// RemoveSchedule removes a schedule.
func (s *Store) RemoveSchedule(ctx context.Context, id string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Delete(&scheduleRow{}, "id = ?", id), "schedule", id)
	})
}

// Schedule returns the schedule id; a missing one is core.NotFound.
func (s *Store) Schedule(ctx context.Context, id string) (core.Schedule, error) {
	r, err := take[scheduleRow](ctx, s, "schedule", id)
	return r.schedule(), err
}

// Schedules returns every schedule, oldest first.
func (s *Store) Schedules(ctx context.Context) ([]core.Schedule, error) {
	var rows []scheduleRow
	if err := s.read.WithContext(ctx).Order("created, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list schedules: %w", explain(s.name, err))
	}
	list := make([]core.Schedule, len(rows))
	for i, r := range rows {
		list[i] = r.schedule()
	}
	return list, nil
}

// Overdue returns how many schedules were due before a moment and have not begun.
func (s *Store) Overdue(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&scheduleRow{}).Where("enabled and next < ?", stamp(before)).Count(&n).Error
	return n, explain(s.name, err)
}

// ClaimSchedule moves a schedule on to its next time and reports whether this
// caller is the one who did: whoever claims a run carries it out.
func (s *Store) ClaimSchedule(ctx context.Context, id string, was, next time.Time) (bool, error) {
	r := s.write.WithContext(ctx).Model(&scheduleRow{}).
		Where("id = ? and next = ? and enabled", id, stamp(was)).Update("next", stamp(next))
	if r.Error != nil {
		return false, fmt.Errorf("claim schedule %s: %w", id, explain(s.name, r.Error))
	}
	return r.RowsAffected == 1, nil
}

// EndRun notes how a run of a schedule ended.
func (s *Store) EndRun(ctx context.Context, id string, at time.Time, outcome, detail string) error {
	err := s.write.WithContext(ctx).Model(&scheduleRow{}).Where("id = ?", id).
		Updates(map[string]any{"last": stamp(at), "outcome": outcome, "detail": detail}).Error
	if err != nil {
		return fmt.Errorf("note a run of schedule %s: %w", id, explain(s.name, err))
	}
	return nil
}
