// Package ui is all that is spoken over HTTP. routes.go is its table of
// contents; each resource has a file of its own.
package ui

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/logs"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui/panel"
)

// Agent is what the routes work with.
type Agent struct {
	Works
	Store     *store.Store
	Keyring   *access.Keyring
	Hub       *queue.Hub
	Changes   *queue.Changes
	Diagnoses *queue.Diagnoses
	Scheduler *queue.Scheduler
	Log       *slog.Logger
	Metrics   *Metrics
	Version   string
	Host      string            // name of the machine whose instances these are, "" when that is not known
	Effective []panel.Effective // settings, as the agent was started
	Now       func() time.Time
	// SingleSignOn is nil where nobody logs in at an issuer.
	SingleSignOn *access.SingleSignOn

	logins      logins
	drills      drills
	paces       paces
	shares      shares
	silence     atomic.Pointer[string] // of the Docker Engine, when it was last looked at
	panel       pressroom
	description func() ([]byte, error) // OpenAPI, made when it is first asked for
	reader      func() (reader, error) // the same, to read
}

// Works is what the routes need of rooms that this one does not know.
type Works struct {
	// Engine returns nil when the Docker Engine answers.
	Engine   func(ctx context.Context) error
	Discover func(ctx context.Context) ([]core.Instance, error)
	// Category runs the checks of one category now; SignUp the sign-up probe.
	Category func(ctx context.Context, i core.Instance, c core.Category) (*core.Diagnosis, error)
	SignUp   func(ctx context.Context, i core.Instance) (*core.Diagnosis, error)
	// Logs gives emit what the services logged, in the order of time, and note
	// what is left out. With Follow it goes on until ctx ends.
	Logs func(ctx context.Context, i core.Instance, q LogQuery, emit func(logs.Entry) error, note func(string)) error

	// Create checks an order against the host and returns what it will be. What it
	// reserved is given back when the job is not begun or fails.
	Create func(ctx context.Context, o CreateOrder, actor string) (core.Instance, queue.Job, error)
	// Preflight lists all that is in the way of an order, and reserves nothing.
	Preflight func(ctx context.Context, o CreateOrder) (Preflight, error)
	// Handover returns what the owner of an instance needs to use it: addresses,
	// keys, the dashboard's login.
	Handover func(ctx context.Context, i core.Instance) ([]Handed, error)
	// Settings returns what is known of every setting of an instance; Configure
	// plans an edit of some.
	Settings  func(ctx context.Context, i core.Instance) ([]Setting, error)
	Configure func(ctx context.Context, i core.Instance, changes map[string]core.Secret, actor string) (queue.Job, error)
	// PlanConfig says what an edit would do, without doing it.
	PlanConfig func(ctx context.Context, i core.Instance, changes map[string]core.Secret) (core.Plan, error)
	// PlanFile says what another text of a file would do; EditFile does it, if the
	// plan is still the approved one.
	PlanFile func(ctx context.Context, i core.Instance, e FileEdit) (core.Plan, error)
	EditFile func(ctx context.Context, i core.Instance, e FileEdit, actor string) (queue.Job, error)
	// Files lists the files that a stack is made of. ShowFile is the text of one with
	// the lines that hold secrets masked; WholeFile brings those back that were left
	// alone in an edit of that, and says how the file would differ, masked.
	Files     func(ctx context.Context, i core.Instance) ([]string, error)
	ShowFile  func(ctx context.Context, i core.Instance, name string) (string, error)
	WholeFile func(ctx context.Context, i core.Instance, name, edited string) (core.Secret, core.Diff, error)
	// PlanClone says how a clone would be made, and keeps nothing; Clone is Create
	// for one, if the plan is still the approved one.
	PlanClone func(ctx context.Context, source core.Instance, o CloneOrder) (core.Plan, error)
	Clone     func(ctx context.Context, source core.Instance, o CloneOrder, actor string) (core.Instance, queue.Job, error)
	Upgrades
	// AuditStacks looks at all stacks of the host together.
	AuditStacks func(ctx context.Context) (StackAudit, error)

	Plan   func(ctx context.Context, i core.Instance, o RepairOrder) (core.Plan, error)
	Repair func(i core.Instance, o RepairOrder, actor string) queue.Job
	// PlanRotation also returns the clients that must change something.
	PlanRotation func(ctx context.Context, i core.Instance, o RotateOrder) (core.Plan, []string, error)
	Rotate       func(i core.Instance, o RotateOrder, actor string) queue.Job
	// Operate starts, stops or safely restarts an instance.
	Operate func(i core.Instance, what Operation, actor string) queue.Job
	Undo    func(change, actor string) queue.Job
	// CanUndo reports whether Undo takes on a change, as far as that tells.
	CanUndo func(core.Change) bool
	// DeleteInstance takes an instance off the engine; with shelve its data goes into quarantine.
	DeleteInstance func(i core.Instance, shelve bool, actor string) queue.Job

	Snapshot func(ctx context.Context, i core.Instance, scope core.Scope, reason string) (core.Snapshot, error)
	// VerifySnapshot returns the snapshot with what a look at it proved.
	VerifySnapshot func(ctx context.Context, s core.Snapshot) (core.Snapshot, error)
	// DrillSnapshot restores it into a throwaway database and returns it with what
	// that proved.
	DrillSnapshot func(ctx context.Context, i core.Instance, s core.Snapshot) (core.Snapshot, error)
	// PlanRestore says what a restore of the snapshot would replace; Restore does
	// it as a change.
	PlanRestore func(ctx context.Context, i core.Instance, s core.Snapshot, o RestoreOrder) (core.Plan, error)
	Restore     func(i core.Instance, s core.Snapshot, o RestoreOrder, actor string) queue.Job

	// RestoreAside puts back what is in quarantine; PurgeAside deletes it.
	RestoreAside func(ctx context.Context, id, actor string) (core.Aside, error)
	PurgeAside   func(ctx context.Context, id, actor string) (core.Aside, error)

	Playbooks     func(ctx context.Context) (books []core.Playbook, problems []string, err error)
	CheckPlaybook func(ctx context.Context, id, source string) (problems []string)
	SavePlaybook  func(ctx context.Context, id, source string) error
	// TestPlaybook runs the examples of a text; an error says why it cannot be run.
	TestPlaybook func(ctx context.Context, id, source string) ([]Example, error)
	// PlanPlaybook says what a text that is not saved would do to an instance now.
	PlanPlaybook func(ctx context.Context, i core.Instance, id, source string) (core.Plan, error)
	// PlaybookVersions returns the good versions of a user's own, the newest first.
	PlaybookVersions func(ctx context.Context, id string) ([]PlaybookVersion, error)
	Checks           func() []core.Checker
}

// RepairOrder says how to repair an instance.
type RepairOrder struct {
	Playbook string            `json:"playbook,omitempty" doc:"id of a playbook; may be left out when one alone mends the finding"`
	Finding  string            `json:"finding,omitempty" doc:"code of the finding to mend"`
	Params   map[string]string `json:"params,omitempty"`
	PlanHash string            `json:"plan_hash,omitempty" doc:"of the plan that was looked at and approved"`
	Confirm  string            `json:"confirm,omitempty" doc:"the instance's id, for a plan of high risk"`
}

// RestoreOrder says what of a snapshot to restore.
type RestoreOrder struct {
	Only     []core.Scope `json:"only,omitempty" doc:"config, database, volumes; all that the snapshot is of when left out"`
	PlanHash string       `json:"plan_hash,omitempty" doc:"of the plan that was looked at; when given, the plan must still be that one"`
	Confirm  string       `json:"confirm,omitempty" doc:"the instance's id; a restore replaces data"`
}

// Operation is what is done to an instance as a whole.
type Operation string

// The operations that a route asks for by its last part.
const (
	Start       Operation = "start"
	Stop        Operation = "stop"
	SafeRestart Operation = "safe-restart"
)

// LogQuery says which lines of the logs are wanted.
type LogQuery struct {
	Services []string
	Level    logs.Level
	Range    time.Duration // zero means the newest lines, however old
	Tail     int           // lines of each service; zero means the usual number
	Follow   bool
	After    time.Time // of what is followed, only what was logged later; zero for the newest lines
}
