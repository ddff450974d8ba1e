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

// control logs in, and registers a stack that may be changed.
func (s *served) control(stack string) {
	s.t.Helper()
	s.token = s.logIn()
	s.wants(http.StatusCreated, http.MethodPost, "/api/instances/adopt", fmt.Sprintf(`{"project":%q}`, stack))
	s.wants(http.StatusOK, http.MethodPatch, "/api/instances/"+stack, `{"mode":"control"}`)
}

// wants asks as whoever is logged in, and wants that status.
func (s *served) wants(status int, method, path, body string) string {
	s.t.Helper()
	code, answer, err := s.ask(method, path, s.token, body)
	if err != nil || code != status {
		s.t.Fatalf("%s %s: %d, want %d: %v %s", method, path, code, status, err, answer)
	}
	return answer
}

// ended waits until a change that was begun has ended; on a busy machine that may
// take minutes.
func (s *served) ended(answer string) core.Change {
	s.t.Helper()
	var out struct{ Change core.Change }
	for end := time.Now().Add(6 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err := json.Unmarshal([]byte(answer), &out); err != nil || out.Change.ID == "" {
			s.t.Fatalf("no change: %v %s", err, answer)
		}
		answer = s.wants(http.StatusOK, http.MethodGet, "/api/changes/"+out.Change.ID, "")
		if out.Change.State.Ended() {
			return out.Change
		}
	}
	s.t.Fatalf("the change did not end: %s", answer)
	return core.Change{}
}

// TestRestoreOverHTTP brings a snapshot back over the API: planned, confirmed by
// the instance's id, answered at once, and taken back when it makes things worse.
func TestRestoreOverHTTP(t *testing.T) {
	slowSet(t)
	t.Parallel()
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	w.seed(t, stack)
	before := w.data(t, stack)
	s := startServe(t, p.data).ready()
	s.control(stack)

	take := func(scope string) string {
		var out struct{ Snapshot core.Snapshot }
		answer := s.wants(http.StatusCreated, http.MethodPost, "/api/instances/"+stack+"/snapshots", fmt.Sprintf(`{"scope":%q}`, scope))
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			t.Fatal(err)
		}
		return "/api/snapshots/" + out.Snapshot.ID
	}
	good := take("full")
	if answer := s.wants(http.StatusOK, http.MethodPost, good+"/verify?level=proven", ""); !strings.Contains(answer, `"level":"proven"`) || !strings.Contains(answer, `"rto_ms":`) {
		t.Errorf("the drill: %s", answer)
	}
	w.sql(t, stack, spoil)
	w.store(t, stack, "two")
	spoilt := w.data(t, stack)

	answer := s.wants(http.StatusOK, http.MethodPost, good+"/restore/plan", `{}`)
	for _, part := range []string{"database postgres", "volume", "configuration", `"risk":"high"`} {
		if !strings.Contains(answer, part) {
			t.Errorf("the plan does not tell of %s: %s", part, answer)
		}
	}
	s.wants(http.StatusBadRequest, http.MethodPost, good+"/restore", `{}`)
	s.wants(http.StatusBadRequest, http.MethodPost, good+"/restore", fmt.Sprintf(`{"confirm":%q,"only":["everything"]}`, stack))
	s.wants(http.StatusConflict, http.MethodPost, good+"/restore", fmt.Sprintf(`{"confirm":%q,"plan_hash":"stale"}`, stack))
	if now := w.data(t, stack); now != spoilt {
		t.Fatal("what was refused changed something")
	}
	confirmed := fmt.Sprintf(`{"confirm":%q}`, stack)
	c := s.ended(s.wants(http.StatusAccepted, http.MethodPost, good+"/restore", confirmed))
	if c.State != core.Committed || c.Snapshot == "" || c.Data == "" {
		t.Fatalf("the restore is %s: %s", c.State, c.Reason)
	}
	if d := difference(before, w.data(t, stack)); d != "" {
		t.Errorf("what came back is not what was: %s", d)
	}

	s.madeNew(w, p.twinOf(stack, ""), take("config"), good)

	w.sql(t, stack, "alter role authenticator with nologin;")
	bad := take("database")
	w.sql(t, stack, "alter role authenticator with login;")
	p.lab("mend", stack)
	data, identity := w.data(t, stack), w.identity(t, stack)
	c = s.ended(s.wants(http.StatusAccepted, http.MethodPost, bad+"/restore", confirmed))
	if c.State != core.RolledBack || !strings.Contains(c.Reason, "new after the change") {
		t.Errorf("a restore that made it worse is %s: %s", c.State, c.Reason)
	}
	if d := difference(data, w.data(t, stack)) + difference(identity, w.identity(t, stack)); d != "" {
		t.Errorf("the rollback did not bring back what was: %s", d)
	}
	s.stop()
}

// madeNew makes an instance from a snapshot over the API: refused from one without a
// database, and then for good.
func (s *served) madeNew(w *world, n *twin, without, good string) {
	s.t.Helper()
	order := func(snapshot string) string {
		return fmt.Sprintf(`{"name":%q,"images":%q,"from_snapshot":%q}`, n.name, imagePrefix(), strings.TrimPrefix(snapshot, "/api/snapshots/"))
	}
	if answer := s.wants(http.StatusConflict, http.MethodPost, "/api/instances", order(without)); !strings.Contains(answer, "no instance can be made of it") {
		s.t.Errorf("a snapshot of files: %s", answer)
	}
	s.wants(http.StatusNotFound, http.MethodPost, "/api/instances/preflight", order("NONE"))
	if c := s.ended(s.wants(http.StatusAccepted, http.MethodPost, "/api/instances", order(good))); c.State != core.Committed {
		s.t.Fatalf("the new instance is %s: %s", c.State, c.Reason)
	}
	if got := strings.TrimSpace(n.sql(w, "select count(*) from public.orders;")); got != "2000" {
		s.t.Errorf("it has %s rows", got)
	}
}
