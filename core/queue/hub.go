// Package queue decides when things happen: changes one at a time per instance,
// diagnoses that are shared by those who ask at once, schedules, and the events
// that tell whoever watches.
package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

const (
	remembered = 1024 // events that a reader who comes back can still get
	slack      = 64   // events that a slow reader may be behind
)

// Event is something that happened to an instance; it holds no secret.
type Event struct {
	ID       string // of this process and the number in it
	Kind     string // "change", "diagnosis", "flapping" or "schedule"
	Instance string
	Data     json.RawMessage

	seq uint64
}

// Hub passes events on. A reader who does not keep up is dropped, never waited
// for; it may come back and go on where it was.
type Hub struct {
	mu      sync.Mutex
	boot    string
	seq     uint64
	past    []Event
	readers map[*Reader]bool
	closed  bool
}

// Reader gets events until it is closed, or is too slow.
type Reader struct {
	Events <-chan Event // closed when the reader is dropped

	hub   *Hub
	out   chan Event
	wants func(Event) bool
}

// NewHub returns a hub without readers.
func NewHub() *Hub {
	return &Hub{boot: core.NewID()[:8], readers: map[*Reader]bool{}}
}

// Publish tells every reader who wants to know.
func (h *Hub) Publish(kind, instance string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		b = []byte(strconv.Quote(fmt.Sprintf("the event cannot be shown: %v", err)))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	e := Event{ID: fmt.Sprintf("%s-%d", h.boot, h.seq), Kind: kind, Instance: instance, Data: b, seq: h.seq}
	if len(h.past) == remembered {
		h.past = append(h.past[:0], h.past[1:]...)
	}
	h.past = append(h.past, e)
	for r := range h.readers {
		if !r.wants(e) {
			continue
		}
		select {
		case r.out <- e:
		default:
			h.drop(r)
		}
	}
}

// Subscribe begins to read. With the ID of the last event that a reader saw it
// gets what came after, as far as that is remembered.
func (h *Hub) Subscribe(last string, wants func(Event) bool) *Reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	var missed []Event
	if last != "" {
		from := h.after(last)
		for _, e := range h.past {
			if e.seq > from && wants(e) {
				missed = append(missed, e)
			}
		}
	}
	r := &Reader{hub: h, out: make(chan Event, slack+len(missed)), wants: wants}
	r.Events = r.out
	for _, e := range missed {
		r.out <- e
	}
	if h.closed {
		close(r.out)
		return r
	}
	h.readers[r] = true
	return r
}

// after returns the number in this process that an ID stands for; one of an
// earlier process is before everything.
func (h *Hub) after(id string) uint64 {
	boot, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || boot != h.boot {
		return 0
	}
	return n
}

// drop must be called with the lock held.
func (h *Hub) drop(r *Reader) {
	if h.readers[r] {
		delete(h.readers, r)
		close(r.out)
	}
}

// Close ends the reading.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.hub.drop(r)
}

// Readers returns how many read now.
func (h *Hub) Readers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers)
}

// Close drops every reader, and those to come.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for r := range h.readers {
		h.drop(r)
	}
}

// waitTimer waits for d or until done is closed, and reports whether d passed.
func waitTimer(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}
