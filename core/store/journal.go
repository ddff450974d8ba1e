package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type journalRow struct {
	ChangeID string `gorm:"primaryKey"`
	Seq      int    `gorm:"primaryKey;autoIncrement:false"`
	Step     string
	At       time.Time
	Done     *time.Time
	Outcome  string
}

func (journalRow) TableName() string { return "journal" }

// Intent writes down a step before it is taken, with the change as it is now.
// It is on the disk when Intent returns.
func (s *Store) Intent(ctx context.Context, c core.Change, e core.JournalEntry) error {
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		if err := saveChange(tx, c); err != nil {
			return err
		}
		return tx.Create(&journalRow{
			ChangeID: e.Change, Seq: e.Seq, Step: e.Step, At: stamp(e.At), Done: stampOrNull(e.Done), Outcome: e.Outcome,
		}).Error
	})
	if err != nil {
		return fmt.Errorf("write %q to the journal: %w", e.Step, s.explain(err))
	}
	return nil
}

// Outcome writes down how the step ended, with the change as it is now.
func (s *Store) Outcome(ctx context.Context, c core.Change, e core.JournalEntry) error {
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		if err := saveChange(tx, c); err != nil {
			return err
		}
		r := tx.Model(&journalRow{}).Where("change_id = ? and seq = ?", e.Change, e.Seq).
			Updates(map[string]any{"done": stampOrNull(e.Done), "outcome": e.Outcome})
		if r.Error == nil && r.RowsAffected != 1 {
			return core.Errorf(core.NotFound, "the journal has no step %d of change %s", e.Seq, e.Change)
		}
		return r.Error
	})
	if err != nil {
		return fmt.Errorf("write the outcome of %q to the journal: %w", e.Step, s.explain(err))
	}
	return nil
}

// Journal returns the steps of a change in order.
func (s *Store) Journal(ctx context.Context, change string) ([]core.JournalEntry, error) {
	var rows []journalRow
	if err := s.read.WithContext(ctx).Where("change_id = ?", change).Order("seq").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the journal of change %s: %w", change, s.explain(err))
	}
	entries := make([]core.JournalEntry, len(rows))
	for i, r := range rows {
		entries[i] = core.JournalEntry{
			Change: r.ChangeID, Seq: r.Seq, Step: r.Step, At: r.At.UTC(), Done: timeOrZero(r.Done), Outcome: r.Outcome,
		}
	}
	return entries, nil
}
