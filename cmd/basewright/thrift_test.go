package main

import (
	"runtime/debug"
	"testing"
)

// TestThriftEndsWithTheLast: of two that keep memory small at once, the first to end
// does not end it for the other, nor does the limit outlast both.
func TestThriftEndsWithTheLast(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	if before <= ample {
		t.Skip("GOMEMLIMIT is set")
	}
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
