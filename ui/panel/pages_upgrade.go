package panel

import (
	"time"

	"github.com/basewright/basewright/core"
)

// Upgrade leads an instance to a newer release: where it can go, what a person
// decides first, and how a rehearsal goes.
type Upgrade struct {
	Frame
	Of            Instance
	From, How     string // the release that it is of, and how that is known
	To            string
	Ways          []UpgradeWay // the newest first
	Conflicts     []UpgradeConflict
	Problem, Hint string
	Rehearsal     *Rehearsal
}

// UpgradeWay is a release that it can go to, with what breaks beside what came with
// the one before.
type UpgradeWay struct {
	To       string
	Chosen   bool
	Breaking []UpgradeNews
}

// UpgradeNews is what no file can change by itself.
type UpgradeNews struct{ Release, What, Do string }

// UpgradeConflict is one decision, about the places that both sides changed.
type UpgradeConflict struct {
	Name   string
	Places []UpgradePlace
}

// UpgradePlace is a place in three versions.
type UpgradePlace struct{ Where, Base, Ours, Theirs string }

// Rehearsal is an upgrade that is tried with a clone.
type Rehearsal struct {
	To, Stage, Problem, Actor string
	Well                      bool
	Begun, Ended              time.Time
	Changes                   []string // that made the clone and upgraded it
	State                     core.ChangeState
	Reason                    string
	Status                    core.Status
	Findings                  []Complaint
}

// Running reports whether more is to come.
func (r *Rehearsal) Running() bool { return r.Stage != "ended" }

// Took is how long it lasted.
func (r *Rehearsal) Took() time.Duration { return r.Ended.Sub(r.Begun) }

// Phases tell how far it is.
func (r *Rehearsal) Phases() []Phase {
	phases, state := []Phase{}, "done"
	for _, id := range []string{"clone", "upgrade", "look", "remove"} {
		if id == r.Stage {
			state = "now"
		}
		phases = append(phases, Phase{id, state})
		if state == "now" {
			state = "next"
		}
	}
	return phases
}

// Template is the name of the page's template.
func (*Upgrade) Template() string { return "upgrade" }
