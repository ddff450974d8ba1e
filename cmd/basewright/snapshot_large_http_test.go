package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// peak returns the most memory that the agent had while something was done, in MiB.
func (s *served) peak(what string, do func()) {
	s.t.Helper()
	// Writing 5 makes the kernel forget the peak of before: proc(5), clear_refs.
	must(s.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0))
	before, began := peakOf(s.cmd.Process.Pid)>>20, time.Now()
	do()
	most := peakOf(s.cmd.Process.Pid) >> 20
	s.t.Logf("%s: %d MiB at most, %d before, %s", what, most, before, time.Since(began).Round(time.Second))
	if most > largeBound {
		s.t.Errorf("the agent took %d MiB to %s", most, what)
	}
}

// until asks for something that may take long, until it is as wanted.
func (s *served) until(path string, good func(answer string) bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Minute); !good(s.wants(http.StatusOK, http.MethodGet, path, "")); time.Sleep(time.Second) {
		if time.Now().After(end) {
			s.t.Fatalf("%s does not come to what is wanted", path)
		}
	}
}

// prove has a drill, which may outlast the request that orders it.
func (s *served) prove(stack, id string) {
	s.t.Helper()
	code, answer, err := s.ask(http.MethodPost, "/api/snapshots/"+id+"/verify?level=proven", s.token, "")
	if err != nil || code != http.StatusOK && code != http.StatusServiceUnavailable {
		s.t.Fatalf("%d, %v: %s", code, err, answer)
	}
	s.until("/api/instances/"+stack+"/snapshots", func(answer string) bool {
		var list struct{ Snapshots []core.Snapshot }
		must(s.t, json.Unmarshal([]byte(answer), &list))
		i := slices.IndexFunc(list.Snapshots, func(k core.Snapshot) bool { return k.ID == id })
		if i < 0 || list.Snapshots[i].Proof.Level == core.Damaged {
			s.t.Fatalf("it cannot be restored: %s", answer)
		}
		return list.Snapshots[i].Proof.Level == core.Proven
	})
}

// TestLargeSnapshotByTheAgent keeps, proves and restores 2 GB of a database and a file
// of 2 GB over the API, within 100 MiB of the agent's memory.
func TestLargeSnapshotByTheAgent(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	file := w.enlarge(t, stack)
	s := startServe(t, p.data).ready()
	s.control(stack)
	patience := loadClient.Timeout
	loadClient.Timeout = 20 * time.Minute
	t.Cleanup(func() { loadClient.Timeout = patience })
	var out struct{ Snapshot core.Snapshot }
	s.peak("take it", func() {
		must(t, json.Unmarshal([]byte(s.wants(http.StatusCreated, http.MethodPost, "/api/instances/"+stack+"/snapshots", `{"scope":"full"}`)), &out))
	})
	at := "/api/snapshots/" + out.Snapshot.ID
	s.peak("read it", func() { s.wants(http.StatusOK, http.MethodPost, at+"/verify", "") })
	s.peak("prove it", func() { s.prove(stack, out.Snapshot.ID) })
	s.peak("restore it", func() {
		var begun struct{ Change core.Change }
		must(t, json.Unmarshal([]byte(s.wants(http.StatusAccepted, http.MethodPost, at+"/restore", fmt.Sprintf(`{"confirm":%q,"only":["database","volumes"]}`, stack))), &begun))
		s.until("/api/changes/"+begun.Change.ID, func(answer string) bool {
			must(t, json.Unmarshal([]byte(answer), &begun))
			return begun.Change.State.Ended()
		})
		if begun.Change.State != core.Committed {
			t.Errorf("the restore is %s: %s", begun.Change.State, begun.Change.Reason)
		}
	})
	s.stop()
	w.mustBeLarge(t, stack, file)
}
