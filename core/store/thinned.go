package store

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

const (
	// KeptChanges is how many changes of an instance are kept whole. Of older ones
	// the receipt remains, once nothing can need more.
	KeptChanges = 200
	// KeptChangesFor is how long a change is kept whole at least.
	KeptChangesFor = 90 * 24 * time.Hour

	thinnedAtOnce = 20 // so that a long past holds nobody up
)

// spent finds changes whose steps nobody can go back over. What is under way
// spares all of its instance: it may rest on an older one. A snapshot that is
// still there lets a change be undone, or a person put back by hand what it
// did; so does what it put aside. A failed rollback is a person's to mend, and
// what made an instance is asked for when that is removed.
const spent = `select * from changes c where instance = @instance and thinned is null
	and state in ('committed', 'rolled_back') and finished < @before
	and created < (select created from changes where instance = @instance order by created desc limit 1 offset @kept)
	and not exists (select 1 from changes u where u.instance = c.instance and u.state not in @ended)
	and not exists (select 1 from snapshots n where n.id in (c.snapshot, c.data_snapshot))
	and not exists (select 1 from asides a where a.change_id = c.id and a.state = 'kept')
	and %s <> @create
	order by created limit @most`

// thinChanges takes their journals, and of their plans what was done, from the
// oldest changes of an instance. Who did what, why, how it ended and how the
// instance was before and after stay, as does what reports, the record of
// playbooks and the undoing of others count by.
func (s *Store) thinChanges(tx *gorm.DB, instance string, now time.Time) error {
	var rows []changeRow
	err := tx.Raw(fmt.Sprintf(spent, fmt.Sprintf(s.with.playbook, "c")), map[string]any{
		"instance": instance, "before": stamp(now.Add(-KeptChangesFor)), "kept": KeptChanges - 1, "ended": ended,
		"create": core.CreatePlaybook, "most": thinnedAtOnce,
	}).Scan(&rows).Error
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := tx.Delete(&journalRow{}, "change_id = ?", r.ID).Error; err != nil {
			return err
		}
		r.Thinned = stampOrNull(now)
		r.Plan.Actions, r.Plan.Diff, r.Before.Evidence = nil, nil, nil
		basis := map[string]string{}
		for _, key := range []string{"change", "engine"} {
			if v, ok := r.Plan.Basis[key]; ok {
				basis[key] = v
			}
		}
		r.Plan.Basis = basis
		if err := tx.Select("plan", "before", "thinned").Updates(&r).Error; err != nil {
			return err
		}
	}
	return nil
}
