package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/basewright/basewright/core"
)

type snapshotRow struct {
	ID       string `gorm:"primaryKey"`
	Instance string
	Scope    core.Scope
	Reason   string
	Path     string
	Size     int64
	SHA256   string `gorm:"column:sha256"`
	Created  time.Time

	Encrypted   bool
	ProofLevel  core.ProofLevel
	ProofAt     *time.Time
	ProofRTO    time.Duration `gorm:"column:proof_rto"`
	ProofDetail string
}

func (snapshotRow) TableName() string { return "snapshots" }

func (r snapshotRow) snapshot() core.Snapshot {
	return core.Snapshot{
		ID: r.ID, Instance: r.Instance, Scope: r.Scope, Reason: r.Reason,
		Path: r.Path, Size: r.Size, SHA256: r.SHA256, Created: r.Created.UTC(), Encrypted: r.Encrypted,
		Proof: core.Proof{Level: r.ProofLevel, At: timeOrZero(r.ProofAt), RTO: core.Span(r.ProofRTO), Detail: r.ProofDetail},
	}
}

func newSnapshotRow(n core.Snapshot) snapshotRow {
	return snapshotRow{
		ID: n.ID, Instance: n.Instance, Scope: n.Scope, Reason: n.Reason, Path: n.Path, Size: n.Size, SHA256: n.SHA256,
		Created: stamp(n.Created), Encrypted: n.Encrypted,
		ProofLevel: n.Proof.Level, ProofAt: stampOrNull(n.Proof.At), ProofRTO: n.Proof.RTO.Duration(), ProofDetail: n.Proof.Detail,
	}
}

// SaveSnapshot stores that there is a snapshot.
func (s *Store) SaveSnapshot(ctx context.Context, n core.Snapshot) error {
	row := newSnapshotRow(n)
	err := s.lasting(ctx, func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
	if err != nil {
		return fmt.Errorf("save snapshot %s: %w", n.ID, s.explain(err))
	}
	return nil
}

// Snapshot returns the snapshot id; a missing one is core.NotFound.
func (s *Store) Snapshot(ctx context.Context, id string) (core.Snapshot, error) {
	r, err := take[snapshotRow](ctx, s, "snapshot", id)
	return r.snapshot(), err
}

// Snapshots returns the snapshots of an instance, or of all when it is "", newest
// first.
func (s *Store) Snapshots(ctx context.Context, instance string) ([]core.Snapshot, error) {
	var rows []snapshotRow
	q := s.read.WithContext(ctx).Order("created desc, id desc")
	if instance != "" {
		q = q.Where("instance = ?", instance)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list snapshots of %s: %w", instance, s.explain(err))
	}
	list := make([]core.Snapshot, len(rows))
	for i, r := range rows {
		list[i] = r.snapshot()
	}
	return list, nil
}

// NeededSnapshots returns the snapshots of an instance that retention must
// spare: of a change under way, of one whose rollback failed, and of the last
// committed one, which can be undone; and those beside which lies what is in
// quarantine.
func (s *Store) NeededSnapshots(ctx context.Context, instance string) (map[string]bool, error) {
	var ids []string
	err := s.read.WithContext(ctx).Raw(`
		select snapshot from changes where instance = @instance and snapshot <> ''
			and state not in ('planned', 'committed', 'rolled_back')
		union
		select data_snapshot from changes where instance = @instance and data_snapshot <> ''
			and state not in ('planned', 'committed', 'rolled_back')
		union
		select snapshot from asides where instance = @instance and kind = 'files' and state = 'kept' and snapshot <> ''
		union
		select data_snapshot from (select data_snapshot from changes where instance = @instance and state = 'committed'
			order by created desc, id desc limit 1) last where data_snapshot <> ''
		union
		select snapshot from (select snapshot from changes where instance = @instance and state = 'committed'
			order by created desc, id desc limit 1) last where snapshot <> ''`,
		map[string]any{"instance": instance}).Scan(&ids).Error
	if err != nil {
		return nil, fmt.Errorf("list needed snapshots of %s: %w", instance, s.explain(err))
	}
	needed := make(map[string]bool, len(ids))
	for _, id := range ids {
		needed[id] = true
	}
	return needed, nil
}

// ForgetSnapshots removes snapshots that retention deleted from the list.
func (s *Store) ForgetSnapshots(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.write.WithContext(ctx).Delete(&snapshotRow{}, "id in ?", ids).Error; err != nil {
		return fmt.Errorf("forget snapshots: %w", s.explain(err))
	}
	return nil
}
