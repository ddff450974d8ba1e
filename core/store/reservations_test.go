package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestReservations(t *testing.T) {
	s := opened(t)
	port := core.Reservation{Kind: core.PortReservation, Value: "8000"}
	reserve := func(instance string, want ...core.Reservation) error {
		return s.Reserve(t.Context(), instance, func([]core.Reservation) ([]core.Reservation, error) { return want, nil })
	}
	if err := reserve("shop", port); err != nil {
		t.Fatal(err)
	}
	if err := reserve("blog", port); err == nil {
		t.Error("a port is kept for two")
	}
	no := errors.New("nothing is free")
	err := s.Reserve(t.Context(), "blog", func(taken []core.Reservation) ([]core.Reservation, error) {
		if len(taken) != 1 || taken[0].Instance != "shop" {
			t.Errorf("taken is %+v", taken)
		}
		return nil, no
	})
	if !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if err := s.Release(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Reservations(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("after its release %+v is kept, %v", list, err)
	}
}

// TestPortsAreKeptOnce has a port that a change keeps and one that a creation
// keeps: each sees the other's.
func TestPortsAreKeptOnce(t *testing.T) {
	s := opened(t)
	if err := s.ReservePort(t.Context(), "change", "blog", "KONG_HTTP_PORT", 9000); err != nil {
		t.Fatal(err)
	}
	err := s.Reserve(t.Context(), "shop", func(taken []core.Reservation) ([]core.Reservation, error) {
		if len(taken) != 1 || taken[0] != (core.Reservation{Kind: core.PortReservation, Value: "9000", Instance: "blog"}) {
			t.Errorf("a creation sees %+v", taken)
		}
		return []core.Reservation{{Kind: core.PortReservation, Value: "8000"}, {Kind: core.SubnetReservation, Value: "10.201.0.0/24"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for instance, want := range map[string][]int{"other": {8000, 9000}, "blog": {8000}, "shop": {9000}} {
		if got, err := s.ReservedPorts(t.Context(), instance); err != nil || !slices.Equal(got, want) {
			t.Errorf("for %s %v are kept, want %v; %v", instance, got, want, err)
		}
	}
}

// TestOrphanedReservations has one whose creation was never written down.
func TestOrphanedReservations(t *testing.T) {
	s := opened(t)
	old := stamp(time.Now().Add(-time.Hour))
	rows := []reservationRow{{core.PortReservation, "1", "died", old}, {core.PortReservation, "2", "lives", old}, {core.PortReservation, "3", "new", stamp(time.Now())}}
	if err := s.write.Create(&rows).Error; err != nil {
		t.Fatal(err)
	}
	if err := s.AddInstance(t.Context(), core.Instance{ID: "lives", Project: "lives", Mode: core.Control}, core.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	err := s.Reserve(t.Context(), "next", func(taken []core.Reservation) ([]core.Reservation, error) {
		if len(taken) != 2 || taken[0].Instance != "lives" || taken[1].Instance != "new" {
			t.Errorf("kept are %+v", taken)
		}
		return nil, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestForgottenReservations has an instance that is kept no longer: its ports and
// its name are free at once.
func TestForgottenReservations(t *testing.T) {
	s := opened(t)
	if err := s.AddInstance(t.Context(), core.Instance{ID: "shop", Project: "shop", Mode: core.Control}, core.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	err := s.Reserve(t.Context(), "shop", func([]core.Reservation) ([]core.Reservation, error) {
		return []core.Reservation{{Kind: core.PortReservation, Value: "8000"}, {Kind: core.SubnetReservation, Value: "10.201.0.0/24"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveInstance(t.Context(), "shop", core.AuditEntry{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Reservations(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("after it was forgotten %+v is kept, %v", list, err)
	}
}
