package queue

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestWhatCannotBeSeenIsUnknown: an engine that does not answer makes the state of an
// instance unknown, whatever was seen before; what fails for another reason says
// nothing of the instance.
func TestWhatCannotBeSeenIsUnknown(t *testing.T) {
	s, shop := aStore(t), core.Instance{ID: "shop", Project: "shop"}
	looked(t, s, "shop", time.Now().Add(-time.Minute), time.Second, core.Healthy)
	var fails error
	q := NewDiagnoses(func(context.Context, core.Instance, core.Depth, core.Trigger) (*core.Diagnosis, error) {
		return nil, fails
	}, s, NewHub(), quiet)
	for _, row := range []struct {
		fails error
		want  core.Status
	}{
		{context.Canceled, core.Healthy},
		{errors.New("a defect of ours"), core.Healthy},
		{core.Errorf(core.Unreachable, "the Docker Engine does not answer"), core.Unknown},
	} {
		fails = row.fails
		if _, err := q.Run(t.Context(), shop, core.Full, core.BySchedule); !errors.Is(err, row.fails) {
			t.Errorf("%v is told as %v", row.fails, err)
		}
		d, err := s.LastDiagnosis(t.Context(), "shop")
		if err != nil || d.Status != row.want {
			t.Fatalf("after %v it is %s, want %s: %v", row.fails, d.Status, row.want, err)
		}
		if row.want != core.Unknown {
			continue
		}
		if len(d.Unknowns) != 1 || !strings.Contains(d.Unknowns[0].Reason, "does not answer") || len(d.Results) != len(core.Categories) || d.Results[core.DiskUsage].Healthy {
			t.Errorf("it does not say why: %+v", d)
		}
	}
}
