package apply

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// healthTime is how long a service may take to become healthy after a start.
const healthTime = "3m"

var powerTitles = map[string]string{
	core.StartPlaybook: "Start every service", core.StopPlaybook: "Stop every service, the database last",
	core.RestartPlaybook: "Stop every service, the database last, and start them again in order",
}

// Power plans to start, stop or safely restart the instance that obs saw.
// Volumes are not touched. Services that a person stopped stay so in a restart.
func (a *Applier) Power(inst core.Instance, obs *core.Observation, what string) (core.Plan, error) {
	here, up := present(obs)
	p := core.Plan{Instance: inst.ID, Playbook: what, Title: powerTitles[what], Risk: core.LowRisk, Scope: core.ConfigScope, Downtime: core.Span(30 * time.Second)}
	switch what {
	case core.StopPlaybook:
		p.Actions = stops(up)
	case core.StartPlaybook:
		p.Actions = starts(slices.DeleteFunc(here, func(s core.Service) bool { return slices.Contains(up, s) }))
	case core.RestartPlaybook:
		p.Actions = append(stops(up), starts(up)...)
	default:
		return p, core.Errorf(core.Invalid, "%q is not one of: start, stop, safe-restart", what)
	}
	if len(p.Actions) == 0 {
		return p, core.Errorf(core.Conflict, "%s has nothing to do for this: %d of %d services run", inst.ID, len(up), len(here))
	}
	for _, act := range p.Actions {
		if act.Op != core.OpWaitHealthy {
			p.Diff = append(p.Diff, core.Diff{Target: "service " + string(act.Service), After: string(act.Op)})
		}
	}
	p.Basis = a.Basis(obs, p)
	return p, p.Seal()
}

// present lists the services that have a container, and those whose container
// runs, those first on which others depend.
func present(obs *core.Observation) (here, up []core.Service) {
	for _, s := range core.Services {
		c, ok := obs.Container(s)
		if !ok {
			continue
		}
		here = append(here, s)
		if c.Runs() {
			up = append(up, s)
		}
	}
	return here, up
}

// stops stops services, those that others depend on last.
func stops(services []core.Service) []core.Action {
	var actions []core.Action
	for _, s := range slices.Backward(services) {
		actions = append(actions, core.Action{Op: core.OpStop, Service: s})
	}
	return actions
}

// starts starts services, those that others depend on first.
func starts(services []core.Service) []core.Action {
	var actions []core.Action
	for _, s := range services {
		actions = append(actions, core.Action{Op: core.OpStart, Service: s})
		if s == core.DB {
			actions = append(actions, waitFor(s))
		}
	}
	for _, s := range services {
		if s != core.DB {
			actions = append(actions, waitFor(s))
		}
	}
	return actions
}

func waitFor(s core.Service) core.Action {
	return core.Action{Op: core.OpWaitHealthy, Service: s, Args: map[string]any{"timeout": healthTime}}
}

// Stop carries out a plan of Power that stops. That nothing answers afterwards
// is what it is for, so what is verified is that everything has stopped.
func (a *Applier) Stop(ctx context.Context, inst core.Instance, plan core.Plan, actor string) (*core.Change, error) {
	if err := a.validate(inst, plan, plan.Hash); err != nil {
		return nil, err
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		ready:  func(_ context.Context, t *transaction, obs *core.Observation) error { return t.sameBasis(obs) },
		do:     func(ctx context.Context, t *transaction) error { return t.act(ctx) },
		verify: func(ctx context.Context, t *transaction) error { return t.verifyStopped(ctx) },
		writes: noFiles,
	})
}

// verifyStopped checks that no service runs that the plan stops.
func (t *transaction) verifyStopped(ctx context.Context) error {
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return err
	}
	var still []string
	for _, a := range t.c.Plan.Actions {
		if c, ok := obs.Container(a.Service); ok && c.Runs() {
			still = append(still, string(a.Service))
		}
	}
	if len(still) > 0 {
		return core.Errorf(core.Conflict, "still running: %s", strings.Join(still, ", "))
	}
	d, err := t.Diagnose(ctx, t.e, t.inst)
	if err == nil {
		t.c.After = outlook(d)
	}
	return nil
}
