package core

import (
	"regexp"
	"slices"
	"time"
)

// Role is what a user is on an instance.
type Role string

const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // diagnoses, restarts, snapshots, runs playbooks
	Admin    Role = "admin"    // everything; on every instance also users and playbooks
)

// Roles lists the roles, the weakest first.
var Roles = []Role{Viewer, Operator, Admin}

// Verb is a kind of thing that somebody may do. Roles include verbs, API tokens
// are narrowed to some.
type Verb string

const (
	MayRead     Verb = "read"     // instances, diagnoses, history, changes, snapshots, schedules
	MayReadLogs Verb = "logs"     // what the services of an instance logged
	MayReadConf Verb = "config"   // settings, secrets masked
	MayDiagnose Verb = "diagnose" // run diagnoses and the sign-up probe
	MayRestart  Verb = "restart"  // start, stop, restart
	MaySnapshot Verb = "snapshot" // take and verify snapshots
	MayRepair   Verb = "repair"   // plan, apply and undo changes
	MaySchedule Verb = "schedule" // keep schedules
	MayAdmin    Verb = "admin"    // modes, users, grants, playbooks, audit
)

// Verbs lists every verb.
var Verbs = []Verb{MayRead, MayReadLogs, MayReadConf, MayDiagnose, MayRestart, MaySnapshot, MayRepair, MaySchedule, MayAdmin}

// least is the weakest role that includes a verb.
var least = map[Verb]Role{
	MayRead: Viewer, MayReadLogs: Viewer, MayReadConf: Viewer,
	MayDiagnose: Operator, MayRestart: Operator, MaySnapshot: Operator, MayRepair: Operator, MaySchedule: Operator,
	MayAdmin: Admin,
}

// May reports whether the role includes the verb. An unknown role or verb
// includes nothing.
func (r Role) May(v Verb) bool {
	need, ok := least[v]
	return ok && slices.Index(Roles, r) >= slices.Index(Roles, need)
}

// Stronger returns the role that includes more; "" is no role.
func (r Role) Stronger(other Role) Role {
	if slices.Index(Roles, other) > slices.Index(Roles, r) {
		return other
	}
	return r
}

// EveryInstance stands for all instances in a grant, a token or a schedule.
const EveryInstance = "*"

// User is a person, or a program with a name of its own.
type User struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Disabled bool            `json:"disabled"`
	Created  time.Time       `json:"created"`
	Grants   map[string]Role `json:"grants"` // instance, or "*", to role

	SecondFactor bool   `json:"second_factor"`      // a login needs a code, too
	Subject      string `json:"subject,omitempty"`  // who they are at the issuer of single sign-on
	Language     string `json:"language,omitempty"` // that they chose in the panel, empty for none
	Drawn        bool   `json:"-"`                  // the password was made for them, and they chose none yet
}

// DrawnHash begins what is kept of a password that was drawn: a person's own takes
// more work to try.
const DrawnHash = "$argon2id$v=19$m=8,t=1,p=1$"

// RoleOn returns the user's role on an instance, "" for none.
func (u User) RoleOn(instance string) Role {
	return u.Grants[EveryInstance].Stronger(u.Grants[instance])
}

// Token lets a script act for a user, within verbs and instances.
type Token struct {
	ID        string     `json:"id"`
	UserID    string     `json:"user_id"`
	Name      string     `json:"name"`
	Verbs     []Verb     `json:"verbs"`
	Instances []string   `json:"instances"` // "*" for all that the user has
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires"`
	LastUsed  *time.Time `json:"last_used"`
}

// Allows reports whether the token's own bounds include the verb on the
// instance. What its user may not do, it may not either.
func (t Token) Allows(v Verb, instance string) bool {
	return slices.Contains(t.Verbs, v) && (slices.Contains(t.Instances, EveryInstance) || slices.Contains(t.Instances, instance))
}

var validUser = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$`)

// ValidUserName reports whether name may name a user.
func ValidUserName(name string) bool { return validUser.MatchString(name) }
