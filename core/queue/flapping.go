package queue

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
)

// An instance flaps when its status changed so often in the last diagnoses; it
// is steady again when it changed hardly any more in as many.
const (
	flapWindow = 12
	flapMany   = 5
	flapFew    = 2
)

// pulse is the last statuses of an instance, and what was last said of it.
type pulse struct {
	last  []core.Status // oldest first
	flaps bool
}

// beat takes one more status, and reports whether there is something to say.
func (p *pulse) beat(s core.Status) (news bool) {
	p.last = append(p.last, s)
	p.last = p.last[max(0, len(p.last)-flapWindow):]
	was := p.flaps
	switch n := turnsOf(p.last); {
	case n >= flapMany:
		p.flaps = true
	case n <= flapFew:
		p.flaps = false
	}
	return p.flaps != was
}

// turnsOf counts changes of status.
func turnsOf(list []core.Status) (n int) {
	was := core.Unknown // the last status that was known
	for _, s := range list {
		if core.Turned(was, s) {
			n++
		}
		if s != core.Unknown {
			was = s
		}
	}
	return n
}

// feel notes the status of a diagnosis, and says once that an instance flaps,
// and once that it is steady again.
func (q *Diagnoses) feel(ctx context.Context, d *core.Diagnosis) {
	q.mu.Lock()
	p := q.pulses[d.InstanceID]
	q.mu.Unlock()
	if p == nil {
		var err error
		if p, err = q.firstPulse(ctx, d); err != nil {
			q.Log.Error("the last statuses of an instance cannot be read", "instance", d.InstanceID, "error", err)
			return
		}
	}
	q.mu.Lock()
	news, flaps := p.beat(d.Status), p.flaps
	q.mu.Unlock()
	if news && q.inMaintenance(ctx, d.InstanceID) {
		news = false
		flaps = !flaps // as it was: it is said when the window is over, if it is still so
	}
	q.mu.Lock()
	p.flaps = flaps
	if len(q.pulses) > manyPulses {
		clear(q.pulses) // of instances that are long gone
	}
	q.pulses[d.InstanceID] = p
	q.mu.Unlock()
	if news {
		q.Log.Warn("the status of an instance changes again and again", "instance", d.InstanceID, "flapping", flaps)
		q.Hub.Publish("flapping", d.InstanceID, map[string]any{"instance_id": d.InstanceID, "flapping": flaps, "at": d.Timestamp})
	}
}

// inMaintenance reports whether nothing is said of an instance now. When that
// cannot be told, it is said.
func (q *Diagnoses) inMaintenance(ctx context.Context, instance string) bool {
	windows, err := q.Store.Windows(ctx, q.Now())
	if err != nil {
		q.Log.Error("the maintenance windows cannot be read", "error", err)
	}
	return slices.ContainsFunc(windows, func(w core.Window) bool { return w.Holds(instance, q.Now()) })
}

const manyPulses = 10_000

// firstPulse is what was known of an instance before its diagnosis d.
func (q *Diagnoses) firstPulse(ctx context.Context, d *core.Diagnosis) (*pulse, error) {
	list, err := q.Store.Statuses(ctx, d.InstanceID, d.ID, flapWindow)
	p := &pulse{}
	for _, s := range list {
		p.beat(s)
	}
	return p, err
}

// Flapping returns how many instances change their status too often now.
func (q *Diagnoses) Flapping() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.pulses {
		if p.flaps {
			n++
		}
	}
	return n
}
