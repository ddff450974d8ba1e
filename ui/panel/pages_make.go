package panel

import "github.com/basewright/basewright/core"

// Adopt lists the projects that run on the engine.
type Adopt struct {
	Frame
	Found []Found
}

// Found is a project of the engine.
type Found struct {
	core.Instance
	Adopted bool
}

// Create is the form for a new instance.
type Create struct {
	Frame
	O        Order
	Problems []string
	Open     bool // more than the first fields was filled in
}

// Order is what was typed into it.
type Order struct {
	Name, ID, URL, SiteURL, Bind, Images, Postgres string
	SMTPHost, SMTPPort, SMTPUser, SMTPFrom         string
}

// Playbooks lists the playbooks with their record.
type Playbooks struct {
	Frame
	Books    []Record
	Problems []string
}

// Record is one playbook with how often it was kept and taken back.
type Record struct {
	core.Playbook
	Kept, Back int
}

// Playbook shows one, or lets an admin write it.
type Playbook struct {
	Frame
	ID, NewID, Heading string
	Book               core.Playbook
	Source             string
	Own, Editor        bool
	Checked            bool
	Problems           []string
}

// Security groups what the last diagnoses found about isolation and secrets.
type Security struct {
	Frame
	Groups []Group
	Blind  []core.Instance
}

// Group is a code and the instances that have it.
type Group struct {
	Code, Title, Do string
	Severity        core.Severity
	Hits            []Hit
}

// Hit is a finding in an instance.
type Hit struct {
	core.Finding
	Instance, Name string
}

// The names of the pages' templates.

func (*Adopt) Template() string     { return "adopt" }
func (*Create) Template() string    { return "create" }
func (*Playbooks) Template() string { return "playbooks" }
func (*Playbook) Template() string  { return "playbook" }
func (*Security) Template() string  { return "security" }
