package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestADrillEndsWithTheAgent: one that is asked to stop removes the throwaway database
// of a drill under way before it ends; what one that was killed left the next start
// removes, without another drill.
func TestADrillEndsWithTheAgent(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	s := startServe(t, p.data).ready()
	s.control(stack)
	var out struct{ Snapshot core.Snapshot }
	if err := json.Unmarshal([]byte(s.wants(http.StatusCreated, http.MethodPost, "/api/instances/"+stack+"/snapshots", fmt.Sprintf(`{"scope":%q}`, core.DatabaseScope))), &out); err != nil {
		t.Fatal(err)
	}
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		asked := make(chan error, 1)
		go func() {
			_, _, err := s.ask(http.MethodPost, "/api/snapshots/"+out.Snapshot.ID+"/verify?level=proven", s.token, "")
			asked <- err
		}()
		s.wait(time.Minute, func() bool { return w.throwaways(t, p) == 1 })
		if end == syscall.SIGKILL {
			s.kill()
		} else {
			s.stop()
		}
		<-asked // it may have been answered, or cut off
		left := w.throwaways(t, p)
		if end == syscall.SIGTERM && left != 0 || end == syscall.SIGKILL && left != 1 {
			t.Errorf("%s left %d throwaway databases", end, left)
		}
		token := s.token
		s = startServe(t, p.data).ready()
		s.token = token
		s.wait(time.Minute, func() bool { return w.throwaways(t, p) == 0 })
	}
	s.stop()
}
