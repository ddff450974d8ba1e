package core

import "time"

// Change is a plan being applied: what history shows, and what an agent that
// was killed in the middle finds again and rolls back.
type Change struct {
	ID       string      `json:"id"`
	Instance string      `json:"instance"`
	Plan     Plan        `json:"plan"`
	Actor    string      `json:"actor"` // "cli:ana", "user:ana", "schedule:nightly"
	State    ChangeState `json:"state"`
	Step     int         `json:"step"`                    // index of the action under way
	Snapshot string      `json:"snapshot,omitempty"`      // empty before it is taken
	Data     string      `json:"data_snapshot,omitempty"` // of the databases or volumes, when the plan may change them
	Reason   string      `json:"reason,omitempty"`        // why it was rolled back or failed
	Created  time.Time   `json:"created"`
	Finished time.Time   `json:"finished"`
	Before   Outlook     `json:"before"`
	After    Outlook     `json:"after"`
	Thinned  time.Time   `json:"thinned,omitzero"` // when its journal, evidence, actions and effect went; zero when it is whole
}

// Outlook is what a diagnosis said in short, before and after a change.
type Outlook struct {
	Status     Status   `json:"status"`
	RootCauses []string `json:"root_causes"`
	Critical   []string `json:"critical"` // "CODE service" of every critical finding

	// Evidence proves, before a change, the finding that it is to mend.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// ChangeState is a change's place in planned → approved → snapshotting →
// applying → verifying → committed, or → rolling_back → rolled_back, or
// rollback_failed, when a person is needed.
type ChangeState string

const (
	Planned        ChangeState = "planned"
	Approved       ChangeState = "approved"
	Snapshotting   ChangeState = "snapshotting"
	Applying       ChangeState = "applying"
	Verifying      ChangeState = "verifying"
	Committed      ChangeState = "committed"
	RollingBack    ChangeState = "rolling_back"
	RolledBack     ChangeState = "rolled_back"
	RollbackFailed ChangeState = "rollback_failed"
)

// Ended reports whether nothing more happens by itself.
func (s ChangeState) Ended() bool {
	return s == Committed || s == RolledBack || s == RollbackFailed
}

// JournalEntry is written before a step is taken, and its outcome after.
type JournalEntry struct {
	Change  string    `json:"change"`
	Seq     int       `json:"seq"`
	Step    string    `json:"step"` // "snapshot", "action 2: set_role_password …", "verify", "rollback"
	At      time.Time `json:"at"`
	Done    time.Time `json:"done,omitzero"` // zero while the step is under way, or was when the agent died
	Outcome string    `json:"outcome"`       // "", "ok" or what went wrong
}

// AuditEntry says who did what to which instance and how it ended. Entries are
// only ever added; each carries the hash of the one before it.
type AuditEntry struct {
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	Action   string    `json:"action"` // "change.apply", "change.end", "instance.create"
	Instance string    `json:"instance"`
	Outcome  string    `json:"outcome"` // "intent", "ok", "denied" or "failed"
	Detail   string    `json:"detail"`  // without secrets
	Prev     string    `json:"prev"`
	Hash     string    `json:"hash"`
}
