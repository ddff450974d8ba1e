package panel

import (
	"net/url"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/report"
)

// Login is the way in.
type Login struct {
	Frame
	Username, Next, Problem string
	Code                    bool   // of a second factor is wanted
	Issuer                  string // of single sign-on, "" for none
}

// Entered is shown for a moment to who comes back from the issuer.
type Entered struct {
	Frame
	Next string
}

// LoginCode asks who comes back from the issuer for the code of their second factor.
type LoginCode struct {
	Frame
	Problem string
}

// StillYou asks who is logged in to show that it is still they, and holds what they
// sent, to be sent again with it.
type StillYou struct {
	Frame
	Action, Problem string
	Sent            []Sent
	Code            bool   // of a second factor is wanted
	Issuer          string // where they may log in again instead, "" for nowhere
}

// Sent is a field of a form that was sent.
type Sent struct{ Name, Value string }

// Problem tells what went wrong, and the way back.
type Problem struct {
	Frame
	Status       int
	Detail, Hint string
	Back         string
	Change       string // the change that is in the way
	Request      string
}

// Fleet lists the instances.
type Fleet struct {
	Frame
	Total, Found int // instances that there are, and that the filter left
	Query        string
	Status, Sort string
	Group, Tag   string // what it is grouped by; the one tag that is shown
	Tags         []string
	Tally        []Tally
	Groups       []FleetGroup
	Pager        Pager
	MayDiagnose  bool

	Shown int    // rows on this page
	Live  string // where it asks for itself again, in the order that it has
	Moved bool   // it would be another page if it was asked for anew
}

// Tally counts the instances of one status, and leads to them alone.
type Tally struct {
	Status, Href string
	N            int
}

// FleetGroup is the rows of one group that are on the page; N counts all of it.
// Without groups there is one that is not By anything.
type FleetGroup struct {
	By, Name string
	N        int
	Rows     []FleetRow
}

// FleetRow is an instance in a line.
type FleetRow struct {
	ID, Name   string
	Tags       []string
	Release    string
	Host       string // of the engine that it runs on
	Status     core.Status
	Production bool
	Change     string // under way
	Code       string // of the first root cause
	Cause      string
	More       int    // further root causes
	Blind      string // why it could not be looked at
	Failed     string // why the last diagnosis left nothing
	Trend      []Bar
	Diagnosed  *time.Time
	Snapshot   *time.Time
}

// Pager leads through the pages of a list.
type Pager struct {
	Page, Pages   int
	Before, After string // addresses, empty at the ends
}

// Instance is what every page of an instance shows at its head.
type Instance struct {
	core.Instance
	Status     core.Status
	Production bool
	Change     string
	Quiet      *time.Time // when its maintenance ends
	Tab        string
	Tabs       []Tab
	May        Rights
}

// Tab is one of the pages of an instance.
type Tab struct{ ID, Path string }

// Rights say which buttons there are; the routes decide what they do.
type Rights struct {
	Diagnose, Power, Repair, Snapshot, Verify, Schedule, Admin bool
}

// Overview is the state of an instance.
type Overview struct {
	Frame
	Of       Instance
	Known    bool // it was diagnosed
	Summary  string
	Depth    core.Depth
	Took     time.Duration
	At       time.Time
	Since    string // what changed since it was healthy
	Causes   []Cause
	Remarks  []Cause
	Unknowns []core.Unknowable
	Cards    []Card
	Graph    Graph
	Snapshot *time.Time
}

// shownProof is how many lines of proof are not folded.
const shownProof = 3

// Cause is a finding that stands by itself, in the reader's language as far as
// it is translated.
type Cause struct {
	C                             report.Cause
	Instance                      string
	May                           bool // repair it
	Logs                          string
	Title, What, Breaks, Do, Data string

	// Said is the finding's own title, in English, where Title is a translation
	// of what its code is called in general.
	Said string
}

// First are the lines of proof that are shown at once.
func (c Cause) First() []core.Evidence {
	return c.C.Evidence[:min(len(c.C.Evidence), shownProof)]
}

// Rest are the lines of proof that are folded.
func (c Cause) Rest() []core.Evidence {
	return c.C.Evidence[min(len(c.C.Evidence), shownProof):]
}

// mostJump is how much of a line of proof is looked for in the logs.
const mostJump = 40

// Jump leads from a line of proof that a service logged to that line.
func (c Cause) Jump(e core.Evidence) string {
	service, logged := strings.CutPrefix(e.Source, "log:")
	if !logged {
		return ""
	}
	if e.At != nil { // the moment tells the line, however the logs are read
		return "/instances/" + c.Instance + "/logs?" + url.Values{"service": {service}, "at": {e.At.UTC().Format(time.RFC3339Nano)}}.Encode() + "#found"
	}
	words := []rune(e.Text)
	return "/instances/" + c.Instance + "/logs?" + url.Values{"service": {service}, "q": {string(words[:min(len(words), mostJump)])}}.Encode()
}

// Card is the result of one category.
type Card struct {
	Category core.Category
	Status   core.Status
	Words    string
}

// The names of the pages' templates.

func (*Login) Template() string     { return "login" }
func (*Entered) Template() string   { return "entered" }
func (*LoginCode) Template() string { return "logincode" }
func (*StillYou) Template() string  { return "still" }
func (*Problem) Template() string   { return "problem" }
func (*Fleet) Template() string     { return "fleet" }
func (*Overview) Template() string  { return "overview" }
