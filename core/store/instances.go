package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type instanceRow struct {
	ID      string `gorm:"primaryKey"`
	Name    string
	Project string
	Dir     string
	Files   []string `gorm:"serializer:json"`
	Origin  core.Origin
	Mode    core.Mode
	Release string
	Created time.Time
	Tags    []string `gorm:"serializer:json"`
}

func (instanceRow) TableName() string { return "instances" }

func (r instanceRow) instance() core.Instance {
	return core.Instance{ID: r.ID, Name: r.Name, Project: r.Project, Dir: r.Dir, Files: r.Files, Origin: r.Origin, Mode: r.Mode, Release: r.Release, Tags: r.Tags}
}

// AddInstance registers an instance. One that is registered already, by its ID
// or its project, is a core.Conflict.
func (s *Store) AddInstance(ctx context.Context, i core.Instance, e core.AuditEntry) error {
	err := s.audited(ctx, e, func(tx *gorm.DB) error {
		row := instanceRow{i.ID, i.Name, i.Project, i.Dir, listed(i.Files), i.Origin, i.Mode, i.Release, stamp(time.Now()), listed(i.Tags)}
		return tx.Create(&row).Error
	})
	if isDuplicate(err) {
		return core.Errorf(core.Conflict, "there is an instance %s already, or one of the project %s", i.ID, i.Project)
	}
	return err
}

// Instance returns the registered instance id; a missing one is core.NotFound.
func (s *Store) Instance(ctx context.Context, id string) (core.Instance, error) {
	r, err := take[instanceRow](ctx, s, "instance", id)
	return r.instance(), err
}

// belongings are the tables of what belongs to an instance, by what it is called.
var belongings = map[string]string{
	"change": "changes", "snapshot": "snapshots", "schedule": "schedules", "maintenance window": "windows", "entry of the quarantine": "asides",
}

// InstanceOf returns the instance that something belongs to, and reads no more of
// it; a missing one is core.NotFound.
func (s *Store) InstanceOf(ctx context.Context, what, id string) (string, error) {
	var instance string
	err := s.read.WithContext(ctx).Table(belongings[what]).Select("instance").Take(&instance, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", core.Errorf(core.NotFound, "there is no %s %s", what, id)
	}
	if err != nil {
		return "", fmt.Errorf("look whose %s %s is: %w", what, id, s.explain(err))
	}
	return instance, nil
}

// Instances returns the registered instances, ordered by ID.
func (s *Store) Instances(ctx context.Context) ([]core.Instance, error) {
	var rows []instanceRow
	if err := s.read.WithContext(ctx).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list instances: %w", s.explain(err))
	}
	list := make([]core.Instance, len(rows))
	for i, r := range rows {
		list[i] = r.instance()
	}
	return list, nil
}

// SetInstance stores the display name and the mode of an instance.
func (s *Store) SetInstance(ctx context.Context, id, name string, mode core.Mode, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Model(&instanceRow{}).Where("id = ?", id).Updates(map[string]any{"name": name, "mode": mode}), "instance", id)
	})
}

// SetTags stores all tags of an instance.
func (s *Store) SetTags(ctx context.Context, id string, tags []string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		return mustHit(tx.Model(&instanceRow{}).Where("id = ?", id).Select("tags").Updates(&instanceRow{Tags: listed(tags)}), "instance", id)
	})
}

// SetPlace stores where the files of an instance are now.
func (s *Store) SetPlace(ctx context.Context, id, dir string, files []string) error {
	row := instanceRow{Dir: dir, Files: files}
	err := s.write.WithContext(ctx).Model(&instanceRow{}).Where("id = ?", id).Select("dir", "files").Updates(&row).Error
	return s.explain(err)
}

// RemoveInstance forgets an instance, with its grants, its schedules and what was
// kept for it: its name and its ports are free. Its containers and data are not touched; its history stays.
func (s *Store) RemoveInstance(ctx context.Context, id string, e core.AuditEntry) error {
	return s.audited(ctx, e, func(tx *gorm.DB) error {
		if err := mustHit(tx.Delete(&instanceRow{}, "id = ?", id), "instance", id); err != nil {
			return err
		}
		if err := tx.Delete(&grantRow{}, "instance = ?", id).Error; err != nil {
			return err
		}
		if err := tx.Delete(&reservationRow{}, "instance = ?", id).Error; err != nil {
			return err
		}
		return tx.Delete(&scheduleRow{}, "instance = ?", id).Error
	})
}

// listed is a list that is written as one when there is nothing in it.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
