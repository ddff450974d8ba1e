package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/coretest"
	"github.com/basewright/basewright/core/store"
)

var quiet = slog.New(slog.DiscardHandler)

// testDatabase is the variable with the address of a PostgreSQL server, for the
// run of these tests there.
const testDatabase = "BASEWRIGHT_TEST_DATABASE"

// TestEverythingOnPostgreSQL runs every test of this package once more.
func TestEverythingOnPostgreSQL(t *testing.T) { coretest.OnPostgres(t, testDatabase) }

func aStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.OpenAt(filepath.Join(t.TempDir(), "basewright.db"), coretest.EmptyDatabase(t, os.Getenv(testDatabase)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestASlowReaderIsDroppedAndResumes(t *testing.T) {
	h := NewHub()
	all := func(Event) bool { return true }
	slow, quick := h.Subscribe("", all), h.Subscribe("", func(e Event) bool { return e.Instance == "shop" })
	for i := range slack + 10 {
		h.Publish("change", "other", i)
	}
	h.Publish("change", "shop", "for the quick")
	var last Event
	n := 0
	for e := range slow.Events { // ends, since it was dropped
		last, n = e, n+1
	}
	if n != slack {
		t.Errorf("it got %d events, want %d", n, slack)
	}
	if e := <-quick.Events; string(e.Data) != `"for the quick"` {
		t.Errorf("the other reader got %s", e.Data)
	}
	again := h.Subscribe(last.ID, all)
	if e := <-again.Events; string(e.Data) != fmt.Sprint(slack) {
		t.Errorf("it goes on with %s", e.Data)
	}
	if r := h.Subscribe("of another process-7", all); len(r.Events) != slack+11 {
		t.Errorf("after a restart: %d events", len(r.Events))
	}
	h.Close()
	if _, open := <-quick.Events; open || h.Readers() != 0 {
		t.Error("a reader outlives the hub")
	}
	if _, open := <-h.Subscribe("", all).Events; open {
		t.Error("a closed hub takes readers")
	}
}

func TestMemoryOfEventsIsBounded(t *testing.T) {
	h := NewHub()
	for range 3 * remembered {
		h.Publish("change", "shop", 1)
	}
	if len(h.past) != remembered || cap(h.past) > 2*remembered {
		t.Errorf("%d events in room for %d", len(h.past), cap(h.past))
	}
}

func TestOneChangeAtATime(t *testing.T) {
	q := NewChanges(NewHub(), quiet)
	goOn := make(chan bool)
	job := func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		progress(core.Event{Change: id})
		<-goOn
		return &core.Change{ID: id, State: core.Committed}, nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	begun, refused := []string{}, 0
	for range 100 {
		wg.Go(func() {
			id, err := q.Start(t.Context(), "shop", job)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				begun = append(begun, id)
			} else if core.CodeOf(err) == core.Conflict {
				refused++
			}
		})
	}
	wg.Wait()
	if len(begun) != 1 || refused != 99 || q.Holder("shop") != begun[0] {
		t.Errorf("%d begun, %d refused", len(begun), refused)
	}
	close(goOn)
	if !q.Close(time.Minute) || q.Running() != 0 {
		t.Error("it did not end")
	}
	if _, err := q.Start(t.Context(), "shop", job); core.CodeOf(err) != core.Unreachable {
		t.Errorf("after the end: %v", err)
	}
}

func TestAChangeThatIsNotBegun(t *testing.T) {
	q := NewChanges(NewHub(), quiet)
	wrong := core.Errorf(core.Conflict, "the world changed")
	for name, job := range map[string]Job{
		"refused": func(context.Context, string, func(core.Event)) (*core.Change, error) { return nil, wrong },
		"panics":  func(context.Context, string, func(core.Event)) (*core.Change, error) { panic("poison") },
	} {
		for range 300 { // nobody holds the instance when its caller hears of it
			if _, err := q.Start(t.Context(), "shop", job); err == nil || name == "refused" && !errors.Is(err, wrong) {
				t.Fatalf("%s: %v", name, err)
			}
			if holder := q.Holder("shop"); holder != "" {
				t.Fatalf("%s: change %s still holds the instance", name, holder)
			}
		}
	}
	if !q.Close(time.Minute) {
		t.Error("something still runs")
	}
}

func TestStoppingPutsChangesBack(t *testing.T) {
	q := NewChanges(NewHub(), quiet)
	state := make(chan core.ChangeState, 1)
	_, err := q.Start(t.Context(), "shop", func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		progress(core.Event{Change: id})
		<-ctx.Done() // as the applier does: told to stop, it rolls back
		state <- core.RolledBack
		return &core.Change{ID: id, State: core.RolledBack}, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	q.Close(10 * time.Millisecond)
	if s := <-state; s != core.RolledBack {
		t.Errorf("%s", s)
	}
}

func TestNext(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := map[string]struct{ spec, zone, after, next, says string }{
		"every quarter":                   {"*/15 * * * *", "UTC", "2026-11-21T18:01:00Z", "2026-11-21T18:15:00Z", ""},
		"at night in Berlin":              {"30 3 * * *", "Europe/Berlin", "2026-11-21T18:01:00Z", "2026-11-22T02:30:00Z", ""},
		"an hour that spring leaves out":  {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z", ""},
		"an hour that autumn has twice":   {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", ""},
		"words":                           {"@daily", "America/Sao_Paulo", "2026-11-21T18:01:00Z", "2026-11-22T03:00:00Z", ""},
		"six fields":                      {"* * * * * *", "UTC", "2026-11-21T18:01:00Z", "", "five fields"},
		"a zone that is none":             {"@daily", "Mars/Base", "2026-11-21T18:01:00Z", "", "is not a time zone"},
		"the zone of whoever runs us":     {"@daily", "Local", "2026-11-21T18:01:00Z", "", "is not a time zone"},
		"more than once a minute":         {"@every 10s", "UTC", "2026-11-21T18:01:00Z", "", "more than once a minute"},
		"what never comes":                {"0 0 31 2 *", "UTC", "2026-11-21T18:01:00Z", "", "never comes"},
		"nothing":                         {"", "UTC", "2026-11-21T18:01:00Z", "", "five fields"},
		"a zone where it does not belong": {"TZ=UTC * * * * *", "UTC", "2026-11-21T18:01:00Z", "", "names a time zone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			next, err := Next(tt.spec, tt.zone, at(tt.after))
			if tt.says != "" {
				if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || !next.Equal(at(tt.next)) {
				t.Errorf("%v, %v, want %v", next, err, tt.next)
			}
		})
	}
}

// clock is a scheduler with a time of its own.
type clock struct {
	*Scheduler
	t    *testing.T
	mu   sync.Mutex
	now  time.Time
	ran  chan string
	hold chan bool
	deny error
}

func newClock(t *testing.T) *clock {
	c := &clock{t: t, now: time.Date(2026, 11, 21, 18, 0, 30, 0, time.UTC), ran: make(chan string, 10), hold: make(chan bool)}
	c.Scheduler = &Scheduler{Store: aStore(t), Hub: NewHub(), Log: quiet, Now: c.read,
		Allowed: func(context.Context, core.Schedule) error { return c.deny },
		Run: func(_ context.Context, s core.Schedule) (string, error) {
			c.ran <- s.ID
			<-c.hold
			return "done", nil
		}}
	c.init()
	return c
}

// read and set are the time: a run reads it while the test moves it.
func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) add(id, spec string, next time.Time) {
	c.t.Helper()
	s := core.Schedule{ID: id, Instance: "shop", Kind: core.ScheduleDiagnose, Spec: spec, Zone: "UTC", Enabled: true, Created: c.now, Next: next}
	if err := c.Store.SaveSchedule(c.t.Context(), s, core.AuditEntry{At: c.now, Actor: "test", Action: "schedule.add", Outcome: "ok"}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clock) get(id string) core.Schedule {
	c.t.Helper()
	s, err := c.Store.Schedule(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func TestMissedRunsAreMadeUpForOnce(t *testing.T) {
	c := newClock(t)
	close(c.hold)
	c.add("s", "* * * * *", c.now.Add(-8*time.Hour)) // nothing ran for eight hours
	for range 3 {
		c.tick(t.Context())
	}
	c.runs.Wait()
	if len(c.ran) != 1 {
		t.Errorf("it ran %d times", len(c.ran))
	}
	if s := c.get("s"); !s.Next.Equal(time.Date(2026, 11, 21, 18, 1, 0, 0, time.UTC)) || s.Outcome != "ok" || s.Detail != "done" {
		t.Errorf("%+v", s)
	}
}

func TestAnOverrunIsLeftOutAndSaysSo(t *testing.T) {
	c := newClock(t)
	c.add("s", "* * * * *", c.now)
	c.tick(t.Context())
	<-c.ran
	c.set(c.now.Add(time.Minute))
	c.tick(t.Context())
	if s := c.get("s"); s.Outcome != "skipped" || !strings.Contains(s.Detail, "still under way") {
		t.Errorf("%+v", s)
	}
	close(c.hold)
	c.runs.Wait()
	if len(c.ran) != 0 {
		t.Error("it ran twice at once")
	}
}

func TestARunThatIsLeftOutIsNoFailure(t *testing.T) {
	c := newClock(t)
	close(c.hold)
	var told string
	c.Run = func(context.Context, core.Schedule) (string, error) { return "", &Skipped{"maintenance until noon"} }
	c.Ended = func(_ core.Schedule, outcome string) { told = outcome }
	c.add("s", "* * * * *", c.now)
	c.tick(t.Context())
	c.runs.Wait()
	if s := c.get("s"); s.Outcome != "skipped" || s.Detail != "maintenance until noon" || told != "skipped" {
		t.Errorf("%+v, told %q", s, told)
	}
}

func TestRightsAreAskedForAtEveryRun(t *testing.T) {
	c := newClock(t)
	close(c.hold)
	c.deny = core.Errorf(core.Forbidden, "no more")
	c.add("s", "* * * * *", c.now)
	c.tick(t.Context())
	c.runs.Wait()
	if s := c.get("s"); s.Outcome != "denied" || len(c.ran) != 0 {
		t.Errorf("%+v, ran %d times", s, len(c.ran))
	}
}

func TestAClockThatIsSetBackFiresNothingTwice(t *testing.T) {
	c := newClock(t)
	close(c.hold)
	c.add("s", "@hourly", c.now.Truncate(time.Hour))
	c.tick(t.Context()) // runs for 18:00
	c.runs.Wait()
	<-c.ran
	c.set(c.now.Add(-20 * time.Minute))
	for range 60 {
		c.tick(t.Context())
		c.set(c.now.Add(time.Minute)) // over 18:00 again, not yet 19:00
	}
	c.runs.Wait()
	if len(c.ran) != 0 {
		t.Errorf("18:00 ran %d times more", len(c.ran))
	}
	c.set(c.now.AddDate(-10, 0, 0))
	for range 3 * 60 {
		c.tick(t.Context())
		c.set(c.now.Add(time.Minute))
	}
	c.runs.Wait()
	if n := len(c.ran); n < 1 || n > 3 {
		t.Errorf("after a jump of ten years it ran %d times in three hours", n)
	}
}

// TestJitterIsBeforeTheRun: a run that is to begin later than its minute is not
// begun before, and is not lost when the agent stops meanwhile.
func TestJitterIsBeforeTheRun(t *testing.T) {
	c := newClock(t)
	close(c.hold)
	at := c.now.Truncate(time.Minute)
	c.add("s", "@hourly", at)
	s := c.get("s")
	s.Jitter = 3600
	if err := c.Store.SaveSchedule(t.Context(), s, core.AuditEntry{At: at, Actor: "test", Action: "schedule.edit", Outcome: "ok"}); err != nil {
		t.Fatal(err)
	}
	late := jitter(s)
	if again := jitter(s); late <= time.Minute || late >= time.Hour || late != again {
		t.Fatalf("its jitter is %v, and then %v", late, again)
	}
	stopped, stop := context.WithCancel(t.Context())
	c.tick(stopped)
	stop() // before it is due
	c.runs.Wait()
	if len(c.ran) != 0 || !c.get("s").Next.Equal(at) {
		t.Errorf("it ran %d times before it was due, and is due at %v", len(c.ran), c.get("s").Next)
	}
	c.set(at.Add(late))
	for range 3 {
		c.tick(t.Context())
	}
	c.runs.Wait()
	if len(c.ran) != 1 || !c.get("s").Next.Equal(at.Truncate(time.Hour).Add(time.Hour)) {
		t.Errorf("when it was due it ran %d times, and is due again at %v", len(c.ran), c.get("s").Next)
	}
}

// TestFewRunsAtOnce: what has no place yet is run later, also by the agent that
// comes after this one.
func TestFewRunsAtOnce(t *testing.T) {
	c := newClock(t)
	due := c.now
	for i := range runsAtOnce + 2 {
		c.add(fmt.Sprint("s", i), "@daily", due)
	}
	ctx, stop := context.WithCancel(t.Context())
	c.tick(ctx)
	for range runsAtOnce {
		<-c.ran
	}
	if n := len(c.ran); n != 0 {
		t.Errorf("%d more than %d ran at once", n, runsAtOnce)
	}
	stop()
	close(c.hold)
	c.runs.Wait()
	waiting := 0
	for i := range runsAtOnce + 2 {
		if s := c.get(fmt.Sprint("s", i)); s.Next.Equal(due) {
			waiting++
		} else if s.Outcome != "ok" {
			t.Errorf("%s is %q and due at %v", s.ID, s.Outcome, s.Next)
		}
	}
	if waiting != 2 {
		t.Errorf("%d are still due, want 2", waiting)
	}
	again := newClock(t)
	close(again.hold)
	again.Store = c.Store
	again.tick(t.Context())
	again.runs.Wait()
	if len(again.ran) != 2 {
		t.Errorf("the next agent ran %d", len(again.ran))
	}
}

// TestARunThatTheEndCutsOff is made up for by the agent that comes after.
func TestARunThatTheEndCutsOff(t *testing.T) {
	c := newClock(t)
	due := c.now
	c.add("s", "@daily", due)
	ctx, stop := context.WithCancel(t.Context())
	c.Run = func(ctx context.Context, _ core.Schedule) (string, error) {
		stop()
		return "", ctx.Err()
	}
	c.tick(ctx)
	c.runs.Wait()
	if s := c.get("s"); s.Outcome != "failed" || !s.Next.Equal(due) {
		t.Errorf("it is %q and due at %v, want %v", s.Outcome, s.Next, due)
	}
}

func TestReport(t *testing.T) {
	s, now := aStore(t), time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	if r, err := MakeReport(t.Context(), s, "shop", 7, now); err != nil || r.Uptime != nil || r.Total != 0 {
		t.Errorf("of nothing: %+v, %v", r, err)
	}
	for i, status := range []core.Status{core.Healthy, core.Unhealthy, core.Healthy, core.Healthy} {
		d := core.Diagnosis{ID: core.NewID(), InstanceID: "shop", Timestamp: now.Add(time.Duration(i-4) * time.Hour), Mode: core.Full, Status: status, RootCauses: []string{}}
		if status == core.Unhealthy {
			d.RootCauses = []string{"PG-01"}
		}
		if err := s.SaveDiagnosis(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
	}
	r, err := MakeReport(t.Context(), s, "shop", 7, now)
	if err != nil || r.Uptime == nil || *r.Uptime != 75 || r.Total != 4 || len(r.Issues) != 1 || r.Issues[0] != (core.Count{Code: "PG-01", Count: 1}) {
		t.Errorf("%+v, %v", r, err)
	}
	var b strings.Builder
	if err := r.CSV(&b); err != nil || b.String() != "instance,day,diagnostics,up_seconds,down_seconds,worst,root_causes,status_changes,outages\nshop,2026-11-21,4,10800,3600,unhealthy,PG-01×1,2,1\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}
