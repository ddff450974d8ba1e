package panel

import (
	"time"

	"github.com/basewright/basewright/core"
)

// Playbooks lists what mends.
type Playbooks struct {
	Frame
	Books    []Listed
	Problems []string
	Query    string
}

// Listed is a playbook in a line.
type Listed struct {
	core.Playbook
	Mends  []Code
	Record Record
}

// Code is a kind of finding.
type Code struct {
	Code, Title string
	Severity    core.Severity
}

// Record is what a playbook did: changes that stayed, and those that were taken
// back.
type Record struct {
	Kept, Back int
	Last       *time.Time
}

// Playbook shows one: its text, what it may do, what it did.
type Playbook struct {
	Frame
	Book      core.Playbook
	Source    string
	Mends     []Code
	Record    Record
	Versions  []Version
	Version   string // of an older text that is shown; empty for the one that counts
	At        time.Time
	Instances []Choice // that it could be planned for
}

// Effect is the difference that going back to the version would make.
func (p *Playbook) Effect() []core.Diff {
	return []core.Diff{{Target: p.Book.ID + ".lua", Before: p.Book.Source, After: p.Source}}
}

// Version is a text that a playbook once had; Now says that it has it.
type Version struct {
	ID  string
	At  time.Time
	Now bool
}

// Choice is an instance to choose.
type Choice struct{ ID, Name string }

// Editor is where an admin writes a playbook.
type Editor struct {
	Frame
	ID, NewID string
	Source    string
	BuiltIn   bool // what is saved takes the place of a built-in one
	Done      bool // it was checked
	Failed    bool // an example did not come out as it says
	Problems  []Complaint
	Examples  []Example
	Instances []Choice   // that the text could be planned for
	Instance  string     // that it was planned for
	Plan      *core.Plan // what it would do to that
}

// Complaint is what is wrong with a text; Line is 0 when it is about all of it.
type Complaint struct {
	Text string
	Line int
}

// Example is how one of the examples came out.
type Example struct {
	Number  int
	Passed  bool
	Message string
	Plan    []string
	Refusal string
}

// The names of the pages' templates.

func (*Playbooks) Template() string { return "playbooks" }
func (*Playbook) Template() string  { return "playbook" }
func (*Editor) Template() string    { return "editor" }
