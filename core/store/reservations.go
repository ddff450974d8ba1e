package store

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type reservationRow struct {
	Kind     string `gorm:"primaryKey"`
	Value    string `gorm:"primaryKey"`
	Instance string
	Created  time.Time
}

func (reservationRow) TableName() string { return "reservations" }

// Reserve lets choose see what is reserved and keeps what it returns for
// instance. Two at once wait for each other, so they never choose the same.
func (s *Store) Reserve(ctx context.Context, instance string, choose func(taken []core.Reservation) ([]core.Reservation, error)) error {
	return s.transaction(ctx, func(tx *gorm.DB) error {
		if err := forgetOrphans(tx); err != nil {
			return err
		}
		taken, err := reservations(tx)
		if err != nil {
			return err
		}
		chosen, err := choose(taken)
		if err != nil {
			return err
		}
		for _, r := range chosen {
			row := reservationRow{Kind: r.Kind, Value: r.Value, Instance: instance, Created: stamp(time.Now())}
			if err := tx.Create(&row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// orphaned is how old a reservation is that belongs to nothing: whoever made it
// died before the creation was written down.
const orphaned = 10 * time.Minute

func forgetOrphans(tx *gorm.DB) error {
	return tx.Where("created < ?", stamp(time.Now().Add(-orphaned))).
		Where("instance not in (?)", tx.Model(&instanceRow{}).Select("id")).
		Where("instance not in (?)", tx.Model(&changeRow{}).Select("instance").Where("finished is null")).
		Delete(&reservationRow{}).Error
}

// Reservations returns all that is reserved, also ports that a change keeps.
func (s *Store) Reservations(ctx context.Context) ([]core.Reservation, error) {
	return reservations(s.read.WithContext(ctx))
}

func reservations(db *gorm.DB) ([]core.Reservation, error) {
	var rows []reservationRow
	if err := db.Order("kind, value").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]core.Reservation, 0, len(rows))
	for _, r := range rows {
		out = append(out, core.Reservation{Kind: r.Kind, Value: r.Value, Instance: r.Instance})
	}
	var ports []portRow
	if err := db.Order("port").Find(&ports).Error; err != nil {
		return nil, err
	}
	for _, p := range ports {
		out = append(out, core.Reservation{Kind: core.PortReservation, Value: strconv.Itoa(p.Port), Instance: p.Instance})
	}
	return out, nil
}

// Release gives back all that is reserved for instance.
func (s *Store) Release(ctx context.Context, instance string) error {
	return s.write.WithContext(ctx).Where("instance = ?", instance).Delete(&reservationRow{}).Error
}
