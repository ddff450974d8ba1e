package ui

import (
	"context"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// drillTime bounds a drill, which takes as long as a restore of the data does.
const drillTime = 2 * time.Hour

// drills are the restore drills under way, and why those that showed nothing
// failed, by the ID of the snapshot.
type drills struct {
	mu      sync.Mutex
	under   map[string]context.CancelFunc
	vain    map[string]string
	stopped bool // no other begins
	all     sync.WaitGroup
}

// errStopping is why a drill ended, or was not begun.
var errStopping = &core.Error{Code: core.Unreachable, Message: "Basewright is stopping", Hint: "try the drill again when it is back"}

// drilled is how a drill came out.
type drilled struct {
	snapshot core.Snapshot
	err      error
}

// begin notes that a snapshot is tried until cancel, or says why it is not.
func (d *drills) begin(id string, cancel context.CancelFunc) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.stopped:
		return errStopping
	case d.under[id] != nil:
		return core.Errorf(core.Conflict, "snapshot %s is being tried already", id)
	case d.under == nil:
		d.under, d.vain = map[string]context.CancelFunc{}, map[string]string{}
	}
	d.under[id] = cancel
	delete(d.vain, id)
	d.all.Add(1)
	return nil
}

func (d *drills) end(id string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.under, id)
	if err != nil {
		d.vain[id] = plain(err)
	}
	d.all.Done()
}

// StopDrills cancels the restore drills under way and begins no other. It waits until
// what they made is removed, for so long at most, and reports whether it is; what is
// left the next start removes.
func (a *Agent) StopDrills(patience time.Duration) bool {
	d := &a.drills
	d.mu.Lock()
	d.stopped = true
	for _, cancel := range d.under {
		cancel()
	}
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		d.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(patience):
		return false
	}
}

func (d *drills) isStopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// state says whether a snapshot is being tried, or why that failed last.
func (d *drills) state(id string) (under bool, vain string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.under[id] != nil, d.vain[id]
}

// drill restores a snapshot into a throwaway database, also when who asked is
// gone meanwhile.
func (c *call) drill(s core.Snapshot) (<-chan drilled, error) {
	if !s.Holds(core.DatabaseScope) {
		return nil, core.Errorf(core.Invalid, "snapshot %s holds no database; only one that does is proven by a drill", s.ID)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), drillTime)
	if err := c.drills.begin(s.ID, cancel); err != nil {
		cancel()
		return nil, err
	}
	by, done := *c, make(chan drilled, 1)
	by.ctx = ctx
	go func() {
		defer cancel()
		out := drilled{snapshot: s}
		out.err = by.recorded("snapshot.drill", "snapshot "+s.ID, func() (string, error) {
			var err error
			out.snapshot, err = by.DrillSnapshot(ctx, by.instance, s)
			if err != nil && ctx.Err() != nil && by.drills.isStopped() {
				err = errStopping
			}
			return s.ID + ": " + out.snapshot.Proof.Detail, err
		})
		by.drills.end(s.ID, out.err)
		done <- out
	}()
	return done, nil
}

// drillSnapshot is drill for who waits for it.
func (c *call) drillSnapshot(s core.Snapshot) (any, error) {
	done, err := c.drill(s)
	if err != nil {
		return nil, err
	}
	select {
	case out := <-done:
		return snapshotOut{ok("it was restored into a throwaway database and looked at"), out.snapshot}, out.err
	case <-c.ctx.Done():
		return nil, core.Errorf(core.Unreachable, "the drill goes on; the proof of snapshot %s tells how it came out", s.ID)
	}
}
