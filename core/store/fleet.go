package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/basewright/basewright/core"
)

// Glance is the diagnosis that tells the state of an instance, in short.
type Glance struct {
	Instance, ID string
	At           time.Time
	Mode         core.Depth
	Status       core.Status
}

// newestOf picks the diagnoses of which one tells the state of the instance %[1]s:
// the newest that is full or deep, and the newest of all. Both come off an index.
const newestOf = `((select id from diagnoses where instance = %[1]s and mode <> '` + string(core.Quick) + `' order by at desc, id desc limit 1),
	(select id from diagnoses where instance = %[1]s order by at desc, id desc limit 1))`

// outweighs reports whether a quick diagnosis tells the state of an instance after
// a full one that found was. It does when it is worse; that it is better proves
// nothing, as it looks at less.
func outweighs(quick, was core.Status) bool {
	was = cmp.Or(was, core.Unknown)
	return core.WorseStatus(was, quick) != was
}

// Glances returns what is known of every instance, by its ID. It reads no
// diagnosis whole and two rows of each at most, so that its cost does not grow
// with what is kept.
func (s *Store) Glances(ctx context.Context) (map[string]Glance, error) {
	var rows []Glance
	err := s.read.WithContext(ctx).Raw(`select d.instance, d.id, d.at, d.mode, d.status from instances i join diagnoses d on d.id in ` +
		fmt.Sprintf(newestOf, "i.id") + ` order by d.at, d.id`).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("glance at the instances: %w", s.explain(err))
	}
	all := map[string]Glance{}
	for _, g := range rows {
		if g.Mode == core.Quick && !outweighs(g.Status, all[g.Instance].Status) {
			continue
		}
		g.At = g.At.UTC()
		all[g.Instance] = g
	}
	return all, nil
}

// NewestDiagnoses returns the ID of the last diagnosis of each instance, quick
// ones, too.
func (s *Store) NewestDiagnoses(ctx context.Context) (map[string]string, error) {
	var rows []Glance
	err := s.read.WithContext(ctx).Raw(`select i.id as instance, (select id from diagnoses where instance = i.id order by at desc, id desc limit 1) as id from instances i`).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("look for the last diagnoses: %w", s.explain(err))
	}
	all := map[string]string{}
	for _, g := range rows {
		all[g.Instance] = g.ID
	}
	return all, nil
}

// Diagnosis returns the diagnosis id; one that is not kept is core.NotFound.
func (s *Store) Diagnosis(ctx context.Context, id string) (core.Diagnosis, error) {
	r, err := take[diagnosisRow](ctx, s, "diagnosis", id)
	if err != nil {
		return core.Diagnosis{}, err
	}
	return r.diagnosis()
}

// Trends returns the days of several instances since from, up to now, without
// the codes of what was found.
func (s *Store) Trends(ctx context.Context, instances []string, from, now time.Time) (map[string][]core.Day, error) {
	var rows []diagnosisRow
	var old []dayRow
	db := s.read.WithContext(ctx)
	err := db.Select("instance", "at", "status").Where("instance in ? and at >= ?", instances, from.UTC()).Order("at, id").Find(&rows).Error
	if err == nil {
		err = db.Find(&old, "instance in ? and day >= ?", instances, from.UTC().Format(time.DateOnly)).Error
	}
	if err != nil {
		return nil, fmt.Errorf("read trends: %w", s.explain(err))
	}
	looks, days := map[string][]core.Outline{}, map[string][]dayRow{}
	for _, r := range rows {
		looks[r.Instance] = append(looks[r.Instance], core.Outline{At: r.At.UTC(), Status: r.Status})
	}
	for _, r := range old {
		days[r.Instance] = append(days[r.Instance], r)
	}
	all := map[string][]core.Day{}
	for _, id := range instances {
		all[id] = core.MergeDays(daysOf(days[id]), core.Days(looks[id], from, now))
	}
	return all, nil
}

// NewestSnapshots returns when the newest snapshot of each instance was taken.
func (s *Store) NewestSnapshots(ctx context.Context) (map[string]time.Time, error) {
	var rows []snapshotRow
	err := s.read.WithContext(ctx).Raw(`select instance, created from snapshots n
		where created = (select max(created) from snapshots where instance = n.instance)`).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("look for snapshots: %w", s.explain(err))
	}
	all := map[string]time.Time{}
	for _, r := range rows {
		all[r.Instance] = r.Created.UTC()
	}
	return all, nil
}
