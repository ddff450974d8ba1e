package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

const (
	// KeptDiagnoses is how many diagnoses of an instance are kept whole. Of older
	// ones a row for each day remains.
	KeptDiagnoses = 100
	// keptQuick is how many are kept at most while the newest full one, which tells
	// the state, is among them: with quick ones after it, a day of one each minute.
	keptQuick = 1440
)

type diagnosisRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	At       time.Time
	Mode     core.Depth
	Cause    core.Trigger
	Status   core.Status
	Body     string
}

func (diagnosisRow) TableName() string { return "diagnoses" }

func (r diagnosisRow) diagnosis() (core.Diagnosis, error) {
	var d core.Diagnosis
	if err := json.Unmarshal([]byte(r.Body), &d); err != nil {
		return d, core.Errorf(core.Internal, "diagnosis %s cannot be read back: %v", r.ID, err)
	}
	return d, nil
}

type dayRow struct {
	Instance string `gorm:"primaryKey"`
	Day      string `gorm:"primaryKey"`
	Runs     int
	Up, Down int64
	Worst    core.Status
	Codes    map[string]int `gorm:"serializer:json"`
	Turns    int
	Falls    int
}

func (dayRow) TableName() string { return "diagnosis_days" }

// SaveDiagnosis stores a diagnosis and thins out what is older than the last
// hundred of its instance, and with it the oldest changes.
func (s *Store) SaveDiagnosis(ctx context.Context, d *core.Diagnosis) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("save diagnosis %s: %w", d.ID, err)
	}
	err = s.transaction(ctx, func(tx *gorm.DB) error {
		row := diagnosisRow{d.ID, d.InstanceID, stamp(d.Timestamp), d.Mode, d.Trigger, d.Status, string(body)}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		if err := thin(tx, d.InstanceID); err != nil {
			return err
		}
		return s.thinChanges(tx, d.InstanceID, d.Timestamp)
	})
	if err != nil {
		return fmt.Errorf("save diagnosis %s: %w", d.ID, s.explain(err))
	}
	return nil
}

// thin folds the oldest diagnoses of an instance into days. The time that each
// speaks for ends with the one after it, which is still there.
func thin(tx *gorm.DB, instance string) error {
	var rows []diagnosisRow
	var recent int64 // with the newest full one
	err := tx.Model(&diagnosisRow{}).Where("instance = ? and at >= (select max(at) from diagnoses where instance = ? and mode <> 'quick')", instance, instance).Count(&recent).Error
	if err != nil {
		return err
	}
	kept := min(max(KeptDiagnoses, int(recent)), keptQuick)
	err = tx.Where("instance = ?", instance).Order("at desc, id desc").Offset(kept - 1).Find(&rows).Error
	if err != nil || len(rows) < 2 {
		return err
	}
	slices.Reverse(rows)
	list, err := outlines(rows)
	if err != nil {
		return err
	}
	end := rows[len(rows)-1].At
	var old []dayRow
	days := core.Days(list, list[0].At, end) // of the last one no more than that it came
	if err := tx.Find(&old, "instance = ? and day >= ?", instance, days[0].Day).Error; err != nil {
		return err
	}
	for _, d := range core.MergeDays(days, daysOf(old)) {
		row := dayRow{instance, d.Day, d.Runs, d.Up, d.Down, d.Worst, d.Codes, d.Turns, d.Falls}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
			return err
		}
	}
	for _, r := range rows[:len(rows)-1] {
		if err := tx.Delete(&diagnosisRow{}, "id = ?", r.ID).Error; err != nil {
			return err
		}
	}
	return nil
}

func outlines(rows []diagnosisRow) ([]core.Outline, error) {
	list := make([]core.Outline, len(rows))
	for i, r := range rows {
		var d struct { // the rest of it is much, and a report reads many
			RootCauses []string `json:"root_causes"`
		}
		if err := json.Unmarshal([]byte(r.Body), &d); err != nil {
			return nil, core.Errorf(core.Internal, "diagnosis %s cannot be read back: %v", r.ID, err)
		}
		list[i] = core.Outline{At: r.At.UTC(), Status: r.Status, Codes: d.RootCauses}
	}
	return list, nil
}

func daysOf(rows []dayRow) []core.Day {
	days := make([]core.Day, len(rows))
	for i, r := range rows {
		days[i] = core.Day{Instance: r.Instance, Day: r.Day, Runs: r.Runs, Up: r.Up, Down: r.Down, Worst: r.Worst, Codes: r.Codes, Turns: r.Turns, Falls: r.Falls}
	}
	return days
}

// Diagnoses returns the last diagnoses of an instance, newest first.
func (s *Store) Diagnoses(ctx context.Context, instance string, limit int) ([]core.Diagnosis, error) {
	var rows []diagnosisRow
	err := s.read.WithContext(ctx).Where("instance = ?", instance).Order("at desc, id desc").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list diagnoses of %s: %w", instance, s.explain(err))
	}
	list := make([]core.Diagnosis, len(rows))
	for i, r := range rows {
		if list[i], err = r.diagnosis(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Statuses returns the last statuses of an instance, oldest first, without that
// of one diagnosis.
func (s *Store) Statuses(ctx context.Context, instance, without string, limit int) ([]core.Status, error) {
	var list []core.Status
	err := s.read.WithContext(ctx).Model(&diagnosisRow{}).Where("instance = ? and id <> ?", instance, without).Order("at desc, id desc").Limit(limit).Pluck("status", &list).Error
	if err != nil {
		return nil, fmt.Errorf("read statuses of %s: %w", instance, s.explain(err))
	}
	slices.Reverse(list)
	return list, nil
}

// LastDiagnosis returns the diagnosis that tells the state of an instance: the
// newest that is full or deep, unless a quick one after it is the newest of all
// and worse. Without one it is core.NotFound.
func (s *Store) LastDiagnosis(ctx context.Context, instance string) (core.Diagnosis, error) {
	var rows []diagnosisRow
	err := s.read.WithContext(ctx).Where("id in "+fmt.Sprintf(newestOf, "@instance"), sql.Named("instance", instance)).Order("at, id").Find(&rows).Error
	if err != nil {
		return core.Diagnosis{}, fmt.Errorf("read the last diagnosis of %s: %w", instance, s.explain(err))
	}
	var last diagnosisRow
	for _, r := range rows {
		if r.Mode != core.Quick || outweighs(r.Status, last.Status) {
			last = r
		}
	}
	if last.ID == "" {
		return core.Diagnosis{}, core.Errorf(core.NotFound, "%s was not diagnosed yet", instance)
	}
	return last.diagnosis()
}

// Trend returns the days of an instance since from, up to now.
func (s *Store) Trend(ctx context.Context, instance string, from, now time.Time) ([]core.Day, error) {
	var rows []diagnosisRow
	var old []dayRow
	db := s.read.WithContext(ctx)
	if err := db.Where("instance = ?", instance).Order("at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the trend of %s: %w", instance, s.explain(err))
	}
	if err := db.Find(&old, "instance = ? and day >= ?", instance, from.UTC().Format(time.DateOnly)).Error; err != nil {
		return nil, fmt.Errorf("read the trend of %s: %w", instance, s.explain(err))
	}
	list, err := outlines(rows)
	if err != nil {
		return nil, err
	}
	return core.MergeDays(daysOf(old), core.Days(list, from, now)), nil
}
