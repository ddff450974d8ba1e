package apply

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// nth is a journal whose writes fail from the nth on: once, or for as long as the
// disk is full.
type nth struct {
	port
	n, last, made int // fails from write n to write last
}

func (j *nth) write(do func() error) error {
	if j.made++; j.made >= j.n && j.made <= j.last {
		return errFull
	}
	return do()
}

func (j *nth) SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error {
	return j.write(func() error { return j.port.SaveChange(ctx, c, entries...) })
}

func (j *nth) Intent(ctx context.Context, c core.Change, e core.JournalEntry) error {
	return j.write(func() error { return j.port.Intent(ctx, c, e) })
}

func (j *nth) Outcome(ctx context.Context, c core.Change, e core.JournalEntry) error {
	return j.write(func() error { return j.port.Outcome(ctx, c, e) })
}

func (j *nth) SaveSnapshot(ctx context.Context, s core.Snapshot) error {
	return j.write(func() error { return j.port.SaveSnapshot(ctx, s) })
}

// mustBeWholeOrAsBefore recovers with everything in order again, and wants the
// instance as it was, or the change committed.
func (w *world) mustBeWholeOrAsBefore(t *testing.T, what string, before worldState, c *core.Change) {
	t.Helper()
	if _, err := w.a.Recover(t.Context()); err != nil {
		t.Fatalf("%s: recover: %v", what, err)
	}
	state := core.ChangeState("")
	if c != nil {
		saved, err := w.st.Change(t.Context(), c.ID)
		if err != nil && core.CodeOf(err) != core.NotFound {
			t.Fatal(err)
		}
		state = saved.State
	}
	if state != "" && state != core.Committed && state != core.RolledBack {
		t.Errorf("%s: the change is %s", what, state)
	}
	if same := reflect.DeepEqual(w.state(), before); same == (state == core.Committed) {
		t.Errorf("%s: the change is %q and the instance as before: %v", what, state, same)
	}
	if open, err := w.st.Unfinished(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("%s: %d left, %v", what, len(open), err)
	}
	if _, err := w.st.Verify(t.Context()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// swiftWorld is in memory, where that can be had.
func swiftWorld(t *testing.T) *world {
	t.Helper()
	w, err := openWorld(tempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTheDiskIsFullAtEveryWrite lets every write of the journal fail, one after
// the other: for once, and from then on.
func TestTheDiskIsFullAtEveryWrite(t *testing.T) {
	for _, how := range []string{"once", "from then on"} {
		for n := 1; ; n++ {
			w := swiftWorld(t)
			j := &nth{port: w.st, n: n, last: n}
			if how == "from then on" {
				j.last = 1 << 20
			}
			w.a.Journal = j
			before := w.state()
			c, err := w.apply(t.Context(), w.cure())
			if j.made < n {
				if err != nil || n < 15 {
					t.Errorf("only %d writes, %v", j.made, err)
				}
				break
			}
			w.a.Journal = w.st
			w.mustBeWholeOrAsBefore(t, fmt.Sprintf("write %d, %s", n, how), before, c)
			_ = w.st.Close()
		}
	}
}

// TestTheEngineGoesAwayAtEveryCall stops the engine at each of its calls, for one
// call and until somebody starts it again.
func TestTheEngineGoesAwayAtEveryCall(t *testing.T) {
	for _, how := range []string{"for one call", "until it is started again"} {
		for n := int64(1); ; n++ {
			w := swiftWorld(t)
			before, p := w.state(), w.cure()
			var calls atomic.Int64
			w.a.RollbackTimeout = 50 * time.Millisecond
			w.e.Fail = func(string, string) error {
				if i := calls.Add(1); i == n || i > n && how != "for one call" {
					return core.Errorf(core.Unreachable, "the engine hung up")
				}
				return nil
			}
			c, err := w.apply(t.Context(), p)
			if calls.Load() < n {
				if err != nil || n < 15 {
					t.Errorf("only %d calls, %v", calls.Load(), err)
				}
				break
			}
			w.e.Fail = nil
			w.a.RollbackTimeout = 20 * time.Second
			w.mustBeWholeOrAsBefore(t, fmt.Sprintf("call %d, %s", n, how), before, c)
			_ = w.st.Close()
		}
	}
}

// TestTheClockJumps: what is written down has an order of its own.
func TestTheClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"ten years ahead": 87600 * time.Hour, "a day ahead": 24 * time.Hour, "an hour back": -time.Hour, "a day back": -24 * time.Hour,
	} {
		w := newWorld(t)
		calls := 0
		w.a.Now = func() time.Time {
			if calls++; calls > 5 {
				return time.Now().Add(jump)
			}
			return time.Now()
		}
		c, err := w.apply(t.Context(), w.cure())
		if err != nil || c.State != core.Committed {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if _, err := w.st.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if undo, err := w.a.Undo(t.Context(), c.ID, "cli:ana"); err != nil {
			t.Errorf("%s: %+v, %v", name, undo, err)
		}
	}
}

// TestAHundredAtOnce: one is accepted, the others are told which.
func TestAHundredAtOnce(t *testing.T) {
	w := newWorld(t)
	plan := w.cure()
	var refused, other atomic.Int64
	w.hook = func(name string) {
		if name != "action-1-note.do.before" {
			return
		}
		first := w.events[0].Change
		var all sync.WaitGroup
		for range 99 {
			all.Go(func() {
				_, err := w.apply(context.Background(), plan)
				if core.CodeOf(err) == core.Conflict && strings.Contains(err.Error(), "change "+first+" is under way on shop") {
					refused.Add(1)
					return
				}
				other.Add(1)
			})
		}
		all.Wait()
	}
	if c, err := w.apply(t.Context(), plan); err != nil || c.State != core.Committed {
		t.Errorf("the first: %+v, %v", c, err)
	}
	if refused.Load() != 99 || other.Load() != 0 {
		t.Errorf("%d were refused with its id, %d were not", refused.Load(), other.Load())
	}
}

// BenchmarkJournalEntry writes one step down and its outcome, both on the disk.
func BenchmarkJournalEntry(b *testing.B) {
	w := newWorld(b)
	c := core.Change{ID: "c", Instance: "shop", Plan: w.cure(), State: core.Applying, Created: time.Now()}
	if err := w.st.SaveChange(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	seq := 0
	for b.Loop() {
		seq++
		e := core.JournalEntry{Change: "c", Seq: seq, Step: "action 1: note", At: time.Now()}
		if err := w.st.Intent(b.Context(), c, e); err != nil {
			b.Fatal(err)
		}
		e.Done, e.Outcome = time.Now(), "ok"
		if err := w.st.Outcome(b.Context(), c, e); err != nil {
			b.Fatal(err)
		}
	}
}
