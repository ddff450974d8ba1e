package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

type healthyRow struct {
	Instance  string `gorm:"primaryKey"`
	Diagnosis string
	At        time.Time
	Features  core.Features `gorm:"serializer:json"`
}

func (healthyRow) TableName() string { return "healthy" }

// SaveBaseline notes how an instance was when it was found healthy. Of each
// instance only the last time is kept.
func (s *Store) SaveBaseline(ctx context.Context, instance string, b core.Baseline) error {
	row := healthyRow{instance, b.Diagnosis, stamp(b.At), b.Features}
	if err := s.write.WithContext(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
		return fmt.Errorf("save how %s was when healthy: %w", instance, s.explain(err))
	}
	return nil
}

// Baseline returns how an instance was when it was last found healthy; when it
// never was, that is core.NotFound.
func (s *Store) Baseline(ctx context.Context, instance string) (core.Baseline, error) {
	var rows []healthyRow
	if err := s.read.WithContext(ctx).Find(&rows, "instance = ?", instance).Error; err != nil {
		return core.Baseline{}, fmt.Errorf("read how %s was when healthy: %w", instance, s.explain(err))
	}
	if len(rows) == 0 {
		return core.Baseline{}, core.Errorf(core.NotFound, "%s was not seen healthy yet", instance)
	}
	return core.Baseline{Diagnosis: rows[0].Diagnosis, At: rows[0].At.UTC(), Features: rows[0].Features}, nil
}
