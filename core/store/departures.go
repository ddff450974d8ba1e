package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// departureRow is all that was kept of an instance when a change deleted it, so
// that undoing the change brings that back, too.
type departureRow struct {
	ChangeID string `gorm:"primaryKey"`
	Instance string
	Kept     departed `gorm:"serializer:json"`
	Returned string   // the change that brought it back
	At       time.Time
}

func (departureRow) TableName() string { return "departures" }

type departed struct {
	Instances    []instanceRow    `json:"instances"` // one, or none of a stack that was never adopted
	Grants       []grantRow       `json:"grants"`
	Schedules    []scheduleRow    `json:"schedules"`
	Reservations []reservationRow `json:"reservations"`
	Ports        []portRow        `json:"ports"`
}

// settle ends what is kept of an instance when its deletion is committed, and
// brings it back when the undoing of one is. It shares the transaction with the
// change, so that both happen or neither.
func settle(tx *gorm.DB, c core.Change) error {
	if c.State != core.Committed {
		return nil
	}
	if move := c.Plan.Release; move != nil {
		if err := booked(tx, c.Instance, move.To); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(c.Plan.Actions, func(a core.Action) bool { return a.Op == core.OpUnregister }) {
		return depart(tx, c)
	}
	undone := c.Plan.Basis["change"]
	if undone == "" || len(c.Plan.Actions) > 0 {
		return nil
	}
	var d departureRow
	switch err := tx.Take(&d, "change_id = ? and returned = ''", undone).Error; {
	case err == nil:
		return comeBack(tx, c, d)
	case !errors.Is(err, gorm.ErrRecordNotFound):
		return err
	}
	var n int64 // an undo that is undone deletes again
	if err := tx.Model(&departureRow{}).Where("returned = ?", undone).Count(&n).Error; err != nil || n == 0 {
		return err
	}
	return depart(tx, c)
}

// booked notes of which release of Supabase an instance is, if it is kept.
func booked(tx *gorm.DB, instance, release string) error {
	return tx.Model(&instanceRow{}).Where("id = ?", instance).Update("release", release).Error
}

func depart(tx *gorm.DB, c core.Change) error {
	d := departureRow{ChangeID: c.ID, Instance: c.Instance, At: stamp(c.Finished)}
	if err := tx.Find(&d.Kept.Instances, "id = ?", c.Instance).Error; err != nil {
		return err
	}
	for _, list := range []any{&d.Kept.Grants, &d.Kept.Schedules, &d.Kept.Reservations, &d.Kept.Ports} {
		if err := tx.Find(list, "instance = ?", c.Instance).Error; err != nil {
			return err
		}
		if err := tx.Delete(list, "instance = ?", c.Instance).Error; err != nil {
			return err
		}
	}
	if err := tx.Delete(&instanceRow{}, "id = ?", c.Instance).Error; err != nil {
		return err
	}
	return tx.Create(&d).Error
}

func comeBack(tx *gorm.DB, c core.Change, d departureRow) error {
	for _, list := range []any{d.Kept.Instances, d.Kept.Schedules, d.Kept.Reservations, d.Kept.Ports} {
		if err := tx.Create(list).Error; err != nil && !errors.Is(err, gorm.ErrEmptySlice) {
			return fmt.Errorf("what was kept of %s is kept for another by now: %w", d.Instance, err)
		}
	}
	for _, g := range d.Kept.Grants {
		var n int64 // who had it may be gone
		if err := tx.Model(&userRow{}).Where("id = ?", g.UserID).Count(&n).Error; err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := tx.Create(&g).Error; err != nil {
			return err
		}
	}
	return tx.Model(&d).Update("returned", c.ID).Error
}

// Departed returns an instance that was deleted and did not come back, as it was
// kept; another is core.NotFound.
func (s *Store) Departed(ctx context.Context, id string) (core.Instance, error) {
	var d departureRow
	err := s.read.WithContext(ctx).Order("at desc").Take(&d, "instance = ? and returned = ''", id).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound) || err == nil && len(d.Kept.Instances) == 0:
		return core.Instance{}, core.Errorf(core.NotFound, "no instance %s was deleted", id)
	case err != nil:
		return core.Instance{}, fmt.Errorf("look for the deleted instance %s: %w", id, s.explain(err))
	}
	return d.Kept.Instances[0].instance(), nil
}
