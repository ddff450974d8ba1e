package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
)

// interrupted leaves a change as an agent does that is killed at a failpoint.
func (w *world) interrupted(t *testing.T, at string) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil && v != (killed{}) {
			panic(v)
		}
		w.hook = func(string) {}
	}()
	w.hook = func(name string) {
		if name == at {
			panic(killed{})
		}
	}
	c, err := w.apply(t.Context(), w.cure())
	t.Fatalf("nobody killed it: %+v, %v", c, err)
}

// TestInterruptedWhileTheClockJumps: what an agent left half done is put back
// whatever the clock says, unless it says that somebody had a day to mend it.
func TestInterruptedWhileTheClockJumps(t *testing.T) {
	for name, tt := range map[string]struct {
		begins, goesOn, next time.Duration // what the clock is off by
		unasked              bool
	}{
		"the clock is right":                  {0, 0, 0, true},
		"it was put back a day meanwhile":     {0, 0, -24 * time.Hour, true},
		"it was put back a year":              {0, 0, -365 * 24 * time.Hour, true},
		"it was put back in the middle":       {0, -24 * time.Hour, -24 * time.Hour, true},
		"it was put ahead in the middle":      {0, 25 * time.Hour, 25 * time.Hour, true},
		"it was put ahead, then back":         {0, 25 * time.Hour, 0, true},
		"the change took two days":            {-48 * time.Hour, -time.Hour, 0, true},
		"it was put ahead two days meanwhile": {0, 0, 48 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.state()
			asked := 0
			w.a.Now = func() time.Time {
				if asked++; asked < 4 {
					return time.Now().Add(tt.begins)
				}
				return time.Now().Add(tt.goesOn)
			}
			w.interrupted(t, "verify.do.before")
			w.a.Now = func() time.Time { return time.Now().Add(tt.next) }
			w.a.RecoverWithin = 24 * time.Hour
			done, err := w.a.Recover(t.Context())
			if !tt.unasked {
				if len(done) > 0 || core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "`basewright change recover` puts it back") {
					t.Fatalf("%+v, %v", done, err)
				}
				w.a.RecoverWithin = 0
				done, err = w.a.Recover(t.Context())
			}
			if err != nil || len(done) != 1 || done[0].State != core.RolledBack {
				t.Fatalf("%+v, %v", done, err)
			}
			w.mustBe(t, before)
			if _, err := w.st.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAContainerIsRemovedAtEveryCall removes a container behind the agent's back at
// each call with which it looks or acts. The change ends committed or rolled back;
// what it was not about is as it was, and what a person removed stays so.
func TestAContainerIsRemovedAtEveryCall(t *testing.T) {
	for _, gone := range []core.Service{core.Auth, core.Gateway} {
		t.Run(string(gone), func(t *testing.T) {
			t.Parallel()
			for n := int64(1); removedAt(t, n, gone); n++ {
			}
		})
	}
}

func removedAt(t *testing.T, n int64, gone core.Service) bool {
	t.Helper()
	w := swiftWorld(t)
	defer w.st.Close()
	before, p := w.state(), w.cure()
	var calls atomic.Int64
	w.e.Fail = func(string, string) error {
		if calls.Add(1) == n {
			w.e.Edit(func(e *coretest.Engine) {
				e.Containers = slices.DeleteFunc(e.Containers, func(c core.Container) bool { return c.Service == gone })
			})
		}
		return nil
	}
	c, err := w.apply(t.Context(), p)
	if calls.Load() < n {
		if n < 15 {
			t.Errorf("only %d calls", calls.Load())
		}
		return false
	}
	w.e.Fail = nil
	what := fmt.Sprintf("call %d: %v", n, err)
	if c == nil {
		return true // refused before anything was touched
	}
	if c.State != core.Committed && c.State != core.RolledBack {
		t.Errorf("%s: the change is %s: %s", what, c.State, c.Reason)
	}
	s := w.state()
	if c.State == core.RolledBack {
		for name, f := range before.Files {
			if string(s.Files[name].Data) != string(f.Data) {
				t.Errorf("%s: %s is %q", what, name, s.Files[name].Data)
			}
		}
		if *s.Roles["authenticator"] != *before.Roles["authenticator"] || len(s.Files) != len(before.Files) {
			t.Errorf("%s: a role or a file is not as it was", what)
		}
	}
	for _, b := range before.Containers {
		if b.Service != gone && w.e.State(b.Service) != "running" {
			t.Errorf("%s: %s is %q", what, b.Service, w.e.State(b.Service))
		}
	}
	if w.e.State(gone) != "running" && c.State == core.RolledBack && !said(c.Reason) {
		t.Errorf("%s: %s is not back and nobody says why: %s", what, gone, c.Reason)
	}
	if done, err := w.a.Recover(context.Background()); err != nil || len(done) > 0 {
		t.Errorf("%s: recover: %+v, %v", what, done, err)
	}
	return true
}

// said reports whether a reason tells that a container was taken away: while the
// change ran, or before its snapshot was taken.
func said(reason string) bool {
	return slices.ContainsFunc([]string{"was removed by somebody else", "there is no service that is", "nothing was touched"}, func(s string) bool { return strings.Contains(reason, s) })
}
