package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func aUser(name string, grants map[string]core.Role) core.User {
	return core.User{ID: core.NewID(), Name: name, Created: time.Now(), Grants: grants}
}

func TestUsersAndTheLastAdmin(t *testing.T) {
	s, ctx := opened(t), t.Context()
	ana := aUser("ana", map[string]core.Role{"*": core.Admin})
	bob := aUser("bob", map[string]core.Role{"shop": core.Viewer})
	for _, u := range []core.User{ana, bob} {
		if err := s.AddUser(ctx, u, "hash of "+u.Name, anEntry("user.add")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddUser(ctx, aUser("ANA", nil), "x", anEntry("user.add")); core.CodeOf(err) != core.Conflict {
		t.Errorf("a name that differs by case alone: %v", err)
	}
	got, hash, err := s.UserByName(ctx, "Bob")
	if err != nil || hash != "hash of bob" || got.RoleOn("shop") != core.Viewer || got.RoleOn("other") != "" {
		t.Errorf("%+v %q %v", got, hash, err)
	}
	for name, do := range map[string]func() error{
		"removed":        func() error { return s.RemoveUser(ctx, ana.ID, anEntry("user.remove")) },
		"disabled":       func() error { return s.DisableUser(ctx, ana.ID, true, anEntry("user.disable")) },
		"made less":      func() error { return s.Grant(ctx, ana.ID, "*", core.Viewer, anEntry("grant")) },
		"stripped of it": func() error { return s.Grant(ctx, ana.ID, "*", "", anEntry("grant")) },
	} {
		if err := do(); core.CodeOf(err) != core.Conflict {
			t.Errorf("the last admin was %s: %v", name, err)
		}
	}
	if u, err := s.User(ctx, ana.ID); err != nil || u.Disabled || u.RoleOn("x") != core.Admin {
		t.Errorf("ana is %+v, %v", u, err)
	}
	if head, err := s.Verify(ctx); err != nil || head.Seq != 2 {
		t.Errorf("what was refused left no entry: %+v, %v", head, err)
	}
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	s, ctx, now := opened(t), t.Context(), time.Now()
	ana := aUser("ana", map[string]core.Role{"*": core.Admin})
	if err := s.AddUser(ctx, ana, "old", anEntry("user.add")); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"this", "other"} {
		if err := s.AddSession(ctx, Session{ID: id, UserID: ana.ID, Kind: "cookie", Created: now, Expires: now.Add(time.Hour)}, anEntry("login")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetPassword(ctx, ana.ID, "new", "this", anEntry("password")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(ctx, "this", now); err != nil {
		t.Error(err)
	}
	if _, err := s.Session(ctx, "other", now); core.CodeOf(err) != core.NotFound {
		t.Errorf("other: %v", err)
	}
	for name, at := range map[string]time.Time{"after its end": now.Add(2 * time.Hour), "long before its begin": now.Add(-2 * time.Hour)} {
		if _, err := s.Session(ctx, "this", at); core.CodeOf(err) != core.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestALoginIsProvenAndNotLonger wants a proof to change when it was given, and to bring
// no login back.
func TestALoginIsProvenAndNotLonger(t *testing.T) {
	s, ctx, now := opened(t), t.Context(), stamp(time.Now())
	ana := aUser("ana", map[string]core.Role{"*": core.Admin})
	must(t, s.AddUser(ctx, ana, "hash", anEntry("user.add")))
	for _, id := range []string{"this", "ended"} {
		must(t, s.AddSession(ctx, Session{ID: id, UserID: ana.ID, Kind: "cookie", Created: now, Expires: now.Add(time.Hour)}, anEntry("login")))
	}
	must(t, s.EndSession(ctx, "ended", anEntry("logout")))
	if n, err := s.Session(ctx, "this", now); err != nil || !n.Proved.Equal(now) {
		t.Errorf("a login is no proof: %+v, %v", n, err)
	}
	later := now.Add(30 * time.Minute)
	must(t, s.ProveSession(ctx, "this", later, anEntry("login.proof")))
	if n, err := s.Session(ctx, "this", later); err != nil || !n.Proved.Equal(later) || !n.Created.Equal(now) || !n.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("proven it is %+v, %v", n, err)
	}
	for id, at := range map[string]time.Time{"ended": now, "this": now.Add(2 * time.Hour)} {
		if err := s.ProveSession(ctx, id, at, anEntry("login.proof")); core.CodeOf(err) != core.NotFound {
			t.Errorf("%s at %s: %v", id, at, err)
		}
		if _, err := s.Session(ctx, id, at); core.CodeOf(err) != core.NotFound {
			t.Errorf("%s is back: %v", id, err)
		}
	}
}

func TestScheduleIsClaimedOnce(t *testing.T) {
	s, ctx := opened(t), t.Context()
	next := time.Now().Add(time.Minute)
	c := core.Schedule{ID: "s1", Instance: "shop", Kind: core.ScheduleDiagnose, Spec: "@hourly", Zone: "UTC", Enabled: true, Owner: "u", Created: time.Now(), Next: next}
	if err := s.SaveSchedule(ctx, c, anEntry("schedule.save")); err != nil {
		t.Fatal(err)
	}
	won := 0
	for range 3 {
		mine, err := s.ClaimSchedule(ctx, "s1", next, next.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if mine {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d claimed the same run", won)
	}
}

func TestOverdueLeavesOutWhatMayComeLater(t *testing.T) {
	s, ctx, now := opened(t), t.Context(), time.Now()
	for id, c := range map[string]core.Schedule{
		"late": {Enabled: true, Next: now.Add(-time.Minute)}, "may be later": {Enabled: true, Next: now.Add(-time.Minute), Jitter: 600},
		"later than it may": {Enabled: true, Next: now.Add(-time.Hour), Jitter: 600}, "off": {Next: now.Add(-time.Minute)}, "to come": {Enabled: true, Next: now.Add(time.Minute)},
	} {
		c.ID, c.Instance, c.Kind, c.Spec, c.Zone, c.Created = id, "shop", core.ScheduleDiagnose, "@hourly", "UTC", now
		if err := s.SaveSchedule(ctx, c, anEntry("schedule.save")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Overdue(ctx, now); err != nil || n != 2 {
		t.Errorf("%d are overdue, want 2: %v", n, err)
	}
}

func TestOldDiagnosesBecomeDays(t *testing.T) {
	s, ctx := opened(t), t.Context()
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const n = KeptDiagnoses + 48
	for i := range n {
		d := core.Diagnosis{ID: fmt.Sprintf("d%03d", i), InstanceID: "shop", Timestamp: begin.Add(time.Duration(i) * time.Hour), Mode: core.Full, Status: core.Healthy, RootCauses: []string{}}
		if i%4 == 0 {
			d.Status, d.RootCauses = core.Unhealthy, []string{"PG-01"}
		}
		if err := s.SaveDiagnosis(ctx, &d); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Diagnoses(ctx, "shop", 1000)
	if err != nil || len(list) != KeptDiagnoses || list[0].ID != fmt.Sprintf("d%03d", n-1) {
		t.Fatalf("%d diagnoses, %v", len(list), err)
	}
	days, err := s.Trend(ctx, "shop", begin, begin.Add(n*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	runs, codes := 0, 0
	for _, d := range days {
		runs, codes = runs+d.Runs, codes+d.Codes["PG-01"]
	}
	percent, _ := core.Uptime(days)
	if runs != n || codes != n/4 || percent != 75 {
		t.Errorf("%d runs, %d codes, uptime %v: %+v", runs, codes, percent, days)
	}
}
