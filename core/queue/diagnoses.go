package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// How often and how long diagnoses count.
const (
	Fresh      = 5 * time.Minute // a full diagnosis is served again for so long
	manualPace = 2 * time.Minute // between two runs that people ask for, per instance
	atOnce     = 4               // diagnoses at once; each asks its services in parallel
	longest    = 2 * time.Minute // of one run, the sign-up probe included
)

// Look diagnoses an instance; package diagnose does it.
type Look func(ctx context.Context, i core.Instance, d core.Depth, t core.Trigger) (*core.Diagnosis, error)

// Limited says that an instance was diagnosed too short a time ago.
type Limited struct {
	Instance string
	Wait     time.Duration
}

func (l *Limited) Error() string {
	return fmt.Sprintf("%s was diagnosed less than %s ago; wait %d s, or read the last diagnosis", l.Instance, manualPace, int(l.Wait.Seconds())+1)
}

// Diagnoses runs diagnoses, keeps them, and lets those who ask for the same at
// once share one.
type Diagnoses struct {
	Look  Look
	Store *store.Store
	Hub   *Hub
	Log   *slog.Logger
	Ended func(*core.Diagnosis, error) // for metrics; may be nil
	Now   func() time.Time

	mu      sync.Mutex
	flights map[flightKey]*flight
	manual  map[string]time.Time
	failed  map[string]error // of instances whose last run left nothing behind
	turns   uint64           // how often that changed
	pulses  map[string]*pulse
	waiting int
	slots   chan struct{}
}

type flightKey struct {
	instance string
	depth    core.Depth
}

// flight is a diagnosis under way.
type flight struct {
	done chan struct{}
	d    *core.Diagnosis
	err  error
}

// NewDiagnoses returns a desk at which nothing runs.
func NewDiagnoses(look Look, s *store.Store, hub *Hub, log *slog.Logger) *Diagnoses {
	return &Diagnoses{Look: look, Store: s, Hub: hub, Log: log, Now: time.Now,
		flights: map[flightKey]*flight{}, manual: map[string]time.Time{}, failed: map[string]error{}, pulses: map[string]*pulse{}, slots: make(chan struct{}, atOnce)}
}

// Manual runs a diagnosis that a person asked for: at most one per instance in
// two minutes, else it is *Limited. One that runs already is joined.
func (q *Diagnoses) Manual(ctx context.Context, i core.Instance, depth core.Depth) (*core.Diagnosis, error) {
	run, err := q.Admit(i, depth)
	if err != nil {
		return nil, err
	}
	return run(ctx)
}

// Admit says whether a person's diagnosis may run, and returns what runs it.
func (q *Diagnoses) Admit(i core.Instance, depth core.Depth) (run func(context.Context) (*core.Diagnosis, error), err error) {
	q.mu.Lock()
	runs := q.underWay(i, depth) != nil
	now := q.Now()
	last, ok := q.manual[i.ID]
	if wait := manualPace - now.Sub(last); !runs && ok && wait > 0 && wait <= manualPace {
		q.mu.Unlock()
		return nil, &Limited{i.ID, wait}
	}
	if !runs {
		q.manual[i.ID] = now
	}
	q.mu.Unlock()
	return func(ctx context.Context) (*core.Diagnosis, error) {
		d, err := q.Run(ctx, i, depth, core.ByHand)
		if err != nil {
			q.mu.Lock()
			delete(q.manual, i.ID) // nothing was seen, so nothing counts
			q.mu.Unlock()
		}
		return d, err
	}, nil
}

// underWay returns the least deep run of an instance that answers for depth, or
// nil. The caller holds the lock.
func (q *Diagnoses) underWay(i core.Instance, depth core.Depth) *flight {
	for _, d := range core.Depths {
		if f := q.flights[flightKey{i.ID, d}]; f != nil && d.AtLeast(depth) {
			return f
		}
	}
	return nil
}

// Run diagnoses an instance, or joins a run that is as deep or deeper. That goes
// on when ctx ends: others may wait for it, and its result is kept.
func (q *Diagnoses) Run(ctx context.Context, i core.Instance, depth core.Depth, t core.Trigger) (*core.Diagnosis, error) {
	key := flightKey{i.ID, depth}
	q.mu.Lock()
	f := q.underWay(i, depth)
	if f == nil {
		f = &flight{done: make(chan struct{})}
		q.flights[key] = f
		go q.fly(context.WithoutCancel(ctx), key, f, i, t)
	}
	q.waiting++
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		q.waiting--
		q.mu.Unlock()
	}()
	select {
	case <-f.done:
		return f.d, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting returns how many wait for a diagnosis now.
func (q *Diagnoses) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Turns grows whenever what Failed returns changes.
func (q *Diagnoses) Turns() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.turns
}

func (q *Diagnoses) fly(ctx context.Context, key flightKey, f *flight, i core.Instance, t core.Trigger) {
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("diagnose %s: panic: %v", i.ID, p)
		}
		q.mu.Lock()
		delete(q.flights, key)
		q.mu.Unlock()
		close(f.done)
	}()
	q.slots <- struct{}{}
	defer func() { <-q.slots }()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	f.d, f.err = q.Look(ctx, i, key.depth, t)
	if q.Ended != nil {
		q.Ended(f.d, f.err)
	}
	switch {
	case f.err == nil:
		q.Keep(ctx, i, f.d)
	case core.CodeOf(f.err) == core.Unreachable:
		q.Keep(ctx, i, q.unseen(i, key.depth, t, f.err))
	case !errors.Is(f.err, context.Canceled):
		q.fail(i.ID, f.err)
	}
}

// fail notes that a run of an instance left no diagnosis, and tells of it.
func (q *Diagnoses) fail(instance string, why error) {
	q.mu.Lock()
	q.failed[instance], q.turns = why, q.turns+1
	q.mu.Unlock()
	q.Hub.Publish("diagnosis_failed", instance, map[string]any{"instance_id": instance})
}

// Failed returns why the last run of an instance left no diagnosis; nil when it left
// one, or when none ran since the start.
func (q *Diagnoses) Failed(instance string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed[instance]
}

// unseen is the diagnosis of an instance that could not be looked at. It is kept like
// every other: what was seen before would pass for what is.
func (q *Diagnoses) unseen(i core.Instance, depth core.Depth, t core.Trigger, why error) *core.Diagnosis {
	d := &core.Diagnosis{
		ID: core.NewID(), Project: i.Project, Timestamp: q.Now().UTC(), Mode: depth, Trigger: t, Status: core.Unknown,
		Results: map[core.Category]core.CategoryResult{}, Findings: []core.Finding{}, RootCauses: []string{},
		Unknowns: []core.Unknowable{{Check: "observation", Reason: why.Error()}},
	}
	for _, c := range core.Categories {
		d.Results[c] = core.CategoryResult{Status: "unknown: " + why.Error(), Issues: []string{}}
	}
	return d
}

// Keep stores a diagnosis that was made of an instance, and tells of it.
func (q *Diagnoses) Keep(ctx context.Context, i core.Instance, d *core.Diagnosis) {
	d.InstanceID = i.ID
	q.mu.Lock()
	if q.failed[i.ID] != nil {
		delete(q.failed, i.ID)
		q.turns++
	}
	q.mu.Unlock()
	if err := q.Store.SaveDiagnosis(context.WithoutCancel(ctx), d); err != nil {
		q.Log.Error("a diagnosis could not be kept", "instance", i.ID, "error", err) // it is shown all the same
	}
	q.feel(context.WithoutCancel(ctx), d)
	q.Hub.Publish("diagnosis", i.ID, map[string]any{"id": d.ID, "instance_id": i.ID, "status": d.Status, "root_causes": d.RootCauses, "timestamp": d.Timestamp})
}

// Recent returns the last full diagnosis of an instance if it is fresh; an old
// one, or none, is core.NotFound.
func (q *Diagnoses) Recent(ctx context.Context, instance string) (core.Diagnosis, error) {
	d, err := q.Store.LastDiagnosis(ctx, instance)
	if err != nil {
		return d, err
	}
	if age := q.Now().Sub(d.Timestamp); age > Fresh || age < -Fresh {
		return d, core.Errorf(core.NotFound, "the last diagnosis of %s is older than %s", instance, Fresh)
	}
	return d, nil
}
