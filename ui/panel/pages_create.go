package panel

import "github.com/basewright/basewright/core"

// Adopt lists the projects that run on the engine; New says that one of them is
// not known yet.
type Adopt struct {
	Frame
	Found []Found
	New   bool
}

// Found is a project of the engine.
type Found struct {
	core.Instance
	Adopted bool
}

// Create is the form for a new instance, and what a look at the host says of
// what is filled in.
type Create struct {
	Frame
	From     *core.Snapshot // whose data it gets
	Groups   []FieldGroup
	Keep     bool
	Looked   bool
	ID       string
	Release  string
	Problems []Obstacle
}

// Clone is the form for a clone of an instance.
type Clone struct {
	Frame
	Of                         Instance
	Problem, Name, URL, Images string
	SchemaOnly                 bool
}

// FieldGroup is a part of the form; all but the first are folded.
type FieldGroup struct {
	ID     string
	Open   bool
	Fields []OrderField
}

// OrderField is a field of the form.
type OrderField struct {
	Group, Name, Kind, Holder, Value string
	Required, Code                   bool
	Choices                          []string // of the kind choice; the first is what is usual
}

// Obstacle is a reason why an instance cannot be made so.
type Obstacle struct{ What, Text string }

// Handover is what the owner of a new instance needs, shown once.
type Handover struct {
	Frame
	ID, Name, Dir string
	Keys          []Handed
}

// Handed is a line of it.
type Handed struct {
	Key, Value string // the value of a secret that is not shown is empty
	Secret     bool
	Shown      bool
}

// Keys is what it takes to use an instance; one secret at a time is shown.
type Keys struct {
	Frame
	Of   Instance
	Keys []Handed
}

// Security is what the last diagnoses say of doors that are open, and of what
// stacks share.
type Security struct {
	Frame
	Query, Category string
	Categories      []core.Category
	Groups          []Exposure
	Critical        int // exposures
	Warnings        int
	Clean, Total    int // instances
	Blind           []Choice
	Together        *Together // what a look at all stacks together found
}

// Together is what all stacks of the host share or have half written, by
// concern.
type Together struct {
	Stacks   int
	Concerns []Concern
}

// Concern is one question of it.
type Concern struct {
	ID, Title string
	Findings  []StackFinding
}

// StackFinding is a finding in a stack, which may be nobody's instance.
type StackFinding struct {
	Stack, Instance, Code, Title string
	Severity                     core.Severity
	Evidence                     []core.Evidence
	More                         int // lines of proof
}

// Exposure is a code and the instances that have it.
type Exposure struct {
	Code, Title, Breaks, Do string
	Category                core.Category
	Severity                core.Severity
	Hits                    []Hit
}

// Hit is one instance that has it.
type Hit struct {
	Choice
	Evidence []core.Evidence
}

// The names of the pages' templates.

func (*Adopt) Template() string    { return "adopt" }
func (*Create) Template() string   { return "create" }
func (*Handover) Template() string { return "handover" }
func (*Keys) Template() string     { return "keys" }
func (*Clone) Template() string    { return "clone" }
func (*Security) Template() string { return "security" }
