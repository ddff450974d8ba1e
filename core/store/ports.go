package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

type portRow struct {
	Port     int `gorm:"primaryKey;autoIncrement:false"`
	Instance string
	Key      string
	ChangeID string
	At       time.Time
}

func (portRow) TableName() string { return "ports" }

// ReservePort keeps a port of the host for a variable of an instance. A port that
// another instance has is a core.Conflict. It is on the disk when ReservePort
// returns.
func (s *Store) ReservePort(ctx context.Context, change, instance, key string, port int) error {
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		var held portRow
		switch err := tx.Take(&held, "port = ?", port).Error; {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return tx.Create(&portRow{Port: port, Instance: instance, Key: key, ChangeID: change, At: stamp(time.Now())}).Error
		case err != nil:
			return err
		case held.Instance != instance:
			return core.Errorf(core.Conflict, "port %d is kept for another instance", port)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reserve port %d: %w", port, s.explain(err))
	}
	return nil
}

// ReservedPorts lists the ports that other instances than this one keep, by a
// change or since they were made.
func (s *Store) ReservedPorts(ctx context.Context, instance string) ([]int, error) {
	ports := []int{}
	err := s.read.WithContext(ctx).Raw(`select port from ports where instance <> ?
		union select cast(value as integer) from reservations where kind = ? and instance <> ? order by 1`,
		instance, core.PortReservation, instance).Scan(&ports).Error
	if err != nil {
		return nil, fmt.Errorf("list reserved ports: %w", s.explain(err))
	}
	return ports, nil
}

// ReleasePorts gives back the ports that a change reserved.
func (s *Store) ReleasePorts(ctx context.Context, change string) error {
	if err := s.write.WithContext(ctx).Delete(&portRow{}, "change_id = ?", change).Error; err != nil {
		return fmt.Errorf("release the ports of change %s: %w", change, s.explain(err))
	}
	return nil
}

type execRow struct {
	Playbook string `gorm:"primaryKey"`
	Source   string
	Actor    string
	At       time.Time
}

func (execRow) TableName() string { return "exec_permissions" }

// AllowExec lets a playbook run commands for as long as its text has this hash;
// an empty one takes the permission away.
func (s *Store) AllowExec(ctx context.Context, playbook, source, actor string) error {
	entry := core.AuditEntry{At: time.Now(), Actor: actor, Action: "playbook.allow-exec", Outcome: "ok", Detail: "playbook " + playbook + ", source " + source}
	if source == "" {
		entry.Action, entry.Detail = "playbook.forbid-exec", "playbook "+playbook
	}
	return s.audited(ctx, entry, func(tx *gorm.DB) error {
		if err := tx.Delete(&execRow{}, "playbook = ?", playbook).Error; err != nil || source == "" {
			return err
		}
		return tx.Create(&execRow{playbook, source, actor, stamp(time.Now())}).Error
	})
}

// MayExec reports whether a playbook whose text has this hash may run commands.
func (s *Store) MayExec(ctx context.Context, playbook, source string) (bool, error) {
	var n int64
	err := s.read.WithContext(ctx).Model(&execRow{}).Where("playbook = ? and source = ? and source <> ''", playbook, source).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("look up the permission of playbook %s: %w", playbook, s.explain(err))
	}
	return n == 1, nil
}
