package apply

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

const maxActions = 100

var validKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// validate refuses a plan that cannot be carried out whole, before anything is
// touched.
func (a *Applier) validate(inst core.Instance, p core.Plan, approvedHash string) error {
	if err := inst.Controlled(); err != nil {
		return err
	}
	return a.validatePlan(inst, p, approvedHash)
}

// Check returns the error with which Apply would refuse the plan for what it
// says: it is not whole, is dangerous, or writes data. Whether the instance may
// be changed at all is not asked.
func (a *Applier) Check(plan core.Plan, obs *core.Observation) error {
	if err := a.validatePlan(obs.Instance, plan, plan.Hash); err != nil {
		return err
	}
	return checkPlanData(obs.Instance, obs, plan, envName(obs.Instance, obs))
}

func (a *Applier) validatePlan(inst core.Instance, p core.Plan, approvedHash string) error {
	sealed := p
	if err := sealed.Seal(); err != nil {
		return err
	}
	switch {
	case p.Instance != inst.ID:
		return core.Errorf(core.Invalid, "the plan is for %s, not for %s", p.Instance, inst.ID)
	case p.Hash != sealed.Hash:
		return core.Errorf(core.Conflict, "the plan was changed after it was made")
	case approvedHash != p.Hash:
		return core.Errorf(core.Conflict, "what was approved is not this plan; look at it again")
	case p.Scope != "" && !slices.Contains(scopes, p.Scope):
		return core.Errorf(core.Invalid, "%q is no scope of a snapshot", p.Scope)
	case p.Scope != "" && p.Scope != core.ConfigScope && a.Data == nil:
		return core.Errorf(core.Forbidden, "the plan asks for a %s snapshot, which is not available yet", p.Scope)
	case p.Guided && (p.Risk != core.HighRisk || p.Scope != core.FullScope && p.Scope != core.VolumesScope):
		return core.Errorf(core.Invalid, "a guided plan is of high risk and saves everything first")
	case len(p.Actions) == 0 || len(p.Actions) > maxActions:
		return core.Errorf(core.Invalid, "the plan has %d actions; it may have 1 to %d", len(p.Actions), maxActions)
	}
	for i, x := range p.Actions {
		err := validateAction(x)
		if err == nil {
			err = checkRisk(p, x)
		}
		if err != nil {
			return fmt.Errorf("action %d, %s: %w", i+1, describe(x), err)
		}
	}
	return nil
}

var scopes = []core.Scope{core.ConfigScope, core.DatabaseScope, core.VolumesScope, core.FullScope}

// checkRisk refuses an action that cannot be taken back, unless the plan is of
// high risk and takes a snapshot of data first.
func checkRisk(p core.Plan, x core.Action) error {
	if ops[x.Op].risk == nil {
		return nil
	}
	err := ops[x.Op].risk(x)
	if err != nil && p.Guided {
		return core.Errorf(core.Forbidden, "a guided plan ends before what may lose data: %v", err)
	}
	saved := p.Risk == core.HighRisk && (p.Scope == core.FullScope || p.Scope == neededScope(x))
	if err == nil || saved {
		return nil
	}
	return err
}

// neededScope is what must be saved before a risky action.
func neededScope(x core.Action) core.Scope {
	if x.Op == core.OpQuarantine {
		return core.VolumesScope
	}
	return core.DatabaseScope
}

func validateAction(a core.Action) error {
	op, ok := ops[a.Op]
	switch {
	case !slices.Contains(core.Ops, a.Op):
		return core.Errorf(core.Invalid, "there is no operation %q", a.Op)
	case !ok:
		return core.Errorf(core.Forbidden, "operation %s is not available yet", a.Op)
	}
	for name := range a.Args {
		if _, isMap := a.Args[name].(map[string]any); !isMap {
			continue
		}
		text := a.SecretHandle(name)
		if _, ok := core.ParseHandle(text); !ok {
			return core.Errorf(core.Invalid, "%q is not the handle of a secret, such as env:KEY or svc:SERVICE:KEY", text)
		}
	}
	return op.check(a)
}

// writes lists the files that a plan writes.
func writes(p core.Plan, env string) []string {
	var files []string
	for _, a := range p.Actions {
		if f := ops[a.Op].file; f != nil && !slices.Contains(files, f(a, env)) {
			files = append(files, f(a, env))
		}
	}
	return files
}

func touchesRoles(p core.Plan) bool {
	return slices.ContainsFunc(p.Actions, func(a core.Action) bool { return ops[a.Op].roles })
}

// checkPath refuses a file that no plan may write: outside the instance folder,
// or data of users.
func checkPath(name string) error {
	if err := checkInside(name); err != nil {
		return err
	}
	if isData(name) {
		return dataError(name)
	}
	return nil
}

// checkInside refuses what is not the plain name of something in the instance
// folder.
func checkInside(name string) error {
	if !filepath.IsLocal(name) || path.Clean(name) != name || name == "." || strings.ContainsAny(name, "\x00\\") {
		return core.Errorf(core.Invalid, "%q is not a file inside the instance folder", name)
	}
	return nil
}
