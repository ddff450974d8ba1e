package queue

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// Job carries out one change under the given ID and tells how far it is. It
// returns no change when nothing was begun.
type Job func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error)

// Changes runs changes in the background, one at a time per instance. The
// journal is what survives: a change that was under way when the process died
// is put back by the next.
type Changes struct {
	Hub   *Hub
	Log   *slog.Logger
	Ended func(*core.Change) // for metrics; may be nil

	mu      sync.Mutex
	running map[string]string // instance to the change that holds it
	turns   uint64            // how often that changed
	closed  bool
	all     sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelFunc
}

// NewChanges returns a queue in which nothing runs.
func NewChanges(hub *Hub, log *slog.Logger) *Changes {
	q := &Changes{Hub: hub, Log: log, running: map[string]string{}}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// Start begins a change of an instance and returns its ID as soon as it is
// written down, or why it was not begun. While one is under way a second is a
// core.Conflict that names the first.
func (q *Changes) Start(ctx context.Context, instance string, job Job) (string, error) {
	id := core.NewID()
	if err := q.hold(instance, id); err != nil {
		return "", err
	}
	begun := make(chan error, 2)
	tell := sync.OnceFunc(func() { begun <- nil })
	go func() {
		c, err := q.run(id, job, func(e core.Event) {
			q.Hub.Publish("change", instance, e)
			tell()
		})
		if c == nil {
			q.release(instance) // first: who hears of it asks who holds the instance
			begun <- err        // tell was never called: its event comes after the change was saved
			return
		}
		defer q.release(instance)
		tell()
		if q.Ended != nil {
			q.Ended(c)
		}
	}()
	select {
	case err := <-begun:
		return id, err
	case <-ctx.Done():
		return id, ctx.Err()
	}
}

// run runs the job and turns a panic into an error: the journal has what the
// next start needs.
func (q *Changes) run(id string, job Job, progress func(core.Event)) (c *core.Change, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("change %s: panic: %v", id, p)
			q.Log.Error("a change panicked", "change", id, "panic", p)
		}
	}()
	return job(q.ctx, id, progress)
}

func (q *Changes) hold(instance, id string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return &core.Error{Code: core.Unreachable, Message: "Basewright is stopping", Hint: "try again when it is back"}
	}
	if holder, ok := q.running[instance]; ok {
		return core.Errorf(core.Conflict, "change %s is under way on %s", holder, instance)
	}
	q.running[instance] = id
	q.turns++
	q.all.Add(1)
	return nil
}

func (q *Changes) release(instance string) {
	q.mu.Lock()
	delete(q.running, instance)
	q.turns++
	q.mu.Unlock()
	q.all.Done()
}

// Holder returns the change that holds an instance, "" when none does.
func (q *Changes) Holder(instance string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running[instance]
}

// Turns counts the changes that began to hold an instance, or ceased to: as long
// as it is the same, every Holder is.
func (q *Changes) Turns() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.turns
}

// Running returns how many changes are under way.
func (q *Changes) Running() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.running)
}

// Close takes no more changes and waits for those under way; after patience
// they are told to stop, which puts them back, and are waited for as long again.
// It reports whether all of them ended.
func (q *Changes) Close(patience time.Duration) bool {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.all.Wait()
		close(done)
	}()
	defer q.cancel()
	if !waitTimer(patience, done) {
		return true
	}
	q.cancel()
	return !waitTimer(patience, done)
}
