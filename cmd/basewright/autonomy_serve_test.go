package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestEarnedAutonomy lets a playbook be applied without a person: not before a
// person applied it there with success, by the agent after a scheduled diagnosis,
// and no more once a person took back what it did.
func TestEarnedAutonomy(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	s := startServe(t, p.data).ready()
	s.control(stack)
	p.basewright(0, "playbook", "allow", "start-stopped-services", stack, "--after", "1", "--cooldown", "1m")
	changes := func() []core.Change {
		var out struct{ Changes []core.Change }
		if err := json.Unmarshal([]byte(s.wants(http.StatusOK, http.MethodGet, "/api/instances/"+stack+"/changes", "")), &out); err != nil {
			t.Fatal(err)
		}
		return out.Changes
	}
	var schedule struct{ Schedule struct{ ID string } }
	answer := s.wants(http.StatusCreated, http.MethodPost, "/api/schedules", fmt.Sprintf(`{"instance_id":%q,"kind":"diagnose","spec":"* * * * *","zone":"UTC"}`, stack))
	if err := json.Unmarshal([]byte(answer), &schedule); err != nil || schedule.Schedule.ID == "" {
		t.Fatalf("%v: %s", err, answer)
	}

	p.lab("break", stack, "GW-07")
	s.told("0 of 1 successes that a person approved")
	if n := len(changes()); n != 0 {
		t.Fatalf("%d changes were made by themselves before any was approved", n)
	}
	p.basewright(0, "repair", stack, "start-stopped-services", "--yes")
	p.lab("break", stack, "GW-07")
	var last core.Change
	for end := time.Now().Add(6 * time.Minute); last.Actor != "auto:start-stopped-services" || !last.State.Ended(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("nothing was repaired by itself: %+v\n%s", last, s.out)
		}
		if list := changes(); len(list) > 0 {
			last = list[0]
		}
	}
	if last.State != core.Committed || last.After.Status != core.Healthy {
		t.Errorf("the repair is %s: %s", last.State, last.Reason)
	}

	s.ended(s.wants(http.StatusAccepted, http.MethodPost, "/api/changes/"+last.ID+"/undo", ""))
	s.told("its permission was taken away: change " + last.ID + " was undone by a person")
	if out := p.basewright(0, "playbook", "record", stack); !strings.Contains(out, "taken away") {
		t.Errorf("the record says:\n%s", out)
	}
	p.basewright(0, "audit", "verify")
	s.stop()
	p.lab("mend", stack)
}

// told waits until the log of the agent has a text.
func (s *served) told(text string) {
	s.t.Helper()
	for end := time.Now().Add(5 * time.Minute); !strings.Contains(s.out.String(), text); time.Sleep(time.Second) {
		if time.Now().After(end) {
			s.t.Fatalf("%q does not stand in:\n%s", text, s.out)
		}
	}
}
