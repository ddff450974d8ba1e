package main

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/basewright/basewright/core/logs"
)

// How a stack is followed.
const (
	lookAgain = 2 * time.Second        // for containers that came or restarted
	settle    = 300 * time.Millisecond // a line waits so long for an older one of another service
	mostHeld  = 4096                   // lines that wait at once; beyond, the oldest goes out early
)

// follow shows the lines of all logs as they come, until ctx ends. A container
// that restarts or is made anew is taken up again. With flags.after it begins
// there, as exactly as time tells: of each service at most spanTail lines, and
// none that had that very moment or came later than settle behind another
// service's.
func (r *logReader) follow(ctx context.Context, show func(logs.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	f := &follower{logReader: r, lines: make(chan logs.Entry, 64), last: map[string]time.Time{}, busy: map[string]bool{}, life: map[string]time.Time{}, wg: &wg}
	if err := f.look(ctx); err != nil {
		return err
	}
	again, beat := time.NewTicker(lookAgain), time.NewTicker(settle/3)
	defer again.Stop()
	defer beat.Stop()
	var held entryHeap
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-f.lines:
			heap.Push(&held, queued{Entry: e, arrived: time.Now()})
		case <-again.C:
			if err := f.look(ctx); err != nil && ctx.Err() == nil {
				r.note(err.Error())
			}
		case <-beat.C:
		}
		for len(held) > 0 && (len(held) > mostHeld || time.Since(held[0].arrived) > settle) {
			if err := show(heap.Pop(&held).(queued).Entry); err != nil {
				return err
			}
		}
	}
}

// follower keeps one reader on each container that runs.
type follower struct {
	*logReader
	lines chan logs.Entry
	wg    *sync.WaitGroup

	mu   sync.Mutex
	last map[string]time.Time // of the newest line seen, by container
	busy map[string]bool      // containers with a reader
	life map[string]time.Time // when a container that had one was started
}

// look starts readers where there is none: on containers that are new or were
// started again, also those that died before anybody looked.
func (f *follower) look(ctx context.Context) error {
	sources, err := f.sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range sources {
		f.mu.Lock()
		after, start := f.last[s.id], false
		if life, known := f.life[s.id]; !f.busy[s.id] {
			start = s.runs || !known || !life.Equal(s.started)
			f.life[s.id] = s.started
		}
		f.busy[s.id] = f.busy[s.id] || start
		f.mu.Unlock()
		if start {
			f.wg.Go(func() { f.stay(ctx, s, after) })
		}
	}
	return nil
}

// stay reads one log until its container stops.
func (f *follower) stay(ctx context.Context, s logSource, after time.Time) {
	send := sendTo(ctx, f.lines)
	from := after
	if from.IsZero() {
		from = f.flags.after
	}
	err := f.read(ctx, s, true, from, func(e logs.Entry) error {
		f.mu.Lock()
		f.last[s.id] = e.At
		f.mu.Unlock()
		return send(e)
	})
	if err != nil && ctx.Err() == nil && after.IsZero() {
		f.note("the log of " + string(s.service) + " could not be read: " + err.Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy[s.id] = err != nil && f.last[s.id].IsZero() // a log that cannot be read at all is not tried again
}
