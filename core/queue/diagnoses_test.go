package queue

import (
	"context"
	"errors"
	"runtime"
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

// TestARunAsDeepOrDeeperIsJoined: who asks for less than what is under way gets that,
// and is not told to wait; who asks for more gets a run of that depth.
func TestARunAsDeepOrDeeperIsJoined(t *testing.T) {
	for _, row := range []struct{ runs, asked, got core.Depth }{
		{core.Full, core.Quick, core.Full}, {core.Deep, core.Quick, core.Deep}, {core.Deep, core.Full, core.Deep},
		{core.Full, core.Full, core.Full}, {core.Quick, core.Full, core.Full}, {core.Full, core.Deep, core.Deep},
	} {
		s, shop := aStore(t), core.Instance{ID: "shop", Project: "shop"}
		begun, goOn := make(chan core.Depth, 2), make(chan struct{})
		q := NewDiagnoses(func(_ context.Context, i core.Instance, depth core.Depth, _ core.Trigger) (*core.Diagnosis, error) {
			begun <- depth
			<-goOn
			return &core.Diagnosis{ID: core.NewID(), Timestamp: time.Now(), Mode: depth, Status: core.Healthy}, nil
		}, s, NewHub(), quiet)
		first := make(chan *core.Diagnosis)
		go func() {
			d, _ := q.Run(t.Context(), shop, row.runs, core.BySchedule)
			first <- d
		}()
		<-begun
		q.manual["shop"] = time.Now() // somebody asked just now
		joins := row.got == row.runs
		if !joins {
			delete(q.manual, "shop")
		}
		second := make(chan *core.Diagnosis)
		go func() {
			d, err := q.Manual(t.Context(), shop, row.asked)
			if err != nil {
				t.Errorf("%s while %s runs: %v", row.asked, row.runs, err)
			}
			second <- d
		}()
		if !joins && <-begun != row.got {
			t.Errorf("%s while %s runs begins another depth", row.asked, row.runs)
		}
		for joins && q.Waiting() < 2 && !t.Failed() {
			runtime.Gosched()
		}
		close(goOn)
		one, two := <-first, <-second
		if two == nil || two.Mode != row.got || (one == two) != joins {
			t.Errorf("%s while %s runs got %+v", row.asked, row.runs, two)
		}
	}
}
