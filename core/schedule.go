package core

import "time"

// Schedule is something that happens again and again by itself.
type Schedule struct {
	ID       string       `json:"id"`
	Instance string       `json:"instance_id"` // "*" is every instance
	Kind     ScheduleKind `json:"kind"`
	Spec     string       `json:"spec"` // five fields of cron, or @hourly …
	Zone     string       `json:"zone"` // IANA name
	Mode     Depth        `json:"mode,omitempty"`
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
	ScheduleReport   ScheduleKind = "report"
	ScheduleBackup   ScheduleKind = "state-backup"
)

// ScheduleKinds maps each kind to the verb that its owner needs.
var ScheduleKinds = map[ScheduleKind]Verb{
	ScheduleDiagnose: MayDiagnose, ScheduleSnapshot: MaySnapshot, ScheduleReport: MayRead, ScheduleBackup: MayAdmin,
}
