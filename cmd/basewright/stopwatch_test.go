package main

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"time"
)

// stopwatch notes how long rows take, so that the slow ones are known.
type stopwatch struct {
	mu   sync.Mutex
	laps []lap
}

type lap struct {
	name string
	took time.Duration
}

func (s *stopwatch) note(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laps = append(s.laps, lap{name, d})
}

// report prints the sum and the slowest.
func (s *stopwatch) report(t *testing.T) {
	slices.SortFunc(s.laps, func(a, b lap) int { return cmp.Compare(b.took, a.took) })
	var sum time.Duration
	for _, l := range s.laps {
		sum += l.took
	}
	t.Logf("%d rows, %.0f s one after the other; the slowest:", len(s.laps), sum.Seconds())
	for _, l := range s.laps[:min(15, len(s.laps))] {
		t.Logf("%6.1f s  %s", l.took.Seconds(), l.name)
	}
}
