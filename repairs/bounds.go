package repairs

import (
	"context"
	"errors"
	"runtime/metrics"
	"time"
)

const (
	maxTime    = 2 * time.Second // of one child, its start included
	maxMemory  = 256 << 20       // of one child beyond what it has at its start
	softMemory = 160 << 20       // live Lua data; passing it can still name the line
	maxSteps   = 20 << 20        // of pattern matching in one run
	maxText    = 1 << 20         // bytes of a string that a library function makes
	maxValues  = 1000            // that a library function returns at once
	maxSort    = 1 << 16         // elements of a table that is sorted
	maxSource  = 64 << 10        // bytes of a playbook
	maxNesting = 200             // of brackets, blocks and operators
	maxActions = 64
)

var (
	errTime   = errors.New("took longer than 2 s")
	errMemory = errors.New("used more than 256 MiB of memory")
)

// bounds is a context whose error says which bound was passed: its text is
// what the Lua machine raises, at the line where it was.
type bounds struct{ context.Context }

func (b bounds) Err() error {
	if b.Context.Err() == nil {
		return nil
	}
	return context.Cause(b.Context)
}

// withinBounds returns a context that ends at the time until, or when Lua holds
// too much.
func withinBounds(ctx context.Context, until time.Time) (bounds, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	end := time.AfterFunc(time.Until(until), func() { cancel(errTime) })
	tick := time.NewTicker(5 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		live := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if metrics.Read(live); live[0].Value.Uint64() > softMemory {
				cancel(errMemory)
			}
		}
	}()
	return bounds{ctx}, func() {
		end.Stop()
		tick.Stop()
		close(done)
		cancel(context.Canceled)
	}
}
