package core_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestSpansAreMilliseconds: every time that something takes is spoken in the unit
// that its name says, and comes back as it was.
func TestSpansAreMilliseconds(t *testing.T) {
	for want, v := range map[string]any{
		`"downtime_ms":90000`: core.Plan{Downtime: core.Span(90 * time.Second)},
		`"rto_ms":12400`:      core.Proof{RTO: core.Span(12400 * time.Millisecond)},
	} {
		if text, err := json.Marshal(v); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s, %v; want %s", text, err, want)
		}
	}
	var p core.Plan
	if err := json.Unmarshal([]byte(`{"downtime_ms":1500}`), &p); err != nil || p.Downtime.Duration() != 1500*time.Millisecond {
		t.Errorf("it comes back as %s, %v", p.Downtime.Duration(), err)
	}
	if err := json.Unmarshal([]byte(`{"downtime_ms":"soon"}`), &p); err == nil {
		t.Error("a word is taken for a time")
	}
	if text, err := json.Marshal(core.Proof{}); err != nil || strings.Contains(string(text), "rto") {
		t.Errorf("a snapshot that nobody tried: %s, %v", text, err)
	}
}
