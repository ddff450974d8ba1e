package store

import (
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestDepartures deletes an instance, takes that back, and takes that back, too:
// what is kept of it goes and comes with the commit, and with nothing else.
func TestDepartures(t *testing.T) {
	s := opened(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	shop := core.Instance{ID: "shop", Name: "Shop", Project: "shop", Dir: "/srv/shop", Files: []string{"/srv/shop/c.yml"}, Origin: core.Created, Mode: core.Control, Release: "0.8.1"}
	entry := core.AuditEntry{At: time.Now(), Actor: "test", Action: "x", Outcome: "ok"}
	must(s.AddInstance(ctx, shop, entry))
	must(s.SetTags(ctx, "shop", []string{"eu", "paid"}, entry))
	must(s.AddUser(ctx, core.User{ID: "u", Name: "ana", Created: time.Now(), Grants: map[string]core.Role{"shop": core.Operator}}, "$", entry))
	must(s.SaveSchedule(ctx, core.Schedule{ID: "daily", Instance: "shop", Kind: core.ScheduleDiagnose, Spec: "@daily", Zone: "UTC", Created: time.Now(), Next: time.Now()}, entry))
	must(s.Reserve(ctx, "shop", func([]core.Reservation) ([]core.Reservation, error) {
		return []core.Reservation{{Kind: core.PortReservation, Value: "8000"}, {Kind: core.SubnetReservation, Value: "10.201.0.0/24"}}, nil
	}))
	must(s.ReservePort(ctx, "earlier", "shop", "KONG_HTTP_PORT", 9000))

	change := func(id string, state core.ChangeState, p core.Plan) core.Change {
		p.Instance = "shop"
		return core.Change{ID: id, Instance: "shop", State: state, Plan: p, Created: time.Now(), Finished: time.Now()}
	}
	deletion := core.Plan{Playbook: "delete", Actions: []core.Action{{Op: core.OpRemove}, {Op: core.OpUnregister}}}
	undo := func(of string) core.Plan { return core.Plan{Playbook: "undo", Basis: map[string]string{"change": of}} }
	is := func(when string, kept bool) {
		t.Helper()
		i, err := s.Instance(ctx, "shop")
		if (err == nil) != kept || kept && (i.Dir != shop.Dir || i.Mode != core.Control || i.Release != "0.8.1" || len(i.Tags) != 2) {
			t.Errorf("%s: %+v, %v", when, i, err)
		}
		list, err := s.Reservations(ctx)
		must(err)
		u, err := s.User(ctx, "u")
		must(err)
		schedules, err := s.Schedules(ctx)
		must(err)
		want := map[bool]int{true: 1}[kept]
		if len(list) != 3*want || len(u.Grants) != want || len(schedules) != want {
			t.Errorf("%s: %+v, %+v, %+v", when, list, u.Grants, schedules)
		}
	}
	must(s.SaveChange(ctx, change("d", core.Applying, deletion)))
	is("while it is deleted", true)
	must(s.SaveChange(ctx, change("d", core.RolledBack, deletion)))
	is("when that was rolled back", true)
	must(s.SaveChange(ctx, change("d2", core.Committed, deletion)))
	is("when it was deleted", false)
	must(s.SaveChange(ctx, change("other", core.Committed, undo("an earlier change"))))
	is("when another change was undone", false)
	if i, err := s.Departed(ctx, "shop"); err != nil || i.Dir != shop.Dir {
		t.Errorf("it is not remembered: %+v, %v", i, err)
	}
	must(s.SaveChange(ctx, change("u1", core.Committed, undo("d2"))))
	is("when the deletion was undone", true)
	if _, err := s.Departed(ctx, "shop"); core.CodeOf(err) != core.NotFound {
		t.Errorf("it is remembered as gone: %v", err)
	}
	must(s.SaveChange(ctx, change("u2", core.Committed, undo("u1"))))
	is("when the undoing was undone", false)
	must(s.SaveChange(ctx, change("u3", core.Committed, undo("u2"))))
	is("when that was undone, too", true)

	must(s.SaveChange(ctx, change("d3", core.Committed, deletion)))
	must(s.Reserve(ctx, "blog", func([]core.Reservation) ([]core.Reservation, error) {
		return []core.Reservation{{Kind: core.PortReservation, Value: "8000"}}, nil
	}))
	if err := s.SaveChange(ctx, change("u4", core.Committed, undo("d3"))); err == nil {
		t.Error("it came back to a port that another has")
	}
	if _, err := s.Change(ctx, "u4"); core.CodeOf(err) != core.NotFound {
		t.Errorf("the change was saved without that: %v", err)
	}
}
