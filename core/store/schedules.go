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
	Begun   *time.Time // when the run under way was due
	MadeUp  bool       // that run, or the one that is due, makes up for one that was cut off
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

// SaveSchedule stores a schedule, new or changed. A run under way is of what it
// was before, and is not made up for.
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
		return nil, fmt.Errorf("list schedules: %w", s.explain(err))
	}
	list := make([]core.Schedule, len(rows))
	for i, r := range rows {
		list[i] = r.schedule()
	}
	return list, nil
}

// Overdue returns how many schedules should have begun before a moment, however
// much later than its time each may, and have not.
func (s *Store) Overdue(ctx context.Context, before time.Time) (int64, error) {
	var rows []scheduleRow
	err := s.read.WithContext(ctx).Select("next", "jitter").Where("enabled and next < ?", stamp(before)).Find(&rows).Error
	n := int64(0)
	for _, r := range rows {
		if r.Next.Add(time.Duration(r.Jitter) * time.Second).Before(before) {
			n++
		}
	}
	return n, s.explain(err)
}

// ClaimSchedule moves a schedule on to its next time, notes that its run is under
// way, and reports whether this caller is the one who did: whoever claims a run
// carries it out.
func (s *Store) ClaimSchedule(ctx context.Context, id string, was, next time.Time) (bool, error) {
	return s.moveSchedule(ctx, id, was, map[string]any{"next": stamp(next), "begun": stamp(was)})
}

// MoveSchedule moves a schedule on to another time and begins nothing.
func (s *Store) MoveSchedule(ctx context.Context, id string, was, next time.Time) (bool, error) {
	return s.moveSchedule(ctx, id, was, map[string]any{"next": stamp(next)})
}

// GiveBackRun makes a claimed run due again, as if nobody had begun it.
func (s *Store) GiveBackRun(ctx context.Context, id string, next, due time.Time) (bool, error) {
	return s.moveSchedule(ctx, id, next, map[string]any{"next": stamp(due), "begun": nil})
}

func (s *Store) moveSchedule(ctx context.Context, id string, was time.Time, to map[string]any) (bool, error) {
	r := s.write.WithContext(ctx).Model(&scheduleRow{}).Where("id = ? and next = ? and enabled", id, stamp(was)).Updates(to)
	if r.Error != nil {
		return false, fmt.Errorf("move schedule %s: %w", id, s.explain(r.Error))
	}
	return r.RowsAffected == 1, nil
}

// CutRuns makes the runs due that an agent was killed in, and returns how many these
// are. One that made up for another is not made up for again: it may be why the
// agent ended. It is for the start, while nothing is under way.
func (s *Store) CutRuns(ctx context.Context) (n int64, err error) {
	err = s.transaction(ctx, func(tx *gorm.DB) error {
		if err := tx.Model(&scheduleRow{}).Where("begun is not null and made_up").Updates(map[string]any{"begun": nil, "made_up": false}).Error; err != nil {
			return err
		}
		r := tx.Model(&scheduleRow{}).Where("begun is not null and enabled").Updates(map[string]any{"next": gorm.Expr("begun"), "begun": nil, "made_up": true})
		n = r.RowsAffected
		return r.Error
	})
	if err != nil {
		return 0, fmt.Errorf("look for runs that were cut off: %w", s.explain(err))
	}
	return n, nil
}

// EndRun notes how the run of a schedule that was due at a moment ended. What is noted
// of another one that is under way stays.
func (s *Store) EndRun(ctx context.Context, id string, due, at time.Time, outcome, detail string) error {
	err := s.transaction(ctx, func(tx *gorm.DB) error {
		r := tx.Model(&scheduleRow{}).Where("id = ?", id).Updates(map[string]any{"last": stamp(at), "outcome": outcome, "detail": detail})
		if r.Error != nil {
			return r.Error
		}
		return tx.Model(&scheduleRow{}).Where("id = ? and begun = ?", id, stamp(due)).Updates(map[string]any{"begun": nil, "made_up": false}).Error
	})
	if err != nil {
		return fmt.Errorf("note a run of schedule %s: %w", id, s.explain(err))
	}
	return nil
}
