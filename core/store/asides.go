package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

type asideRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	ChangeID string
	Path     string
	Service  core.Service
	Mount    string
	Why      string
	Root     string
	Origin   string
	Place    string
	Refill   bool
	Size     int64
	State    core.AsideState
	At       time.Time
	Until    time.Time
	Kind     core.AsideKind
	Snapshot string
}

func (asideRow) TableName() string { return "asides" }

func (r asideRow) aside() core.Aside {
	return core.Aside{
		ID: r.ID, Kind: r.Kind, Snapshot: r.Snapshot, Instance: r.Instance, Change: r.ChangeID, Path: r.Path, Service: r.Service, Mount: r.Mount, Why: r.Why,
		Root: r.Root, Origin: r.Origin, Place: r.Place, Refill: r.Refill, Size: r.Size, State: r.State, At: r.At.UTC(), Until: r.Until.UTC(),
	}
}

// SaveAside stores what is in quarantine, together with audit entries, all or
// nothing. When it is back and files tell of a release since, the instance is of that.
func (s *Store) SaveAside(ctx context.Context, a core.Aside, entries ...core.AuditEntry) error {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	var h *Head
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		row := asideRow{a.ID, a.Instance, a.Change, a.Path, a.Service, a.Mount, a.Why, a.Root, a.Origin, a.Place, a.Refill, a.Size, a.State, stamp(a.At), stamp(a.Until), a.Kind, a.Snapshot}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return err
		}
		if a.State == core.Restored && a.Release != "" {
			if err := booked(tx, a.Instance, a.Release); err != nil {
				return err
			}
		}
		var err error
		h, err = s.append(tx, entries)
		return err
	})
	if err != nil {
		return fmt.Errorf("enter %s in the list of the quarantine: %w", a.ID, s.explain(err))
	}
	s.keepHead(h)
	return nil
}

// Aside returns what is, or was, in quarantine under an ID; a missing one is
// core.NotFound.
func (s *Store) Aside(ctx context.Context, id string) (core.Aside, error) {
	r, err := take[asideRow](ctx, s, "entry of the quarantine", id)
	return r.aside(), err
}

// AsidesOf lists what a change set aside, in order.
func (s *Store) AsidesOf(ctx context.Context, change string) ([]core.Aside, error) {
	return s.asides(s.read.WithContext(ctx).Where("change_id = ?", change).Order("at, id"))
}

// Quarantine lists what is in quarantine, of one instance or, without one, of
// all, oldest first.
func (s *Store) Quarantine(ctx context.Context, instance string) ([]core.Aside, error) {
	q := s.read.WithContext(ctx).Where("state = ?", core.Kept).Order("at, id")
	if instance != "" {
		q = q.Where("instance = ?", instance)
	}
	return s.asides(q)
}

func (s *Store) asides(q *gorm.DB) ([]core.Aside, error) {
	var rows []asideRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the quarantine: %w", s.explain(err))
	}
	list := make([]core.Aside, len(rows))
	for i, r := range rows {
		list[i] = r.aside()
	}
	return list, nil
}
