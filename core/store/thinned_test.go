package store

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// longAgo writes n changes of an instance, an hour apart, with a step of the
// journal each; edit makes them what they are.
func longAgo(t *testing.T, s *Store, instance string, n int, edit func(i int, c *core.Change)) []core.Change {
	t.Helper()
	list := make([]core.Change, n)
	for i := range list {
		c := aChange(fmt.Sprintf("%s-%03d", instance, i), instance, core.Committed)
		c.Created = time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC)
		c.Finished, c.Snapshot, c.Reason = c.Created.Add(time.Minute), "before "+c.ID, "well"
		c.Plan.Diff, c.Plan.Claims = []core.Diff{{Target: ".env", After: "x"}}, []string{"PG-01"}
		c.Plan.Basis = map[string]string{"engine": "e", "change": "an older", ".env X": "fingerprint"}
		c.Before.Evidence = []core.Evidence{{Source: "log:db", Text: "FATAL"}}
		edit(i, &c)
		must(t, s.Intent(t.Context(), c, core.JournalEntry{Change: c.ID, Seq: 1, Step: "action 1: x", At: c.Created, Done: c.Finished, Outcome: "ok"}))
		list[i] = c
	}
	return list
}

// lookedAt diagnoses an instance and returns which of some changes are whole, and
// how many are not.
func lookedAt(t *testing.T, s *Store, now time.Time, changes []core.Change) (whole map[string]bool, thinned int) {
	t.Helper()
	d := core.Diagnosis{ID: core.NewID(), InstanceID: changes[0].Instance, Timestamp: now, Mode: core.Full, Status: core.Healthy}
	must(t, s.SaveDiagnosis(t.Context(), &d))
	whole = map[string]bool{}
	for _, c := range changes {
		got, err := s.Change(t.Context(), c.ID)
		must(t, err)
		steps, err := s.Journal(t.Context(), c.ID)
		must(t, err)
		if whole[c.ID] = got.Thinned.IsZero(); !whole[c.ID] {
			thinned++
			c.Plan.Actions, c.Plan.Diff, c.Before.Evidence, c.Thinned = nil, nil, nil, got.Thinned
			c.Plan.Basis = map[string]string{"engine": "e", "change": "an older"}
		}
		if !reflect.DeepEqual(got, c) || len(steps) == 1 != whole[c.ID] {
			t.Fatalf("%d steps, and\n%+v, want\n%+v", len(steps), got, c)
		}
	}
	return whole, thinned
}

// TestOldChangesKeepTheirReceipts: a few at a time, and none that somebody may
// still go back over.
func TestOldChangesKeepTheirReceipts(t *testing.T) {
	s, ctx := opened(t), t.Context()
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	changes := longAgo(t, s, "shop", KeptChanges+30, func(i int, c *core.Change) {
		switch i {
		case 1:
			c.Data = "data of one"
		case 2:
			c.State = core.RollbackFailed
		case 3:
			c.Plan.Playbook = core.CreatePlaybook
		case 5:
			c.Finished = now.Add(-KeptChangesFor)
		case 6:
			c.State = core.RolledBack
		}
	})
	must(t, s.SaveSnapshot(ctx, core.Snapshot{ID: "before shop-000", Instance: "shop", Created: now}))
	must(t, s.SaveSnapshot(ctx, core.Snapshot{ID: "data of one", Instance: "shop", Created: now}))
	must(t, s.SaveAside(ctx, core.Aside{ID: "a", Instance: "shop", Change: "shop-004", State: core.Kept, At: now, Until: now}))
	past, err := s.Past(ctx, "shop")
	must(t, err)
	open := aChange("under way", "shop", core.Applying)
	must(t, s.SaveChange(ctx, open))
	if _, n := lookedAt(t, s, now, changes); n != 0 {
		t.Errorf("%d were thinned while a change was under way", n)
	}
	must(t, s.write.Exec("delete from changes where id = 'under way'").Error)
	for _, want := range []int{thinnedAtOnce, 24, 24} {
		whole, n := lookedAt(t, s, now, changes)
		if n != want {
			t.Fatalf("%d were thinned, want %d", n, want)
		}
		for i, c := range changes {
			if spared := i < 6 || i >= 30; spared && !whole[c.ID] {
				t.Errorf("%s was thinned", c.ID)
			}
		}
	}
	if again, err := s.Past(ctx, "shop"); err != nil || !reflect.DeepEqual(again, past) {
		t.Errorf("the record of playbooks is another: %v", err)
	}
	must(t, s.ForgetSnapshots(ctx, "before shop-000", "data of one"))
	if whole, n := lookedAt(t, s, now.Add(time.Minute), changes); n != 27 || whole["shop-000"] || whole["shop-001"] || whole["shop-005"] {
		t.Errorf("without their snapshots, and a minute older, %d are thinned", n)
	}
}

// TestThinningIsOfOneInstance: another has its own newest.
func TestThinningIsOfOneInstance(t *testing.T) {
	s, now := opened(t), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	few := longAgo(t, s, "blog", 3, func(int, *core.Change) {})
	many := longAgo(t, s, "shop", KeptChanges+2, func(int, *core.Change) {})
	if _, n := lookedAt(t, s, now, many); n != 2 {
		t.Errorf("%d were thinned", n)
	}
	if _, n := lookedAt(t, s, now, few); n != 0 {
		t.Errorf("%d of another were thinned", n)
	}
}
