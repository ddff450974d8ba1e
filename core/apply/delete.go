package apply

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// endings are the operations that only such plans and those of upgrades have.
var endings = map[core.Op]operation{
	core.OpRemove:   {do: func(ctx context.Context, t *transaction, _ core.Action) error { return t.e.Down(ctx) }, moves: true},
	core.OpSnapshot: {do: func(ctx context.Context, t *transaction, _ core.Action) error { return t.keepData(ctx) }},
	// The journal does it together with the commit: there is no moment in which
	// the instance is gone and kept, or there and forgotten.
	core.OpUnregister: {do: func(context.Context, *transaction, core.Action) error { return nil }},
}

// deleting are all operations of such plans.
var deleting = []core.Op{core.OpStop, core.OpQuarantine, core.OpRemove, core.OpUnregister}

func operationOf(op core.Op) operation {
	if o, ok := ops[op]; ok {
		return o
	}
	return endings[op]
}

func noFiles(string) []string { return nil }

// Deletion plans to take the instance that obs saw off the engine: services are
// stopped, the database last, then containers and networks are removed. Its
// folder and its volumes stay; with shelve, what users own goes from them into
// quarantine. Nothing is destroyed: Undo brings the instance back.
func (a *Applier) Deletion(inst core.Instance, obs *core.Observation, shelve bool) (core.Plan, error) {
	p := core.Plan{
		Instance: inst.ID, Playbook: core.DeletePlaybook, Title: "Delete " + inst.ID + ", and keep its data",
		Risk: core.MediumRisk, Scope: core.ConfigScope, Downtime: core.Span(30 * time.Second),
		Diff: []core.Diff{{Target: "folder", Before: inst.Dir, After: "stays as it is"}},
	}
	_, up := present(obs)
	p.Actions = stops(up)
	kept, err := keptData(inst, obs, shelve)
	if err != nil {
		return p, err
	}
	p.Diff = append(p.Diff, kept.diff...)
	if shelve {
		p.Risk, p.Title = core.HighRisk, "Delete "+inst.ID+", and put its data into quarantine"
		p.Actions = append(p.Actions, kept.actions...)
	}
	p.Actions = append(p.Actions,
		core.Action{Op: core.OpRemove, Why: "containers and networks; no volume"},
		core.Action{Op: core.OpUnregister, Why: "Basewright keeps it no longer, nor its ports and network; `basewright change undo` brings it back"})
	for _, c := range obs.Containers {
		if c.ComposeService != "" {
			p.Diff = append(p.Diff, core.Diff{Target: "container " + c.Name, Before: c.State, After: "removed"})
		}
	}
	p.Basis = a.Basis(obs, p)
	return p, p.Seal()
}

// data is what a deletion leaves, and how it would go into quarantine.
type data struct {
	actions []core.Action
	diff    []core.Diff
}

// keptData finds what users own in the mounts of the containers.
func keptData(inst core.Instance, obs *core.Observation, shelve bool) (data, error) {
	if shelve && !obs.Host.Local {
		return data{}, core.Errorf(core.Unreachable, "the data of %s is on another machine and cannot be put into quarantine; delete it without that", inst.ID)
	}
	var d data
	seen := map[string]bool{}
	folders := dataFolders(inst, obs)
	for _, c := range obs.Containers {
		for _, m := range c.Mounts {
			if m.Source == "" || seen[m.Source] || !slices.Contains(folders, m.Source) {
				continue
			}
			seen[m.Source] = true
			where, after := m.Source, "stays as it is"
			if m.Type == "volume" {
				where = "volume " + m.Name
			}
			if shelve {
				after = "into quarantine"
				d.actions = append(d.actions, core.Action{Op: core.OpQuarantine, Service: c.Service, Args: map[string]any{"mount": m.Target},
					Why: "data of " + inst.ID + ", which was deleted"})
			}
			d.diff = append(d.diff, core.Diff{Target: "data of " + string(c.Service), Before: where, After: after})
		}
	}
	return d, nil
}

// Delete carries out a plan of Deletion. When anything of it fails, or the agent
// is killed, the instance is put back.
func (a *Applier) Delete(ctx context.Context, inst core.Instance, plan core.Plan, actor string) (*core.Change, error) {
	sealed := plan
	if err := sealed.Seal(); err != nil {
		return nil, err
	}
	switch {
	case inst.Mode == core.Observe:
		return nil, inst.Controlled()
	case plan.Instance != inst.ID || plan.Playbook != core.DeletePlaybook:
		return nil, core.Errorf(core.Invalid, "the plan is not one of deleting %s", inst.ID)
	case plan.Hash != sealed.Hash:
		return nil, core.Errorf(core.Conflict, "the plan was changed after it was made")
	}
	for _, act := range plan.Actions {
		if !slices.Contains(deleting, act.Op) {
			return nil, core.Errorf(core.Invalid, "operation %s deletes no instance", act.Op)
		}
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		ready: func(ctx context.Context, t *transaction, obs *core.Observation) error {
			if err := t.sameBasis(obs); err != nil {
				return err
			}
			return t.e.Alone(ctx)
		},
		do:     func(ctx context.Context, t *transaction) error { return t.act(ctx) },
		verify: func(ctx context.Context, t *transaction) error { return t.verifyGone(ctx) },
		writes: noFiles,
	})
}

// verifyGone checks that no container of the instance is left.
func (t *transaction) verifyGone(ctx context.Context) error {
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return err
	}
	var left []string
	for _, c := range obs.Containers {
		if c.ComposeService != "" { // what has none is a stranger's, and left alone
			left = append(left, c.Name)
		}
	}
	if len(left) > 0 {
		return core.Errorf(core.Conflict, "still there: %s", strings.Join(left, ", "))
	}
	return nil
}
