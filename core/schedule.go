package core

import (
	"slices"
	"strings"
	"time"
)

// Schedule is something that happens again and again by itself.
type Schedule struct {
	ID       string       `json:"id"`
	Instance string       `json:"instance_id"` // "*" is every instance
	Kind     ScheduleKind `json:"kind"`
	Spec     string       `json:"spec"` // five fields of cron, or @hourly …
	Zone     string       `json:"zone"` // IANA name
	Mode     Depth        `json:"mode,omitempty"`
	Scope    Scope        `json:"scope,omitempty"`
	Jitter   int          `json:"jitter_seconds"` // a run begins so much later, at most
	Enabled  bool         `json:"enabled"`
	Owner    string       `json:"owner"` // id of the user whose right is asked for at every run
	Created  time.Time    `json:"created"`
	Next     time.Time    `json:"next"`
	Last     *time.Time   `json:"last"`
	Outcome  string       `json:"outcome"` // of the last run: "ok", "skipped", "denied" or "failed"
	Detail   string       `json:"detail"`
}

// ScheduleKind is what a schedule does.
type ScheduleKind string

const (
	ScheduleDiagnose ScheduleKind = "diagnose"
	ScheduleSnapshot ScheduleKind = "snapshot"
	ScheduleDrill    ScheduleKind = "restore-drill" // the newest snapshot of the database is restored and looked at
	ScheduleReport   ScheduleKind = "report"
	ScheduleBackup   ScheduleKind = "state-backup"
	ScheduleArchive  ScheduleKind = "audit-archive"
)

// ScheduleKinds maps each kind to the verb that its owner needs.
var ScheduleKinds = map[ScheduleKind]Verb{
	ScheduleDiagnose: MayDiagnose, ScheduleSnapshot: MaySnapshot, ScheduleDrill: MaySnapshot, ScheduleReport: MayRead,
	ScheduleBackup: MayAdmin, ScheduleArchive: MayAdmin,
}

// OfAgent reports whether a kind is about Basewright itself, not an instance.
func (k ScheduleKind) OfAgent() bool { return k == ScheduleBackup || k == ScheduleArchive }

const maxJitter = 3600 // seconds

// Check says what is wrong with what a schedule is to do; when it is due is not
// looked at.
func (s Schedule) Check() error {
	_, known := ScheduleKinds[s.Kind]
	switch {
	case s.Instance == "":
		return Errorf(Invalid, "the instance is missing; * is every instance")
	case !known:
		return Errorf(Invalid, "%.40q is not a kind of schedule: %s", s.Kind, strings.Join(kindNames(), ", "))
	case s.Kind.OfAgent() && s.Instance != EveryInstance:
		return Errorf(Invalid, "the kind %s is of Basewright itself: the instance is *", s.Kind)
	case s.Jitter < 0 || s.Jitter > maxJitter:
		return Errorf(Invalid, "the jitter is from 0 to %d seconds", maxJitter)
	case s.Mode != "" && (s.Kind != ScheduleDiagnose || !slices.Contains([]Depth{Quick, Full, Deep}, s.Mode)):
		return Errorf(Invalid, "mode is quick, full or deep, and for a diagnosis only")
	case s.Scope != "" && (s.Kind != ScheduleSnapshot || !slices.Contains(Scopes, s.Scope)):
		return Errorf(Invalid, "scope is one of %v, and for a snapshot only", Scopes)
	}
	return nil
}

func kindNames() []string {
	var names []string
	for k := range ScheduleKinds {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// Window is a time in which nothing happens to an instance by itself: no
// schedule runs on it and no playbook mends it. What people ask for is done.
type Window struct {
	ID       string    `json:"id"`
	Instance string    `json:"instance_id"` // "*" is every instance
	Begins   time.Time `json:"begins"`
	Ends     time.Time `json:"ends"`
	Reason   string    `json:"reason"`
	Actor    string    `json:"actor"`
	Created  time.Time `json:"created"`
}

// Holds reports whether the window is open for an instance at a moment.
func (w Window) Holds(instance string, at time.Time) bool {
	return (w.Instance == EveryInstance || w.Instance == instance) && !at.Before(w.Begins) && at.Before(w.Ends)
}

// longestWindow bounds a window: one that is forgotten must not silence for ever.
const longestWindow = 31 * 24 * time.Hour

// Check says what is wrong with a window.
func (w Window) Check(now time.Time) error {
	switch {
	case w.Instance == "":
		return Errorf(Invalid, "the instance is missing; * is every instance")
	case !w.Ends.After(w.Begins) || !w.Ends.After(now):
		return Errorf(Invalid, "a maintenance window ends after it begins, and not in the past")
	case w.Ends.Sub(w.Begins) > longestWindow:
		return Errorf(Invalid, "a maintenance window lasts at most %d days", int(longestWindow.Hours()/24))
	}
	return nil
}
