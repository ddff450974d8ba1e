// Package apply is the writing journey: it carries out a plan under a snapshot,
// verifies it, and puts the instance back if the plan did not do what it claims.
// Nothing else changes an instance.
//
// Every step is written to the journal before it is taken. So an agent that was
// killed anywhere finds at its next start what was under way, and puts it back.
package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// Journal is where changes are written down. What its writing methods took is
// on the disk when they return.
type Journal interface {
	// SaveChange stores a change with its audit entries, all or nothing. A second
	// change of an instance while one is under way is a core.Conflict.
	SaveChange(ctx context.Context, c core.Change, entries ...core.AuditEntry) error
	Change(ctx context.Context, id string) (core.Change, error)
	Unfinished(ctx context.Context) ([]core.Change, error)
	// Intent and Outcome store a step together with the change as it is.
	Intent(ctx context.Context, c core.Change, e core.JournalEntry) error
	Outcome(ctx context.Context, c core.Change, e core.JournalEntry) error
	Journal(ctx context.Context, change string) ([]core.JournalEntry, error)
	SaveSnapshot(ctx context.Context, s core.Snapshot) error
	Snapshot(ctx context.Context, id string) (core.Snapshot, error)
	Ports
	Asides
}

// Asides is the list of what is in quarantine.
type Asides interface {
	SaveAside(ctx context.Context, a core.Aside, entries ...core.AuditEntry) error
	Aside(ctx context.Context, id string) (core.Aside, error)
	// AsidesOf lists what a change set aside, in order.
	AsidesOf(ctx context.Context, change string) ([]core.Aside, error)
}

// Ports keeps ports of the host for instances.
type Ports interface {
	// ReservePort keeps a port for a variable of an instance. One that another
	// instance has is a core.Conflict.
	ReservePort(ctx context.Context, change, instance, key string, port int) error
	// ReservedPorts lists the ports that other instances keep.
	ReservedPorts(ctx context.Context, instance string) ([]int, error)
	// ReleasePorts gives back the ports that a change reserved.
	ReleasePorts(ctx context.Context, change string) error
}

// Snapshots takes snapshots and puts instances back from them.
type Snapshots interface {
	// Take snapshots what obs saw, and the files in also.
	Take(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, reason string, also ...string) (core.Snapshot, error)
	// Covers returns nil when the snapshot can undo writes to the files and,
	// with roles, to role passwords.
	Covers(s core.Snapshot, files []string, roles bool) error
	// Instance returns the instance as it was; its containers may be gone.
	Instance(s core.Snapshot) (core.Instance, error)
	// Containers returns name, compose service, restart policy and state of the
	// containers as they were.
	Containers(s core.Snapshot) ([]core.Container, error)
	// Restore puts the instance back, but for the containers of the compose
	// services in leave. Running it twice does no harm.
	Restore(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot, leave ...string) error
	// Displaced returns the files that Restore put others in place of, each as it
	// was found, and in the same order as the snapshot has them.
	Displaced(s core.Snapshot) (found, kept []core.File, err error)
	// Same returns nil when the instance is what the snapshot saw, but for the
	// containers of the compose services in leave.
	Same(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot, leave ...string) error
	// Mark records how a change left the instance; Drift returns nil while it
	// is still so, or a core.Conflict that names what is not.
	Mark(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot) error
	Drift(ctx context.Context, e core.Engine, inst core.Instance, s core.Snapshot) error
}

// Applier carries out plans.
type Applier struct {
	Open     func(ctx context.Context, inst core.Instance) (core.Engine, error)
	Diagnose func(ctx context.Context, e core.Engine, inst core.Instance) (*core.Diagnosis, error)
	// Basis returns the fingerprints of the facts that a plan rests on, as they
	// are now.
	Basis func(obs *core.Observation, p core.Plan) map[string]string
	// Fingerprint is that of a secret, for the audit log; nil notes none.
	Fingerprint func(core.Secret) string
	Journal     Journal
	Snapshots   Snapshots
	Data        DataSnapshots // nil: plans that may change data are refused
	// ReleaseOf tells of which release of Supabase the files of an instance are, ""
	// when they do not tell. Nil tells of none.
	ReleaseOf func(ctx context.Context, in core.Inspector) string
	// MayExec reports whether an admin allowed a plan's playbook to run commands.
	// Nil allows none.
	MayExec func(ctx context.Context, p core.Plan) bool
	LockDir string // a file per instance says which change holds it
	HostDir string // locks of instances without a folder here; empty means the system's folder for temporary files

	// Unmake removes all that a creating change made: containers, networks,
	// volumes, folder and reservations. Running it twice does no harm. It is nil
	// where nothing is created.
	Unmake func(ctx context.Context, c core.Change) error

	Settle          time.Duration // how long verification waits for a good diagnosis; zero means 20 s
	RollbackTimeout time.Duration // zero means 5 min, and an hour when data may have to be loaded
	RecoverWithin   time.Duration // Recover leaves older changes alone; zero means none is too old
	Progress        func(core.Event)
	Retain          func(ctx context.Context, instance string) error // called after each change
	Failpoint       func(name string)                                // nil but in tests
	Now             func() time.Time
	NewID           func() string
}

const (
	settleTime      = 20 * time.Second
	rollbackTimeout = 5 * time.Minute
)

// work is what a change does: a plan's actions, or the undoing of a change.
type work struct {
	ready  func(ctx context.Context, t *transaction, obs *core.Observation) error // refuses before anything is touched
	first  func(ctx context.Context, t *transaction) error                        // touches nothing; may be nil
	do     func(ctx context.Context, t *transaction) error
	verify func(ctx context.Context, t *transaction) error
	writes func(env string) []string // files that it may write; env is the name of the .env
	roles  bool                      // it may change role passwords
	given  map[string]core.Secret    // secrets that are in no file yet
}

// Apply carries out plan, which the actor approved by its hash, on inst. An
// error without a change means that nothing was done; with one, the change says
// how it ended. The plan is kept only if every code it claims to mend is gone
// and nothing critical is new; otherwise the instance is put back.
func (a *Applier) Apply(ctx context.Context, inst core.Instance, plan core.Plan, actor, approvedHash string) (*core.Change, error) {
	return a.ApplyGiven(ctx, inst, plan, actor, approvedHash, nil)
}

// ApplyGiven is Apply for a plan with secrets that are nowhere yet, by their
// keys: the plan names them given:KEY.
func (a *Applier) ApplyGiven(ctx context.Context, inst core.Instance, plan core.Plan, actor, approvedHash string, secrets map[string]core.Secret) (*core.Change, error) {
	if err := a.validate(inst, plan, approvedHash); err != nil {
		return nil, err
	}
	if err := a.permitted(ctx, plan); err != nil {
		return nil, err
	}
	if err := allGiven(plan, secrets); err != nil {
		return nil, err
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		given: secrets,
		ready: func(_ context.Context, t *transaction, obs *core.Observation) error {
			if err := t.sameBasis(obs); err != nil {
				return err
			}
			return checkPlanData(inst, obs, plan, t.env)
		},
		do:     func(ctx context.Context, t *transaction) error { return t.act(ctx) },
		verify: func(ctx context.Context, t *transaction) error { return t.verify(ctx) },
		writes: func(env string) []string { return writes(plan, env) }, roles: touchesRoles(plan),
	})
}

// carryOut holds the instance, makes sure that it may be changed, has the change
// and its audit entry written down, and runs it.
func (a *Applier) carryOut(ctx context.Context, inst core.Instance, plan core.Plan, actor string, w work) (*core.Change, error) {
	c := &core.Change{ID: a.newID(), Instance: inst.ID, Plan: plan, Actor: actor, State: core.Planned, Created: a.now()}
	e, release, err := a.begin(ctx, inst, c.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	obs, err := e.Observe(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", inst.ID, err)
	}
	t := &transaction{Applier: a, work: w, e: e, inst: inst, c: c, env: envName(inst, obs), before: obs.Env.Vars, local: obs.Host.Local, mask: core.NewMask(obs), begun: true}
	for key, v := range w.given {
		t.mask.Know(key, v)
	}
	if err := w.ready(ctx, t, obs); err != nil {
		return nil, t.mask.Err(err)
	}
	c.State = core.Approved
	if err := t.at("approve", func() error { return t.save(ctx, t.entry("change.apply", "intent", plan.Title)) }); err != nil {
		return nil, fmt.Errorf("nothing was done, since it could not be written down: %w", err)
	}
	t.say("", "")
	err = t.run(ctx)
	if a.Retain != nil {
		if err := a.Retain(context.WithoutCancel(ctx), inst.ID); err != nil {
			t.say("remove old snapshots", t.mask.Text(err.Error()))
		}
	}
	return c, err
}

// begin takes an instance for a change and opens its engine.
func (a *Applier) begin(ctx context.Context, inst core.Instance, change string) (core.Engine, func(), error) {
	release, err := a.take(inst, change)
	if err != nil {
		return nil, nil, err
	}
	var e core.Engine
	if err = a.nothingUnderWay(ctx, inst.ID); err == nil {
		if e, err = a.Open(ctx, inst); err != nil {
			err = fmt.Errorf("open %s: %w", inst.ID, err)
		}
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return e, release, nil
}

// nothingUnderWay refuses an instance whose last change was interrupted and not
// put back yet.
func (a *Applier) nothingUnderWay(ctx context.Context, instance string) error {
	open, err := a.Journal.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, c := range open {
		if c.Instance == instance {
			return &core.Error{
				Code:    core.Conflict,
				Message: fmt.Sprintf("change %s was interrupted on %s and is not put back yet", c.ID, instance),
				Hint:    "Basewright puts it back when it starts",
			}
		}
	}
	return nil
}

// sameBasis refuses a plan that rests on facts that are no longer true.
func (t *transaction) sameBasis(obs *core.Observation) error {
	now := t.Basis(obs, t.c.Plan)
	var changed []string
	for k, v := range t.c.Plan.Basis {
		if now[k] != v {
			changed = append(changed, k)
		}
	}
	for k := range maps.Keys(now) {
		if _, ok := t.c.Plan.Basis[k]; !ok {
			changed = append(changed, k)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	slices.Sort(changed)
	return &core.Error{
		Code:    core.Conflict,
		Message: "the instance changed since the plan was made: " + strings.Join(changed, ", "),
		Hint:    "make a new plan",
	}
}

func (a *Applier) now() time.Time {
	if a.Now != nil {
		return a.Now().UTC()
	}
	return time.Now().UTC()
}

func (a *Applier) newID() string {
	if a.NewID != nil {
		return a.NewID()
	}
	return core.NewID()
}
