package panel

import (
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

// Plan shows exactly what a change would do, and asks for approval.
type Plan struct {
	Frame
	Of         Instance
	Kind       string // repair, restore, config, file, clone or upgrade
	Plan       core.Plan
	Problem    string
	Params     []Param
	ParamsOpen bool
	Hidden     []Field
	Typed      bool // it is confirmed by typing the instance's id
	Allowed    bool // the instance may be changed
	Action     string
	Back       string
	Rehearse   string     // where a form sends it to be tried with a clone; "" for nowhere
	Rehearsal  *Rehearsal // of the same; nil when there was none
}

// Notes are what the plan says that nobody does but a person.
func (p *Plan) Notes() (notes []string) {
	for _, a := range p.Plan.Actions {
		if a.Op == core.OpNote {
			text, _ := a.Args["text"].(string)
			notes = append(notes, text)
		}
	}
	return notes
}

// Steps are the other actions.
func (p *Plan) Steps() []core.Action {
	return slices.DeleteFunc(slices.Clone(p.Plan.Actions), func(a core.Action) bool { return a.Op == core.OpNote })
}

// Param is a setting of a playbook.
type Param struct{ Name, Value, Default, Help string }

// Field is what a form carries along.
type Field struct{ Name, Value string }

// Change is a change under way, or its receipt.
type Change struct {
	Frame
	Instance string
	C        core.Change
	Steps    []Step
	Evidence []core.Evidence
	CanUndo  bool
}

// Step is a line of the journal; State is ok, now or bad.
type Step struct {
	Step, Outcome, State string
	At                   time.Time
	Took                 time.Duration
}

// Phase is a part of the way of a change; State is done, now, next or bad.
type Phase struct{ ID, State string }

// Ended reports whether nothing more happens by itself.
func (c *Change) Ended() bool { return c.C.State.Ended() }

// Took is how long it lasted.
func (c *Change) Took() time.Duration { return c.C.Finished.Sub(c.C.Created) }

// Class is the status whose colours tell how it stands.
func (c *Change) Class() string {
	switch c.C.State {
	case core.Committed:
		return "healthy"
	case core.RolledBack:
		return "degraded"
	case core.RollbackFailed:
		return "unhealthy"
	}
	return "info"
}

// phasesOf are the phases of a change in order, by the state that it is in meanwhile.
var phasesOf = []struct {
	id string
	at core.ChangeState
}{{"snapshot", core.Snapshotting}, {"apply", core.Applying}, {"verify", core.Verifying}, {"keep", core.Committed}}

// Phases tell how far it is. What makes an instance takes no snapshot: nothing is
// there yet.
func (c *Change) Phases() []Phase {
	var phases []Phase
	now := 0
	for _, p := range phasesOf {
		if p.at == core.Snapshotting && c.C.Plan.Playbook == core.CreatePlaybook {
			continue
		}
		if p.at == c.C.State {
			now = len(phases)
		}
		phases = append(phases, Phase{p.id, "next"})
	}
	last := len(phases) - 1
	switch c.C.State {
	case core.RollingBack, core.RollbackFailed:
		phases[last].ID, now = "back", last
	case core.RolledBack:
		phases[last].ID, now = "back", len(phases)
	case core.Committed:
		now = len(phases)
	}
	for i := range phases[:now] {
		phases[i].State = "done"
	}
	if now <= last {
		phases[now].State = "now"
	}
	if c.C.State == core.RollbackFailed {
		phases[last].State = "bad"
	}
	return phases
}

// Changes lists what was changed.
type Changes struct {
	Frame
	Of      Instance
	Changes []core.Change
	Pager   Pager
}

// History is the past of an instance.
type History struct {
	Frame
	Of         Instance
	Days       int
	Uptime     *float64
	Total      int
	MeanRepair *float64 // seconds
	Unproven   int
	Timeline   Timeline
	Looks      []core.Diagnosis
	Often      []Count
	Pager      Pager
}

// Count is a code and how often it was a root cause.
type Count struct {
	Code  string
	Title string // in the reader's language; "" for a code that nobody explains
	Count int
}

// The names of the pages' templates.

func (*Plan) Template() string    { return "plan" }
func (*Change) Template() string  { return "change" }
func (*Changes) Template() string { return "changes" }
func (*History) Template() string { return "history" }
