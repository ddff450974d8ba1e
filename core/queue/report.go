package queue

import (
	"context"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// MakeReport sums up the last days of an instance.
func MakeReport(ctx context.Context, s *store.Store, instance string, days int, now time.Time) (core.HealthReport, error) {
	r := core.HealthReport{InstanceID: instance, Days: days, From: now.UTC().AddDate(0, 0, -days), To: now.UTC(), Issues: []core.Count{}, Repairs: map[string]int{}, Flapping: []core.Flap{}}
	var err error
	if r.Trend, err = s.Trend(ctx, instance, r.From, r.To); err != nil {
		return r, err
	}
	r.Sum()
	changes, err := s.Changes(ctx, instance, 0)
	if err != nil {
		return r, err
	}
	for _, c := range changes {
		if !c.Created.Before(r.From) {
			r.Repairs[string(c.State)]++
		}
	}
	snapshots, err := s.Snapshots(ctx, instance)
	for _, n := range snapshots {
		if n.Proof.Level != core.Proven {
			r.Unproven++
		}
	}
	return r, err
}

// MakeFleetReport sums up the last days of several instances.
func MakeFleetReport(ctx context.Context, s *store.Store, instances []string, days int, now time.Time) (core.FleetReport, error) {
	f := core.FleetReport{Days: days, From: now.UTC().AddDate(0, 0, -days), To: now.UTC(), Repairs: map[string]int{}, Flapping: []string{}, Instances: []core.HealthReport{}}
	for _, id := range instances {
		r, err := MakeReport(ctx, s, id, days, now)
		if err != nil {
			return f, err
		}
		f.Instances = append(f.Instances, r)
	}
	f.Sum()
	return f, nil
}
