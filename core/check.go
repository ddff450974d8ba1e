package core

import (
	"context"
	"slices"
	"time"
)

// Severity says how bad a finding is. Higher is worse.
type Severity string

const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

var severityRank = map[Severity]int{Info: 1, Warning: 2, Critical: 3}

// AtLeast reports whether s is as bad as other or worse.
func (s Severity) AtLeast(other Severity) bool { return severityRank[s] >= severityRank[other] }

// Category groups findings the way people ask about them.
type Category string

const (
	ContainerStatus     Category = "container_status"
	ServiceHealth       Category = "service_health"
	DatabaseConnection  Category = "database_connection"
	APIEndpoints        Category = "api_endpoints"
	AuthService         Category = "auth_service"
	DiskUsage           Category = "disk_usage"
	NetworkConnectivity Category = "network_connectivity"
	Configuration       Category = "configuration"
	Isolation           Category = "isolation"
)

// Categories lists every category in the order in which people read them.
var Categories = []Category{
	ContainerStatus, ServiceHealth, DatabaseConnection, APIEndpoints, AuthService,
	DiskUsage, NetworkConnectivity, Configuration, Isolation,
}

// Subject is the service that people ask about with the category; "" when it is
// about all of them.
func (c Category) Subject() Service {
	switch c {
	case DatabaseConnection:
		return DB
	case APIEndpoints:
		return Gateway
	case AuthService:
		return Auth
	}
	return ""
}

// Looks reports whether the category tells whether services run and answer, so
// that it has a part in those that are about one service.
func (c Category) Looks() bool {
	return c == ContainerStatus || c == ServiceHealth || c == APIEndpoints
}

// Depth says how far a diagnosis looks.
type Depth string

const (
	Quick Depth = "quick" // containers and critical services
	Full  Depth = "full"  // everything that is read-only
	Deep  Depth = "deep"  // also what writes and cleans up after itself
)

// Depths are all there are, the least first.
var Depths = []Depth{Quick, Full, Deep}

// AtLeast reports whether a diagnosis of depth d looks at all that one of other does.
func (d Depth) AtLeast(other Depth) bool {
	return slices.Index(Depths, d) >= slices.Index(Depths, other)
}

// Checker looks at one aspect of an instance.
type Checker struct {
	ID       string // "database.logins": a room, a dot, an aspect
	Title    string // what holds when the check finds nothing
	Category Category
	Depth    Depth         // the least depth that includes it; empty means Full
	Files    bool          // it tells something from files alone, so lint runs it too
	Early    bool          // it probes: it may begin before all is observed, see Target.Whole
	Timeout  time.Duration // zero means the default of the run
	Finds    []Explanation // every code that Check may return

	// Check returns what is wrong; no finding means the title holds. An error
	// means the check could not tell, not that the instance is ill.
	Check func(ctx context.Context, t Target) ([]Finding, error)
}

// Target is what a Checker may see and ask: one instance, read-only.
type Target struct {
	*Observation
	Inspector
	Key      FingerprintKey // for evidence that names a secret
	Reserved []int          // ports of the host that are kept for other instances

	// Rest waits for the whole observation; nil when Observation is the whole.
	Rest func(ctx context.Context) (*Observation, error)
}

// Whole returns the target with the whole observation. An early check begins
// with the containers, without their logs, and .env, and calls it before it
// reads anything else. When the instance cannot be observed to the end, the
// diagnosis fails, so what the check makes of the error does not matter.
func (t Target) Whole(ctx context.Context) (Target, error) {
	if t.Rest == nil {
		return t, nil
	}
	whole, err := t.Rest(ctx)
	if err != nil {
		return t, err
	}
	t.Observation, t.Rest = whole, nil
	return t, nil
}

// Explained returns what a code means and the ID of the checker that finds it.
func Explained(all []Checker, code string) (e Explanation, checker string, ok bool) {
	for _, c := range all {
		for _, e := range c.Finds {
			if e.Code == code {
				return e, c.ID, true
			}
		}
	}
	return Explanation{}, "", false
}

// Explanation is what a code means, for a tired operator.
type Explanation struct {
	Code     string // "PG-01"
	Title    string
	Severity Severity

	// Level says how far from a cause this is. A finding goes under another
	// one of a lower level that affects its service, or under one of the same
	// level on a service that its own depends on; a Cause stands by itself.
	Level Level

	// OnHost says that it is about the machine, so that every instance on it has
	// it, and a report of several tells it once.
	OnHost bool

	// SymptomOf names causes under which this one goes all the same when both
	// are found on one path, though it can stand on its own.
	SymptomOf []string

	What    string // what happened
	Breaks  string // what it breaks for users
	Do      string // what to do
	Data    string // whether data is at risk
	Sources string // where upstream's facts come from
}

// Level is the distance of a finding from its cause.
type Level int

const (
	Cause       Level = iota // explains others: a wrong password, a full disk
	Crash                    // a process that died or does not start
	Malfunction              // a service that runs and answers badly, or not at all
	Consequence              // seen through others: a route, a gate, a user's error
)

// Finding is one thing that is wrong, with its proof.
type Finding struct {
	Code        string            `json:"code"`
	Severity    Severity          `json:"severity"`
	Service     Service           `json:"service"`
	Category    Category          `json:"category"`
	Title       string            `json:"title"`
	Explanation string            `json:"explanation"`
	Evidence    []Evidence        `json:"evidence"`
	CausedBy    *string           `json:"caused_by"`
	Remedies    []Remedy          `json:"remedies"`
	Details     map[string]string `json:"details,omitempty"` // facts for playbooks; never a secret

	// Affects lists the services whose failure this finding explains by proof.
	// Empty means its own Service.
	Affects []Service `json:"affects,omitempty"`
}

// CountsIn reports whether f belongs to what people ask about with c: it is of that
// category, or it says that the category's service does not run or answer.
func (f Finding) CountsIn(c Category) bool {
	return f.Category == c || c.Subject() != "" && f.Service == c.Subject() && f.Category.Looks() && f.Severity == Critical
}

// Evidence is a fact that proves a finding; never a secret.
type Evidence struct {
	Source string     `json:"source"` // "log:auth", "login:authenticator", "file:.env:12"
	Text   string     `json:"text"`
	At     *time.Time `json:"at,omitempty"`
}

// Remedy is a playbook that may mend a finding.
type Remedy struct {
	Playbook string `json:"playbook"`
	Risk     Risk   `json:"risk"`
	DataLoss string `json:"data_loss"` // "none" or what may be lost
}
