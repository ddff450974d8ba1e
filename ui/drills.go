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
	mu    sync.Mutex
	under map[string]bool
	vain  map[string]string
}

// drilled is how a drill came out.
type drilled struct {
	snapshot core.Snapshot
	err      error
}

// begin notes that a snapshot is tried, or reports that it is already.
func (d *drills) begin(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.under[id] {
		return false
	}
	if d.under == nil {
		d.under, d.vain = map[string]bool{}, map[string]string{}
	}
	d.under[id] = true
	delete(d.vain, id)
	return true
}

func (d *drills) end(id string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.under, id)
	if err != nil {
		d.vain[id] = plain(err)
	}
}

// state says whether a snapshot is being tried, or why that failed last.
func (d *drills) state(id string) (under bool, vain string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.under[id], d.vain[id]
}

// drill restores a snapshot into a throwaway database, also when who asked is
// gone meanwhile.
func (c *call) drill(s core.Snapshot) (<-chan drilled, error) {
	if !s.Holds(core.DatabaseScope) {
		return nil, core.Errorf(core.Invalid, "snapshot %s holds no database; only one that does is proven by a drill", s.ID)
	}
	if !c.drills.begin(s.ID) {
		return nil, core.Errorf(core.Conflict, "snapshot %s is being tried already", s.ID)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), drillTime)
	by, done := *c, make(chan drilled, 1)
	by.ctx = ctx
	go func() {
		defer cancel()
		out := drilled{snapshot: s}
		out.err = by.recorded("snapshot.drill", "snapshot "+s.ID, func() (string, error) {
			var err error
			out.snapshot, err = by.DrillSnapshot(ctx, by.instance, s)
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
