package store

import (
	"slices"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/autonomy"
)

func TestAutonomyIsWrittenDown(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	p := autonomy.Policy{Instance: "shop", Playbook: "restart-auth", Source: "v1", After: 3, Cooldown: time.Hour, PerHour: 2, Actor: "cli:ana", At: time.Now().UTC().Truncate(time.Microsecond)}
	if err := s.Allow(ctx, autonomy.Policy{Instance: "shop", Playbook: "x"}); core.CodeOf(err) != core.Invalid {
		t.Errorf("a policy without limits: %v", err)
	}
	if err := s.Allow(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := s.Suspend(ctx, p, "change c ended rolled_back"); err != nil {
		t.Fatal(err)
	}
	p.Suspended = "change c ended rolled_back"
	if list, err := s.Policies(ctx, "shop"); err != nil || !slices.Equal(list, []autonomy.Policy{p}) {
		t.Errorf("%+v, %v", list, err)
	}
	p.Suspended = ""
	if err := s.Allow(ctx, p); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Policies(ctx, ""); err != nil || list[0].Suspended != "" {
		t.Errorf("allowed again: %+v, %v", list, err)
	}
	if err := s.Forbid(ctx, "shop", "restart-auth", "cli:ana"); err != nil {
		t.Fatal(err)
	}
	if err := s.Forbid(ctx, "shop", "restart-auth", "cli:ana"); core.CodeOf(err) != core.NotFound {
		t.Errorf("twice: %v", err)
	}
	audit, err := s.Audit(ctx, 10)
	var actions []string
	for _, e := range audit {
		actions = append(actions, e.Action)
	}
	if err != nil || !slices.Equal(actions, []string{"playbook.forbid", "playbook.allow", "playbook.suspend", "playbook.allow"}) {
		t.Errorf("%q, %v", actions, err)
	}
}

func TestPastKnowsWhatWasUndone(t *testing.T) {
	s := opened(t)
	save := func(id, playbook, actor string, state core.ChangeState, basis map[string]string) {
		c := core.Change{ID: id, Instance: "shop", Actor: actor, State: state, Created: time.Now(), Plan: core.Plan{Instance: "shop", Playbook: playbook, Basis: basis}}
		if err := s.SaveChange(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	save("a", "restart-auth", "cli:ana", core.Committed, nil)
	save("b", "restart-auth", "auto:restart-auth", core.Committed, nil)
	save("c", "undo", "cli:ana", core.Committed, map[string]string{"change": "b"})
	save("d", "restart-auth", "cli:ana", core.RolledBack, nil)
	past, err := s.Past(t.Context(), "shop")
	if err != nil || len(past) != 4 || past[0].Undone || !past[1].Undone || !past[1].Automatic() || past[3].State != core.RolledBack {
		t.Fatalf("%+v, %v", past, err)
	}
	if r := autonomy.Tell("restart-auth", past); r != (autonomy.Record{Applied: 1, RolledBack: 2}) {
		t.Errorf("%+v", r)
	}
}

func TestTheStopIsOneAndStays(t *testing.T) {
	s := opened(t)
	for _, title := range []string{"four are ill", "five are ill"} {
		if err := s.Stop(t.Context(), core.Finding{Code: autonomy.StormCode, Title: title}); err != nil {
			t.Fatal(err)
		}
	}
	if why, err := s.Stopped(t.Context()); err != nil || why == "" || !slices.Contains([]string{why[len(why)-12:]}, "four are ill") {
		t.Errorf("%q, %v", why, err)
	}
	if err := s.Resume(t.Context(), "cli:ana"); err != nil {
		t.Fatal(err)
	}
	if why, err := s.Stopped(t.Context()); err != nil || why != "" {
		t.Errorf("%q, %v", why, err)
	}
	if err := s.Resume(t.Context(), "cli:ana"); core.CodeOf(err) != core.NotFound {
		t.Errorf("twice: %v", err)
	}
}

func TestIllIsTheLastDiagnosis(t *testing.T) {
	s := opened(t)
	save := func(instance string, ago time.Duration, status core.Status) {
		d := &core.Diagnosis{ID: core.NewID(), InstanceID: instance, Timestamp: time.Now().Add(-ago), Mode: core.Full, Trigger: core.BySchedule, Status: status}
		if err := s.SaveDiagnosis(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	save("shop", 10*time.Minute, core.Unhealthy)
	save("blog", 10*time.Minute, core.Unhealthy)
	save("blog", time.Minute, core.Healthy)
	save("old", 2*time.Hour, core.Unhealthy)
	save("dark", time.Minute, core.Unknown)
	if ill, err := s.Ill(t.Context()); err != nil || !slices.Equal(ill, []string{"shop"}) {
		t.Errorf("%v, %v", ill, err)
	}
}
