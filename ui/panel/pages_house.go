package panel

import "github.com/basewright/basewright/core"

// Palette lists where somebody can go.
type Palette struct {
	Frame
	Places []Place
}

// Place is a page to go to; Note tells places of one name apart.
type Place struct{ Href, Icon, Title, Note string }

// Once is a secret that is shown this one time.
type Once struct{ Of, Text string }

// Users lists who may use Basewright.
type Users struct {
	Frame
	Users     []User
	Roles     []core.Role
	Instances []string
	Once      *Once
	Problem   string
	Name      string // of a user who could not be added
}

// User is one of them; Self is the one who looks.
type User struct {
	core.User
	Roles []Grant
	Self  bool
}

// Grant is a role on an instance, or on all.
type Grant struct {
	Instance string
	Role     core.Role
}

// Every reports whether the role is one on all instances.
func (g Grant) Every() bool { return g.Instance == core.EveryInstance }

// Tokens lists what scripts act with.
type Tokens struct {
	Frame
	Tokens        []Token
	Verbs         []core.Verb // that a new one could have
	Instances     []string
	Days, MaxDays int
	Once          *Once
	Problem       string
	Name          string
	Everybodys    bool
}

// Token is one of them; Owner is empty when it is one's own.
type Token struct {
	core.Token
	Owner string
	Over  bool
}

// Quarantine is what was moved out of the way instead of being deleted.
type Quarantine struct {
	Frame
	Problem string
	Items   []Aside
	Pager   Pager
}

// Aside is one thing in quarantine.
type Aside struct {
	core.Aside
	Over                 bool // it was kept as long as was meant
	MayRestore, MayPurge bool
}

// Audit is what was done, and whether the record of it is whole.
type Audit struct {
	Frame
	Entries  []core.AuditEntry
	Query    string
	Instance string
	Outcome  string
	Outcomes []string
	Older    string // address of the entries before these
	Verified *Proof
}

// Proof is the result of reading the whole audit log.
type Proof struct {
	Whole   bool
	Says    string
	Entries int64
	Hash    string
}

// Settings is how somebody likes the panel, who they are, and what the agent
// was started with.
type Settings struct {
	Frame
	Problem   string
	Grants    []Grant
	Factor    bool // they have a second one
	Effective []Effective
}

// Factor is one's second factor: a secret to begin with, or the recovery codes,
// which are shown once.
type Factor struct {
	Frame
	On       bool
	Secret   string
	Recovery []string
	Problem  string
}

// Effective is a setting of the agent as it holds now.
type Effective struct{ Name, Value, From string }

// About is this program.
type About struct {
	Frame
	Go, System               string
	Checks, Codes, Playbooks int
	Parts                    []Part
}

// Part is something that Basewright rests on, and how it is.
type Part struct {
	Name string
	Fine bool
	Says string
}

// The names of the pages' templates.

func (*Palette) Template() string    { return "palette" }
func (*Users) Template() string      { return "users" }
func (*Tokens) Template() string     { return "tokens" }
func (*Audit) Template() string      { return "audit" }
func (*Quarantine) Template() string { return "quarantine" }
func (*Settings) Template() string   { return "settings" }
func (*Factor) Template() string     { return "factor" }
func (*About) Template() string      { return "about" }
