package repairs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/basewright/basewright/core"
)

// Plan has a playbook plan the repair of one instance. The finding may be nil,
// or one that the playbook does not claim to fix: whoever names a playbook may
// have its plan. The same facts give the same plan with the same hash, so a
// plan can be made again to see whether the world has changed.
//
// A playbook that refuses gives an error of code Conflict with its sentence.
func Plan(ctx context.Context, book core.Playbook, t core.Target, d *core.Diagnosis, finding *core.Finding, params map[string]string) (core.Plan, error) {
	wanted, err := Gather(ctx, t, book.Wants, finding)
	if err != nil {
		return core.Plan{}, fmt.Errorf("facts for playbook %s: %w", book.ID, err)
	}
	var findings []core.Finding
	if d != nil {
		findings = d.Findings
	}
	facts := Facts(t.Observation, finding, findings, wanted, t.Key)
	if slices.Contains(book.Needs, core.OpAllocatePort) {
		if err := addTakenPorts(ctx, t, facts); err != nil {
			return core.Plan{}, err
		}
	}
	actions, refusal, err := Evaluate(ctx, book, facts, params)
	switch {
	case err != nil:
		return core.Plan{}, err
	case refusal != "":
		return core.Plan{}, &core.Error{Code: core.Conflict, Message: refusal}
	}
	if err := checkHandles(t.Observation, actions); err != nil {
		return core.Plan{}, core.Errorf(core.Invalid, "%s: %v", fileName(book.ID), err)
	}
	if err := settlePorts(ctx, t, actions); err != nil {
		return core.Plan{}, fmt.Errorf("%s: %w", fileName(book.ID), err)
	}
	p := core.Plan{
		Instance: t.Instance.ID,
		Playbook: book.ID,
		Title:    book.Title,
		Risk:     book.Risk,
		Scope:    scopeOf(book, t.Observation),
		Actions:  actions,
		Claims:   claims(book, findings, finding),
		Downtime: core.Span(downtime(actions)),
		Basis:    Basis(t.Observation, finding, t.Key),
		Diff:     Diff(t.Observation, actions, t.Key),
	}
	if finding != nil {
		p.Finding = finding.Code
	}
	if book.Guided {
		p.Guided, p.Claims = true, []string{}
	}
	return p, p.Seal()
}

// addTakenPorts tells a playbook that may allocate ports which ones nobody can have.
func addTakenPorts(ctx context.Context, t core.Target, facts map[string]any) error {
	taken, err := t.TakenPorts(ctx)
	if err != nil {
		return fmt.Errorf("look for free ports: %w", err)
	}
	list := []any{}
	for _, p := range slices.Concat(taken, t.Reserved) {
		list = append(list, float64(p))
	}
	facts["ports"].(map[string]any)["taken"] = list
	return nil
}

// settlePorts gives each action that allocates a port one that is free now, so
// that the plan says exactly what will be.
func settlePorts(ctx context.Context, t core.Target, actions []core.Action) error {
	taken := slices.Clone(t.Reserved)
	for i, a := range actions {
		if a.Op != core.OpAllocatePort {
			continue
		}
		if len(taken) == len(t.Reserved) {
			now, err := t.TakenPorts(ctx)
			if err != nil {
				return fmt.Errorf("look for a free port: %w", err)
			}
			taken = append(taken, now...)
		}
		from, ok := a.Args["from"].(int)
		if v, set := t.Env.Lookup(a.Text("key")); !ok && set {
			from, _ = strconv.Atoi(v.Reveal())
		}
		from = max(from, 1024)
		to, ok := a.Args["to"].(int)
		if !ok {
			to = min(from+1000, 65535)
		}
		port, err := core.FreePort(taken, from, to)
		if err != nil {
			return fmt.Errorf("action %d: %s: %w", i+1, a.Op, err)
		}
		taken = append(taken, port)
		args := maps.Clone(a.Args)
		args["port"] = port
		actions[i].Args = args
	}
	return nil
}

// scopeOf is what must be saved before a playbook's plan is applied.
func scopeOf(book core.Playbook, o *core.Observation) core.Scope {
	switch {
	case book.Guided && answers(o):
		return core.FullScope
	case book.Guided:
		return core.VolumesScope // with the data directory, as no dump can be had
	case book.Risk == core.HighRisk:
		return core.DatabaseScope
	}
	return core.ConfigScope
}

// claims lists the codes that the plan must make go away: that of the finding
// which it is to mend, or those the playbook fixes which are there. Symptoms of
// the finding are not claimed: they come and go while services restart.
func claims(book core.Playbook, findings []core.Finding, finding *core.Finding) []string {
	if finding != nil {
		return []string{finding.Code}
	}
	list := []string{}
	for _, code := range book.Fixes {
		if slices.ContainsFunc(findings, func(f core.Finding) bool { return f.Code == code }) {
			list = append(list, code)
		}
	}
	return list
}

// downtime estimates how long services are away: actions happen one by one.
func downtime(actions []core.Action) time.Duration {
	var d time.Duration
	for _, a := range actions {
		d += time.Duration(signatures[a.Op].downtime) * time.Second
	}
	return d
}

// checkHandles refuses a secret that the instance does not have and that no
// earlier action makes.
func checkHandles(o *core.Observation, actions []core.Action) error {
	made := map[core.Handle]bool{}
	for i, a := range actions {
		for arg := range a.Args {
			h, ok := core.ParseHandle(a.SecretHandle(arg))
			if _, has := o.Secret(h); ok && !made[h] && !has {
				return fmt.Errorf("action %d: %s: there is no secret %s", i+1, a.Op, h)
			}
		}
		switch a.Op {
		case core.OpGenerateSecret, core.OpSetEnv, core.OpAllocatePort:
			made[core.Handle{From: core.FromEnv, Key: a.Text("key")}] = true
		case core.OpMintKeys:
			made[core.Handle{From: core.FromEnv, Key: "ANON_KEY"}], made[core.Handle{From: core.FromEnv, Key: "SERVICE_ROLE_KEY"}] = true, true
		}
	}
	return nil
}

// answers reports whether the database runs, as far as Docker tells, so that it
// can be dumped.
func answers(o *core.Observation) bool {
	db, ok := o.Container(core.DB)
	return ok && db.State == "running" && db.Health != "unhealthy" && db.Health != "starting"
}
