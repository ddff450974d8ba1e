package store

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestChangeComesBackAsItWas(t *testing.T) {
	s := opened(t)
	c := aChange("c1", "shop", core.Applying)
	if err := s.SaveChange(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.State, c.Snapshot, c.Finished, c.Reason = core.Committed, "s1", c.Created.Add(time.Second), "why"
	if err := s.SaveChange(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := s.Change(t.Context(), "c1")
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, c)
	}
	if _, err := s.Change(t.Context(), "none"); core.CodeOf(err) != core.NotFound {
		t.Errorf("a missing change: %v", err)
	}
}

// TestReleaseFollowsTheChange: the books name the release of a change once that is
// committed, and not before.
func TestReleaseFollowsTheChange(t *testing.T) {
	s := opened(t)
	if err := s.AddInstance(t.Context(), core.Instance{ID: "shop", Project: "shop", Origin: core.Created, Mode: core.Control, Release: "0.8.1"}, anEntry("instance.register")); err != nil {
		t.Fatal(err)
	}
	c := aChange("c1", "shop", core.Applying)
	c.Plan.Release = &core.Move{From: "0.8.1", To: "0.6.0"}
	back := aChange("c2", "shop", core.RolledBack)
	back.Plan.Release = &core.Move{From: "0.6.0", To: "0.7.0"}
	stranger := aChange("c3", "blog", core.Committed) // which the books do not have
	stranger.Plan.Release = back.Plan.Release
	ended := c
	ended.State = core.Committed
	for _, step := range []struct {
		change core.Change
		want   string
	}{{c, "0.8.1"}, {ended, "0.6.0"}, {back, "0.6.0"}, {stranger, "0.6.0"}} {
		if err := s.SaveChange(t.Context(), step.change); err != nil {
			t.Fatal(err)
		}
		if i, err := s.Instance(t.Context(), "shop"); err != nil || i.Release != step.want {
			t.Errorf("change %s is %s: the release is %q, %v; want %s", step.change.ID, step.change.State, i.Release, err, step.want)
		}
	}
}

func TestOneChangeAtATimePerInstance(t *testing.T) {
	s := opened(t)
	for _, c := range []core.Change{
		aChange("old", "shop", core.Committed), aChange("first", "shop", core.Approved), aChange("other", "blog", core.Applying),
	} {
		if err := s.SaveChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	err := s.SaveChange(t.Context(), aChange("second", "shop", core.Approved), anEntry("change.apply"))
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "change first is under way") {
		t.Errorf("second change: %v", err)
	}
	if audit, err := s.Audit(t.Context(), 0); err != nil || len(audit) != 0 {
		t.Errorf("the refused change left audit entries %v, %v", audit, err)
	}
	open, err := s.Unfinished(t.Context())
	if err != nil || len(open) != 2 {
		t.Errorf("unfinished: %v, %v", open, err)
	}
	list, err := s.Changes(t.Context(), "shop", 1)
	if err != nil || len(list) != 1 {
		t.Errorf("changes: %v, %v", list, err)
	}
}

func TestNoAuditNoChange(t *testing.T) {
	s := opened(t)
	refuse := "create trigger refuse before insert on audit begin select raise(abort, 'no'); end"
	if s.with == &onPostgres {
		refuse = "create trigger refuse before insert on audit for each row execute function refuse_change_of_audit()"
	}
	if err := s.write.Exec(refuse).Error; err != nil {
		t.Fatal(err)
	}
	if err := s.SaveChange(t.Context(), aChange("c1", "shop", core.Approved), anEntry("change.apply")); err == nil {
		t.Fatal("the change was saved without its audit entry")
	}
	if _, err := s.Change(t.Context(), "c1"); core.CodeOf(err) != core.NotFound {
		t.Errorf("the change is there: %v", err)
	}
}

func TestJournal(t *testing.T) {
	s := opened(t)
	c := aChange("c1", "shop", core.Approved)
	if err := s.SaveChange(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	e := core.JournalEntry{Change: "c1", Seq: 1, Step: "snapshot", At: c.Created}
	c.State = core.Snapshotting
	if err := s.Intent(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if err := s.Intent(t.Context(), c, e); err == nil {
		t.Error("one step was written twice")
	}
	e.Done, e.Outcome = c.Created.Add(time.Second), "ok"
	c.Snapshot = "s1"
	if err := s.Outcome(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if err := s.Outcome(t.Context(), c, core.JournalEntry{Change: "c1", Seq: 7}); core.CodeOf(err) != core.NotFound {
		t.Errorf("outcome without an intent: %v", err)
	}
	got, err := s.Journal(t.Context(), "c1")
	if err != nil || !reflect.DeepEqual(got, []core.JournalEntry{e}) {
		t.Errorf("journal %+v, %v", got, err)
	}
	if saved, err := s.Change(t.Context(), "c1"); err != nil || saved.Snapshot != "s1" || saved.State != core.Snapshotting {
		t.Errorf("the change beside the journal: %+v, %v", saved, err)
	}
}

func TestNeededSnapshots(t *testing.T) {
	s := opened(t)
	for i, c := range []core.Change{
		aChange("undone", "shop", core.Committed), aChange("last", "shop", core.Committed), aChange("back", "shop", core.RolledBack),
		aChange("broken", "shop", core.RollbackFailed), aChange("open", "shop", core.Applying), aChange("blog", "blog", core.Applying),
	} {
		c.Snapshot, c.Created = "s-"+c.ID, c.Created.Add(time.Duration(i)*time.Minute)
		if err := s.SaveChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveSnapshot(t.Context(), core.Snapshot{ID: c.Snapshot, Instance: c.Instance, Created: c.Created}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.NeededSnapshots(t.Context(), "shop")
	if want := map[string]bool{"s-last": true, "s-broken": true, "s-open": true}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("needed %v, %v; want %v", got, err, want)
	}
	if err := s.ForgetSnapshots(t.Context(), "s-undone", "s-back"); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Snapshots(t.Context(), "shop"); err != nil || len(list) != 3 || list[0].ID != "s-open" {
		t.Errorf("snapshots %v, %v", list, err)
	}
	if _, err := s.Snapshot(t.Context(), "s-back"); core.CodeOf(err) != core.NotFound {
		t.Errorf("a forgotten snapshot: %v", err)
	}
}

// TestReleaseFollowsWhatComesBack: the books name the release that the files tell of
// once a person took them out of quarantine.
func TestReleaseFollowsWhatComesBack(t *testing.T) {
	s := opened(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.AddInstance(t.Context(), core.Instance{ID: "shop", Project: "shop", Origin: core.Created, Mode: core.Control, Release: "0.8.1"}, anEntry("instance.register")))
	for _, step := range []struct {
		state         core.AsideState
		release, want string
	}{{core.Kept, "0.6.0", "0.8.1"}, {core.Restored, "", "0.8.1"}, {core.Restored, "0.6.0", "0.6.0"}} {
		must(s.SaveAside(t.Context(), core.Aside{ID: "c1-1", Instance: "shop", State: step.state, Release: step.release}))
		if i, err := s.Instance(t.Context(), "shop"); err != nil || i.Release != step.want {
			t.Errorf("%+v: the release is %q, %v", step, i.Release, err)
		}
	}
}
