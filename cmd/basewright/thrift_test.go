package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestThriftEndsWithTheLast: of two that keep memory small at once, the first to end
// does not end it for the other, nor does the limit outlast both. So it is also
// within the agent, whose memory is bounded at all times.
func TestThriftEndsWithTheLast(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	if old != math.MaxInt64 {
		t.Skip("GOMEMLIMIT is set")
	}
	defer debug.SetMemoryLimit(old)
	thriftEnds(t, old)
	bounded()
	thriftEnds(t, plenty)
}

func thriftEnds(t *testing.T, before int64) {
	t.Helper()
	first := thrifty()
	second := thrifty()
	first()
	first()
	if now := debug.SetMemoryLimit(-1); now != ample {
		t.Errorf("while one goes on the limit is %d", now)
	}
	second()
	if now := debug.SetMemoryLimit(-1); now != before {
		t.Errorf("afterwards the limit is %d", now)
	}
}
