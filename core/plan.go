package core

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Risk says how much care a plan needs before it is applied.
type Risk string

const (
	LowRisk    Risk = "low"    // a service is away for a moment
	MediumRisk Risk = "medium" // configuration or credentials change, and can be put back
	HighRisk   Risk = "high"   // data may change: typed confirmation, database snapshot first
)

// Playbook answers a finding with a Plan. It decides; it cannot act.
type Playbook struct {
	ID      string           `json:"id"` // the file's name without .lua
	Title   string           `json:"title"`
	Fixes   []string         `json:"fixes"` // finding codes
	Risk    Risk             `json:"risk"`
	Needs   []Op             `json:"needs"` // the operations it may return
	Params  map[string]Param `json:"params,omitempty"`
	Wants   Wants            `json:"wants"`
	BuiltIn bool             `json:"built_in"`
	MayExec bool             `json:"may_exec"`         // an admin allowed this text of it to run commands
	Guided  bool             `json:"guided,omitempty"` // its plans end before what may lose data
	Source  string           `json:"-"`                // its text
}

// Param is a setting of a playbook that whoever starts it may give.
type Param struct {
	Type    string `json:"type"` // string, int, bool or duration
	Default string `json:"default,omitempty"`
	Help    string `json:"help,omitempty"`
}

// Wants is what a playbook asks to see beyond the usual facts.
type Wants struct {
	Logs  map[string]int    `json:"logs,omitempty"`  // service to number of lines
	SQL   map[string]string `json:"sql,omitempty"`   // name to one read-only statement
	Files []string          `json:"files,omitempty"` // names inside the instance folder, or @compose, @mounted, @finding
	HTTP  map[string]string `json:"http,omitempty"`  // name to "service:port/path"

	Databases map[string]string `json:"databases,omitempty"` // name of a statement to its database; postgres where it is not said
	Release   []string          `json:"release,omitempty"`   // files of the instance's release, or .env for its settings
}

// Plan is what a change will do to one instance: data that can be shown,
// stored, compared and approved. Every change of an instance is a plan.
type Plan struct {
	Instance string   `json:"instance"`
	Playbook string   `json:"playbook"`
	Title    string   `json:"title"`
	Finding  string   `json:"finding,omitempty"` // code of the finding it is to mend
	Risk     Risk     `json:"risk"`
	Scope    Scope    `json:"snapshot"`
	Downtime Span     `json:"downtime_ms"` // estimated
	Actions  []Action `json:"actions"`
	Diff     []Diff   `json:"diff"`
	Claims   []string `json:"claims"` // codes that must be gone afterwards

	// Release is of Supabase, when the instance is of another one afterwards.
	Release *Move `json:"release,omitempty"`

	// Guided says that the repair could lose data, so that the plan does not do
	// it: it saves everything, proves that it can be read, and its notes say what
	// a person does next.
	Guided bool `json:"guided,omitempty"`

	Basis map[string]string `json:"basis"` // fingerprints of the facts it rests on
	Hash  string            `json:"plan_hash"`
}

// What Plan.Playbook says where no playbook made the plan. Undoing a change, and
// taking up the one of a killed agent, depend on it.
const (
	CreatePlaybook  = "create"
	DeletePlaybook  = "delete"
	ConfigPlaybook  = "config"
	RotatePlaybook  = "rotate"
	RestorePlaybook = "restore"
	UpgradePlaybook = "upgrade"
	UndoPlaybook    = "undo"
	StartPlaybook   = "start"
	StopPlaybook    = "stop"
	RestartPlaybook = "safe-restart"
)

// NoPlaybooks lists these names: no playbook may have one.
var NoPlaybooks = []string{
	CreatePlaybook, DeletePlaybook, ConfigPlaybook, RotatePlaybook, RestorePlaybook, UpgradePlaybook, UndoPlaybook,
	StartPlaybook, StopPlaybook, RestartPlaybook,
}

// Move is from which release of Supabase to which one a plan brings an instance.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Back is the move that takes this one back.
func (m *Move) Back() *Move {
	if m == nil {
		return nil
	}
	return &Move{From: m.To, To: m.From}
}

// Seal sets Hash to the SHA-256 over everything else in the plan.
func (p *Plan) Seal() error {
	p.Hash = ""
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("hash plan %s: %w", p.Playbook, err)
	}
	sum := sha256.Sum256(b)
	p.Hash = hex.EncodeToString(sum[:])
	return nil
}

// Diff is one effect of a plan as a person reads it; secrets are masked or
// shown as fingerprints.
type Diff struct {
	Target string `json:"target"` // "role authenticator", ".env", "container auth"
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Scope is how much of an instance a snapshot holds.
type Scope string

const (
	ConfigScope   Scope = "config"   // .env, compose files, what they mount, containers, role passwords
	DatabaseScope Scope = "database" // roles and a dump of each database
	VolumesScope  Scope = "volumes"
	FullScope     Scope = "full"
)

// Scopes lists the scopes that a snapshot may have.
var Scopes = []Scope{ConfigScope, DatabaseScope, VolumesScope, FullScope}

// Op names what an Action does. Package apply implements every one of them;
// nothing else can act.
type Op string

const (
	OpRestart         Op = "restart"
	OpStop            Op = "stop"
	OpStart           Op = "start"
	OpRecreate        Op = "recreate"
	OpUp              Op = "up"
	OpWaitHealthy     Op = "wait_healthy"
	OpWaitHTTP        Op = "wait_http"
	OpSetEnv          Op = "set_env"
	OpUnsetEnv        Op = "unset_env"
	OpGenerateSecret  Op = "generate_secret"
	OpMintKeys        Op = "mint_keys"
	OpAllocatePort    Op = "allocate_port"
	OpWriteFile       Op = "write_file"
	OpChmod           Op = "chmod"
	OpQuarantine      Op = "quarantine"
	OpSQL             Op = "sql"
	OpSetRolePassword Op = "set_role_password"
	OpConnectNetwork  Op = "connect_network"
	OpRenameContainer Op = "rename_container"
	OpCheck           Op = "check"
	OpNote            Op = "note"
	OpExec            Op = "exec"

	// No playbook may use these: only creation makes a folder and an instance.
	OpMakeFolder Op = "make_folder"
	OpRegister   Op = "register"
	OpTransplant Op = "transplant" // of another instance's data, into a clone

	// Nor these: only deletion takes an instance off the engine.
	OpRemove     Op = "remove"     // its containers and networks
	OpUnregister Op = "unregister" // once the change is committed, Basewright keeps it no longer

	// Nor this: only an upgrade saves what users own in the middle of its steps,
	// when nothing writes any more.
	OpSnapshot Op = "snapshot"
)

// Ops lists the closed set of operations.
var Ops = []Op{
	OpRestart, OpStop, OpStart, OpRecreate, OpUp, OpWaitHealthy, OpWaitHTTP, OpSetEnv, OpUnsetEnv,
	OpGenerateSecret, OpMintKeys, OpAllocatePort, OpWriteFile, OpChmod, OpQuarantine, OpSQL,
	OpSetRolePassword, OpConnectNetwork, OpRenameContainer, OpCheck, OpNote, OpExec,
}

// Action is one step of a plan. A secret in Args is a Handle such as
// {"secret":"env:POSTGRES_PASSWORD"}, never a value.
type Action struct {
	Op      Op             `json:"op"`
	Service Service        `json:"service,omitempty"`
	Args    map[string]any `json:"args,omitempty"`
	Why     string         `json:"why,omitempty"`
}

// Text returns the string argument name, or "".
func (a Action) Text(name string) string {
	s, _ := a.Args[name].(string)
	return s
}

// SecretHandle returns the text of the Handle in argument name, such as
// "env:POSTGRES_PASSWORD", or "" when it is none.
func (a Action) SecretHandle(name string) string {
	m, _ := a.Args[name].(map[string]any)
	s, _ := m["secret"].(string)
	return s
}

// String returns the action on one line: the operation, what it acts on, and
// the names and plain values of its arguments in order.
func (a Action) String() string {
	parts := []string{string(a.Op)}
	if a.Service != "" {
		parts = append(parts, string(a.Service))
	}
	names := make([]string, 0, len(a.Args))
	for k := range a.Args {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if h := a.SecretHandle(k); h != "" {
			parts = append(parts, k+"="+h)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%v", k, a.Args[k]))
	}
	return strings.Join(parts, " ")
}
