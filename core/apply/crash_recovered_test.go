package apply

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

func stateOf(t *testing.T, dir string) worldState {
	t.Helper()
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.st.Close()
	return w.state()
}

// mustRecover starts again in dir and checks what came of it.
func mustRecover(t *testing.T, dir string, before, after worldState) {
	t.Helper()
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.st.Close()
	w.a.Data = &shelf{vault{w: w}}
	w.e.Edit(func(e *coretest.Engine) {
		e.Databases = map[string]func(string) ([][]string, error){"postgres": (&ledger{ran: "70"}).answer}
	})
	if _, err := w.a.Recover(t.Context()); err != nil {
		t.Fatalf("recover: %v", err)
	}
	list, err := w.st.Changes(t.Context(), "shop", 1)
	if err != nil {
		t.Fatal(err)
	}
	state := core.ChangeState("")
	if len(list) == 1 {
		state = list[0].State
		mustBeClosed(t, w, list[0].ID)
	}
	if state != "" && state != core.Committed && state != core.RolledBack {
		t.Errorf("the change is %s: %s", state, list[0].Reason)
	}
	// A change committed before this scenario began leaves the world as it was.
	got := w.state()
	if !reflect.DeepEqual(got, before) && !(state == core.Committed && reflect.DeepEqual(unsalted(got), unsalted(after))) {
		t.Errorf("the instance is in between (%s):\ngot  %+v\nbefore %+v\nafter %+v", state, got, before, after)
	}
	if again, err := w.a.Recover(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("a second recovery: %v, %v", again, err)
	}
	if _, err := w.st.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	w.mustListWhatIsAside(t)
	w.mustHoldNoSecret(t, nil)
	if w.half != "" {
		t.Errorf("services ran on half of the data after %q", w.half)
	}
}

// mustBeClosed checks that every step in the journal has an outcome.
func mustBeClosed(t *testing.T, w *world, change string) {
	t.Helper()
	entries, err := w.st.Journal(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Done.IsZero() || e.Outcome == "" {
			t.Errorf("step %d, %q, has no outcome", e.Seq, e.Step)
		}
	}
}

// drawn are the variables that every run gives another value.
var drawn = regexp.MustCompile(`(?m)^(POSTGRES_PASSWORD|VAULT_ENC_KEY|JWT_SECRET|ANON_KEY|SERVICE_ROLE_KEY)=.*$`)

// unsalted makes worlds comparable that were cured by different processes: the
// salt of a new password differs, so its verifier counts by what it accepts.
func unsalted(s worldState) worldState {
	s.Roles, s.Files = maps.Clone(s.Roles), maps.Clone(s.Files)
	aside := map[string]core.File{}
	for name, f := range s.Aside { // whose folder has the change's name
		aside[name[len(name)-1:]] = core.File{Data: f.Data, Mode: f.Mode}
	}
	s.Aside = aside
	password := envValue(s.Files, "POSTGRES_PASSWORD")
	s.Containers = slices.Clone(s.Containers)
	for i, c := range s.Containers {
		s.Containers[i].Env = maps.Clone(c.Env)
		for setting, v := range c.Env {
			if key := filledIn[setting]; key != "" && v.Reveal() == envValue(s.Files, key) {
				s.Containers[i].Env[setting] = "as in .env"
			}
		}
	}
	env := s.Files[".env"]
	env.Data = drawn.ReplaceAll(env.Data, []byte("$1=drawn"))
	s.Files[".env"] = env
	accepted := "accepts the password of .env"
	for role, v := range s.Roles {
		if v != nil && accepts(*v, password) {
			s.Roles[role] = &accepted
		}
	}
	return s
}
