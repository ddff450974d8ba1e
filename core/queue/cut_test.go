package queue

import (
	"context"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// killed is the agent that comes after one that began what is due and was killed
// in it: what that one had in memory is gone, its database is as it left it.
func (c *clock) killed() *clock {
	c.t.Helper()
	c.tick(c.t.Context())
	c.mu.Lock()
	begun := c.running["s"]
	c.mu.Unlock()
	if !begun {
		c.t.Fatal("nothing was begun")
	}
	<-c.ran
	c.t.Cleanup(func() {
		close(c.hold)
		c.runs.Wait()
	})
	again := newClock(c.t)
	again.Store = c.Store
	again.set(c.read().Add(time.Minute))
	return again
}

// looks lets the scheduler look a few times at a minute, and returns how many runs
// it carried out.
func (c *clock) looks() int {
	close(c.hold)
	for range 3 {
		c.tick(c.t.Context())
		c.runs.Wait()
	}
	return len(c.ran)
}

// isEnded ends the agent orderly while what is due is under way.
func (c *clock) isEnded() {
	ctx, stop := context.WithCancel(c.t.Context())
	c.Run = func(ctx context.Context, _ core.Schedule) (string, error) {
		stop()
		return "", ctx.Err()
	}
	c.tick(ctx)
	c.runs.Wait()
}

func TestARunThatAKillCutsOffIsMadeUpForOnce(t *testing.T) {
	c := newClock(t)
	due := c.now
	c.add("s", "@daily", due)
	again := c.killed()
	if n := again.looks(); n != 1 {
		t.Errorf("it was made up for %d times", n)
	}
	s := c.get("s")
	if !s.Next.Equal(due.Truncate(24*time.Hour).AddDate(0, 0, 1)) || s.Outcome != "ok" {
		t.Errorf("then it is %q and due at %v", s.Outcome, s.Next)
	}
	third := newClock(t)
	third.Store = c.Store
	if n := third.looks(); n != 0 {
		t.Errorf("the next start made up for it %d times more", n)
	}
}

// TestARunThatKillsTheAgent is not begun at every start: after it was made up for
// once it waits for its next time, and is then made up for once again.
func TestARunThatKillsTheAgent(t *testing.T) {
	c := newClock(t)
	c.add("s", "@hourly", c.now)
	second := c.killed()
	third := second.killed()
	if n := third.looks(); n != 0 {
		t.Errorf("the third start began it %d times", n)
	}
	later := newClock(t)
	later.Store = c.Store
	later.set(c.now.Add(time.Hour))
	if n := later.killed().looks(); n != 1 {
		t.Errorf("its next run, killed too, was made up for %d times", n)
	}
}

// TestWhatIsDoneWithIsNotMadeUpFor: neither what ended, nor what was turned off or
// changed since, nor what a run under way kept from beginning.
func TestWhatIsDoneWithIsNotMadeUpFor(t *testing.T) {
	change := func(c *clock, do func(*core.Schedule)) {
		s := c.get("s")
		do(&s)
		if err := c.Store.SaveSchedule(t.Context(), s, core.AuditEntry{At: c.now, Actor: "test", Action: "schedule.edit", Outcome: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		meanwhile func(c *clock)
		want      int
	}{
		"it ended badly":          {func(c *clock) { s := c.get("s"); s.Next = c.now; c.end(t.Context(), s, "failed", "no") }, 0},
		"it was turned off":       {func(c *clock) { change(c, func(s *core.Schedule) { s.Enabled = false }) }, 0},
		"it was changed":          {func(c *clock) { change(c, func(s *core.Schedule) { s.Owner = "other" }) }, 0},
		"another run was skipped": {func(c *clock) { c.set(c.now.Add(time.Hour)); c.tick(t.Context()) }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClock(t)
			c.add("s", "@hourly", c.now)
			again := c.killed()
			tt.meanwhile(c)
			again.set(c.read().Add(time.Minute))
			if n := again.looks(); n != tt.want {
				t.Errorf("it ran %d times, want %d", n, tt.want)
			}
		})
	}
}

// TestMadeUpForAndEndedOrderly: a run that is made up for and cut by the agent's
// orderly end comes back, and since that was not its doing a kill counts anew.
func TestMadeUpForAndEndedOrderly(t *testing.T) {
	c := newClock(t)
	due := c.now
	c.add("s", "@daily", due)
	c.killed().isEnded()
	if s := c.get("s"); !s.Next.Equal(due) {
		t.Fatalf("it is due at %v, want %v", s.Next, due)
	}
	third := newClock(t)
	third.Store = c.Store
	if n := third.killed().looks(); n != 1 {
		t.Errorf("it was made up for %d times", n)
	}
}
