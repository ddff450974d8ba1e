package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

// changeRow is a core.Change as the table changes holds it.
type changeRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	Actor    string
	State    core.ChangeState
	Step     int
	Snapshot string
	Data     string `gorm:"column:data_snapshot"`
	Reason   string
	Plan     core.Plan    `gorm:"serializer:json"`
	Before   core.Outlook `gorm:"serializer:json"`
	After    core.Outlook `gorm:"serializer:json"`
	Created  time.Time
	Finished *time.Time
	Thinned  *time.Time
}

func (changeRow) TableName() string { return "changes" }

func rowOf(c core.Change) changeRow {
	return changeRow{
		ID: c.ID, Instance: c.Instance, Actor: c.Actor, State: c.State, Step: c.Step, Snapshot: c.Snapshot, Data: c.Data, Reason: c.Reason,
		Plan: c.Plan, Before: c.Before, After: c.After, Created: stamp(c.Created), Finished: stampOrNull(c.Finished), Thinned: stampOrNull(c.Thinned),
	}
}

func (r changeRow) change() core.Change {
	return core.Change{
		ID: r.ID, Instance: r.Instance, Actor: r.Actor, State: r.State, Step: r.Step, Snapshot: r.Snapshot, Data: r.Data, Reason: r.Reason,
		Plan: r.Plan, Before: r.Before, After: r.After, Created: r.Created.UTC(), Finished: timeOrZero(r.Finished), Thinned: timeOrZero(r.Thinned),
	}
}

// stamp cuts t to what every database keeps, so that what is read equals what
// was written.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func stampOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = stamp(t)
	return &t
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// ended are the states in which a change holds its instance no longer, or does
// not hold it yet.
var ended = []core.ChangeState{core.Planned, core.Committed, core.RolledBack, core.RollbackFailed}

// SaveChange stores c together with audit entries, all or nothing: when the
// entries cannot be written, neither is the change. A second change of an
// instance while one is under way is a core.Conflict that names the first.
func (s *Store) SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	var h *Head
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		if err := saveChange(tx, c); err != nil {
			return err
		}
		if err := settle(tx, c); err != nil {
			return err
		}
		var err error
		h, err = s.append(tx, entries)
		return err
	})
	if isDuplicate(err) {
		return s.underWay(ctx, c, err)
	}
	if err != nil {
		return fmt.Errorf("save change %s: %w", c.ID, s.explain(err))
	}
	s.keepHead(h)
	return nil
}

func saveChange(tx *gorm.DB, c core.Change) error {
	row := rowOf(c)
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, UpdateAll: true}).Create(&row).Error
}

// underWay says which change holds the instance.
func (s *Store) underWay(ctx context.Context, c core.Change, cause error) error {
	var r changeRow
	err := s.read.WithContext(ctx).Select("id").Take(&r, "instance = ? and state not in ? and id <> ?", c.Instance, ended, c.ID).Error
	if err != nil {
		return fmt.Errorf("save change %s: %w", c.ID, errors.Join(cause, err))
	}
	return core.Errorf(core.Conflict, "change %s is under way on %s", r.ID, c.Instance)
}

// Change returns the change id; a missing one is core.NotFound.
func (s *Store) Change(ctx context.Context, id string) (core.Change, error) {
	r, err := take[changeRow](ctx, s, "change", id)
	return r.change(), err
}

// Changes returns the last changes of an instance, newest first. An empty
// instance means all; a limit of 0 means no limit.
func (s *Store) Changes(ctx context.Context, instance string, limit int) ([]core.Change, error) {
	q := s.read.WithContext(ctx).Order("created desc, id desc")
	if instance != "" {
		q = q.Where("instance = ?", instance)
	}
	if limit > 0 {
		q = q.Limit(limit)
	}
	return s.list(q)
}

// Unfinished returns the changes that are under way, or were when the agent
// died, oldest first.
func (s *Store) Unfinished(ctx context.Context) ([]core.Change, error) {
	return s.list(s.read.WithContext(ctx).Where("state not in ?", ended).Order("created, id"))
}

func (s *Store) list(q *gorm.DB) ([]core.Change, error) {
	var rows []changeRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list changes: %w", s.explain(err))
	}
	changes := make([]core.Change, len(rows))
	for i, r := range rows {
		changes[i] = r.change()
	}
	return changes, nil
}
