// Package autonomy decides when a repair may be applied without a person. It is
// off until an admin allows one playbook on one instance, and then only for a
// playbook that people applied there with success before. The rules are pure;
// what they need is handed to them.
package autonomy

import (
	"fmt"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// What an admin allows who says nothing else.
const (
	DefaultAfter    = 3         // successes that people approved
	DefaultCooldown = time.Hour // between two applications
	DefaultPerHour  = 2         // automatic repairs of an instance, all playbooks together
	DefaultTogether = 3         // instances that may be ill at once
)

// Policy is what an admin allowed: one playbook, by its text, on one instance.
type Policy struct {
	Instance  string        `json:"instance"`
	Playbook  string        `json:"playbook"`
	Source    string        `json:"source"` // SHA-256 of the text that was allowed
	After     int           `json:"after"`
	Cooldown  time.Duration `json:"cooldown"`
	PerHour   int           `json:"per_hour"`
	Actor     string        `json:"actor"`
	At        time.Time     `json:"at"`
	Suspended string        `json:"suspended,omitempty"` // why it was taken away
}

// Check refuses a policy that makes no sense.
func (p Policy) Check() error {
	switch {
	case p.After < 1:
		return core.Errorf(core.Invalid, "a playbook earns its permission by at least one success that a person approved, not %d", p.After)
	case p.Cooldown < time.Minute:
		return core.Errorf(core.Invalid, "the time between two repairs is %s; it must be a minute at least", p.Cooldown)
	case p.PerHour < 1 || p.PerHour > 60:
		return core.Errorf(core.Invalid, "%d repairs an hour; it may be 1 to 60", p.PerHour)
	}
	return nil
}

// Past is one change of an instance that a playbook planned.
type Past struct {
	Change   string
	Playbook string
	At       time.Time
	State    core.ChangeState
	Actor    string
	Undone   bool // a person took it back
}

// actorPrefix begins the actor of a change that nobody started.
const actorPrefix = "auto:"

// Actor names who started an automatic repair.
func Actor(playbook string) string { return actorPrefix + playbook }

// Automatic reports whether nobody started the change.
func (p Past) Automatic() bool { return strings.HasPrefix(p.Actor, actorPrefix) }

// bad reports whether a change did not come to stay.
func (p Past) bad() bool {
	return p.State == core.RolledBack || p.State == core.RollbackFailed || p.Undone
}

// Record sums up what a playbook did on an instance.
type Record struct {
	Applied    int `json:"applied"`
	RolledBack int `json:"rolled_back"` // and those that people undid
	Automatic  int `json:"automatic"`   // of the applied
	Earned     int `json:"earned"`      // successes that people approved, since the last that did not stay
}

// Tell makes the record of a playbook out of an instance's past, oldest first.
func Tell(playbook string, past []Past) Record {
	var r Record
	for _, p := range past {
		switch {
		case p.Playbook != playbook:
		case p.bad():
			r.RolledBack++
			r.Earned = 0
		case p.State != core.Committed:
		case p.Automatic():
			r.Applied++
			r.Automatic++
		default:
			r.Applied++
			r.Earned++
		}
	}
	return r
}

// Judge returns nil when the playbook may be applied now without a person;
// otherwise the error says why not. A Forbidden stays until a person does
// something, a Conflict until some time has gone by. past is what happened to
// the instance, oldest first.
func Judge(p Policy, book core.Playbook, source string, past []Past, now time.Time) error {
	record := Tell(p.Playbook, past)
	no := func(format string, args ...any) error {
		return core.Errorf(core.Forbidden, "%s: %s", p.Playbook, fmt.Sprintf(format, args...))
	}
	switch {
	case p.Suspended != "":
		return no("its permission was taken away: %s", p.Suspended)
	case book.Risk == core.HighRisk:
		return no("a playbook of high risk is never applied by itself")
	case book.MayExec:
		return no("a playbook that runs commands is never applied by itself")
	case source != p.Source:
		return no("its text changed since it was allowed")
	case record.Earned < p.After && record.Automatic == 0:
		return no("%d of %d successes that a person approved", record.Earned, p.After)
	}
	hour := 0
	for _, c := range past {
		age := now.Sub(c.At)
		if age < 0 {
			return core.Errorf(core.Conflict, "%s: the clock went back; the last change is from %s", p.Playbook, c.At.UTC().Format(time.RFC3339))
		}
		if c.Playbook == p.Playbook && age < p.Cooldown {
			return core.Errorf(core.Conflict, "%s: applied %s ago, and again after %s at the earliest", p.Playbook, age.Round(time.Second), p.Cooldown)
		}
		if c.Automatic() && age < time.Hour {
			hour++
		}
	}
	if hour >= p.PerHour {
		return core.Errorf(core.Conflict, "%s: %d automatic repairs of this instance within an hour; a person should look at it", p.Playbook, hour)
	}
	return nil
}

// Fallen says why a permission must be taken away: an automatic repair by the
// playbook, since it was allowed, did not come to stay. "" when none did.
func Fallen(p Policy, past []Past) string {
	for _, c := range past {
		if c.Playbook == p.Playbook && c.Automatic() && c.bad() && !c.At.Before(p.At) {
			if c.Undone {
				return "change " + c.Change + " was undone by a person"
			}
			return fmt.Sprintf("change %s ended %s", c.Change, c.State)
		}
	}
	return ""
}

// StormCode is the finding of a host on which too many instances are ill at once.
const StormCode = "AUTO-01"

// Storm returns the finding that stops all automatic repair: more than together
// instances are ill at once, so the cause is the host's, and to repair each would
// only make it worse. It returns nil when there are not so many.
func Storm(ill []string, together int) *core.Finding {
	if len(ill) <= together {
		return nil
	}
	return &core.Finding{
		Code: StormCode, Severity: core.Critical, Service: core.Host, Category: core.ContainerStatus,
		Title:       fmt.Sprintf("%d instances are ill at once; nothing is repaired by itself any more", len(ill)),
		Explanation: "So many instances do not break by themselves within one round. What they share is ill: the disk, the memory, the engine, the network.",
		Evidence:    []core.Evidence{{Source: "diagnoses", Text: strings.Join(ill, ", ")}},
	}
}
