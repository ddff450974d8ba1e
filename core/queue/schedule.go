package queue

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

const (
	lookAgain  = 20 * time.Second // so that a clock that was set is noticed
	runsAtOnce = 4
	maxJitter  = time.Hour
)

// Skipped is the error of a run that was left out on purpose.
type Skipped struct{ Why string }

func (s *Skipped) Error() string { return s.Why }

// Next returns when a schedule is due after a moment. The spec has five fields
// or is a word such as @daily; it must not fire more than once a minute.
func Next(spec, zone string, after time.Time) (time.Time, error) {
	if strings.Contains(spec, "TZ=") {
		return time.Time{}, core.Errorf(core.Invalid, "%q names a time zone; that goes into zone", spec)
	}
	place, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return time.Time{}, core.Errorf(core.Invalid, "%q is not a time zone such as Europe/Berlin or UTC", zone)
	}
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return time.Time{}, core.Errorf(core.Invalid, "%q is not a schedule of five fields (minute hour day month weekday): %v", spec, err)
	}
	next := s.Next(after.In(place))
	second := s.Next(next)
	switch {
	case next.IsZero():
		return next, core.Errorf(core.Invalid, "%q never comes", spec)
	case !second.IsZero() && second.Sub(next) < time.Minute:
		return next, core.Errorf(core.Invalid, "%q comes more than once a minute", spec)
	case again(next) && second.Sub(next) > time.Hour:
		next = second // what is due once a day is not due twice on the day that has an hour twice
	}
	return next.UTC(), nil
}

// again reports whether clocks on the wall showed the same an hour before, as
// they do in autumn.
func again(t time.Time) bool {
	before := t.Add(-time.Hour)
	return before.Hour() == t.Hour() && before.Minute() == t.Minute()
}

// Scheduler runs what is due. What is due while nothing ran is run once when it
// is back; what is due while its last run is under way is left out, and says so.
type Scheduler struct {
	Store *store.Store
	Hub   *Hub
	Log   *slog.Logger
	// Allowed asks, at every run, whether the schedule's owner still may.
	Allowed func(ctx context.Context, s core.Schedule) error
	// Run does what the schedule says and returns a line about it. *Skipped says
	// that it was left out.
	Run func(ctx context.Context, s core.Schedule) (string, error)
	// Ended is told of every run that ended, for metrics; it may be nil.
	Ended func(s core.Schedule, outcome string)
	Now   func() time.Time

	mu      sync.Mutex
	running map[string]bool
	started bool // what the agent before was killed in is due again
	wake    chan struct{}
	once    sync.Once
	runs    sync.WaitGroup
	slots   chan struct{}
}

func (q *Scheduler) init() {
	q.once.Do(func() {
		q.running, q.wake, q.slots = map[string]bool{}, make(chan struct{}, 1), make(chan struct{}, runsAtOnce)
		if q.Now == nil {
			q.Now = time.Now
		}
	})
}

// Wake makes the scheduler look at its table again.
func (q *Scheduler) Wake() {
	q.init()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Serve runs schedules until ctx ends, and then waits for those under way.
func (q *Scheduler) Serve(ctx context.Context) {
	q.init()
	defer q.runs.Wait()
	for {
		wait := q.tick(ctx)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-q.wake:
			t.Stop()
		case <-t.C:
		}
	}
}

// tick begins what is due and returns how long to sleep.
func (q *Scheduler) tick(ctx context.Context) time.Duration {
	if err := q.start(ctx); err != nil {
		q.Log.Error("what was cut off cannot be made up for", "error", err)
		return lookAgain
	}
	list, err := q.Store.Schedules(ctx)
	if err != nil {
		q.Log.Error("the schedules cannot be read", "error", err)
		return lookAgain
	}
	wait, now := lookAgain, q.Now()
	for _, s := range list {
		if !s.Enabled {
			continue
		}
		next, late := s.Next, jitter(s)
		if !next.Add(late).After(now) {
			next = q.claim(ctx, s, now)
		} else {
			next = q.rebase(ctx, s, now)
		}
		wait = min(wait, max(next.Add(late).Sub(now), 10*time.Millisecond))
	}
	return wait
}

// start makes what the agent before this one was killed in due once more.
func (q *Scheduler) start(ctx context.Context) error {
	if q.started {
		return nil
	}
	n, err := q.Store.CutRuns(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		q.Log.Warn("runs of schedules were cut off and are made up for", "runs", n)
	}
	q.started = true
	return nil
}

// claim moves the schedule on and runs it, unless its last run is under way.
func (q *Scheduler) claim(ctx context.Context, s core.Schedule, now time.Time) time.Time {
	next, err := Next(s.Spec, s.Zone, now.Add(-jitter(s)))
	if err != nil {
		q.Log.Error("a schedule cannot be read", "schedule", s.ID, "error", err)
		return now.Add(lookAgain)
	}
	q.mu.Lock()
	busy := q.running[s.ID]
	q.mu.Unlock()
	if busy { // the note about that run stays
		if mine, err := q.Store.MoveSchedule(ctx, s.ID, s.Next, next); err == nil && mine {
			q.end(ctx, s, "skipped", "the run before was still under way")
		}
		return next
	}
	mine, err := q.Store.ClaimSchedule(ctx, s.ID, s.Next, next)
	if err != nil || !mine {
		return next
	}
	q.mu.Lock()
	q.running[s.ID] = true
	q.mu.Unlock()
	q.runs.Go(func() {
		defer func() {
			q.mu.Lock()
			delete(q.running, s.ID)
			q.mu.Unlock()
		}()
		if !q.run(ctx, s) {
			q.giveBack(ctx, s, next)
		}
	})
	return next
}

// giveBack makes a run that was claimed and is not done with due again, for the
// agent that comes after this one.
func (q *Scheduler) giveBack(ctx context.Context, s core.Schedule, next time.Time) {
	if _, err := q.Store.GiveBackRun(context.WithoutCancel(ctx), s.ID, next, s.Next); err != nil {
		q.Log.Error("a run is lost", "schedule", s.ID, "error", err)
	}
}

// rebase mends a time that lies further away than it can, after the clock was
// set back by more than a period. It leaves out one period, so that nothing
// fires twice.
func (q *Scheduler) rebase(ctx context.Context, s core.Schedule, now time.Time) time.Time {
	first, err := Next(s.Spec, s.Zone, now)
	if err != nil {
		return s.Next
	}
	second, err := Next(s.Spec, s.Zone, first)
	if err != nil || !s.Next.After(second) {
		return s.Next
	}
	if ok, err := q.Store.MoveSchedule(ctx, s.ID, s.Next, second); err != nil || !ok {
		return s.Next
	}
	return second
}

// run carries a run out when there is a place for it. It reports whether that is
// done with: what the agent's end kept from beginning, or cut off, is not.
func (q *Scheduler) run(ctx context.Context, s core.Schedule) (done bool) {
	select {
	case q.slots <- struct{}{}:
		defer func() { <-q.slots }()
	case <-ctx.Done():
		return false
	}
	if ctx.Err() != nil {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			done = true
			q.end(ctx, s, "failed", fmt.Sprintf("panic: %v", p))
		}
	}()
	if err := q.Allowed(ctx, s); err != nil {
		q.end(ctx, s, "denied", err.Error())
		return true
	}
	detail, err := q.Run(ctx, s)
	if left, ok := errors.AsType[*Skipped](err); ok {
		q.end(ctx, s, "skipped", left.Why)
		return true
	}
	if err != nil {
		q.end(ctx, s, "failed", err.Error())
		return ctx.Err() == nil
	}
	q.end(ctx, s, "ok", detail)
	return true
}

// jitter spreads schedules of the same minute: each is due so much later. It is the
// same for a schedule every time, so that its runs keep their distance.
func jitter(s core.Schedule) time.Duration {
	if s.Jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.ID))
	most := min(time.Duration(s.Jitter)*time.Second, maxJitter)
	return time.Duration(h.Sum64() % uint64(most))
}

func (q *Scheduler) end(ctx context.Context, s core.Schedule, outcome, detail string) {
	at := q.Now()
	if err := q.Store.EndRun(context.WithoutCancel(ctx), s.ID, s.Next, at, outcome, detail); err != nil {
		q.Log.Error("a run of a schedule could not be noted", "schedule", s.ID, "error", err)
	}
	if q.Ended != nil {
		q.Ended(s, outcome)
	}
	q.Log.Info("schedule ran", "schedule", s.ID, "kind", s.Kind, "instance", s.Instance, "outcome", outcome, "detail", detail)
	q.Hub.Publish("schedule", s.Instance, map[string]any{"id": s.ID, "kind": s.Kind, "outcome": outcome, "detail": detail, "at": at.UTC()})
}
