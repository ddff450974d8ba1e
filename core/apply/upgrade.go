package apply

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// upgrading are all operations of such plans.
var upgrading = []core.Op{
	core.OpNote, core.OpStop, core.OpSnapshot, core.OpRemove, core.OpWriteFile, core.OpSetEnv, core.OpUnsetEnv, core.OpGenerateSecret, core.OpUp, core.OpWaitHealthy,
}

// dataRollback is how long putting back an upgrade, or another change behind a
// snapshot of data, may take: it may load all databases and files.
const dataRollback = time.Hour

// Upgrade carries out a plan that brings an instance to another release. fetch gets
// the images before anything is touched. When the instance is worse afterwards, or a
// service has not come up, everything is put back; the databases and files, too, when
// a service has migrated its schema by then.
func (a *Applier) Upgrade(ctx context.Context, inst core.Instance, plan core.Plan, actor, approvedHash string, secrets map[string]core.Secret, fetch func(context.Context) error) (*core.Change, error) {
	if err := a.checkUpgrade(inst, plan, approvedHash, secrets); err != nil {
		return nil, err
	}
	return a.carryOut(ctx, inst, plan, actor, work{
		given: secrets,
		ready: func(ctx context.Context, t *transaction, obs *core.Observation) error {
			if err := t.sameBasis(obs); err != nil {
				return err
			}
			if err := t.e.Alone(ctx); err != nil {
				return err
			}
			return checkPlanData(inst, obs, plan, t.env)
		},
		first: func(ctx context.Context, t *transaction) error {
			return t.step(ctx, "images", "get the images", func() error { return fetch(ctx) })
		},
		do:     func(ctx context.Context, t *transaction) error { return t.act(ctx) },
		verify: func(ctx context.Context, t *transaction) error { return t.verify(ctx) },
		writes: func(env string) []string { return writes(plan, env) },
	})
}

func (a *Applier) checkUpgrade(inst core.Instance, plan core.Plan, approvedHash string, secrets map[string]core.Secret) error {
	sealed := plan
	if err := sealed.Seal(); err != nil {
		return err
	}
	switch {
	case inst.Mode == core.Observe:
		return inst.Controlled()
	case plan.Instance != inst.ID || plan.Playbook != core.UpgradePlaybook:
		return core.Errorf(core.Invalid, "the plan is not one of upgrading %s", inst.ID)
	case plan.Hash != sealed.Hash || approvedHash != plan.Hash:
		return core.Errorf(core.Conflict, "what was approved is not this plan; look at it again")
	case plan.Scope != core.FullScope || a.Data == nil || !savesFirst(plan):
		return core.Errorf(core.Invalid, "an upgrade takes a full snapshot before anything is removed, and this one does not")
	}
	for _, x := range plan.Actions {
		if !slices.Contains(upgrading, x.Op) {
			return core.Errorf(core.Invalid, "operation %s upgrades no instance", x.Op)
		}
		if x.Op == core.OpRemove || x.Op == core.OpSnapshot {
			continue // which only plans of whole instances have, so that they have no arguments to check
		}
		if err := validateAction(x); err != nil {
			return err
		}
	}
	return allGiven(plan, secrets)
}

// savesFirst reports whether everything is saved while the database still runs,
// and before anything but stopping is done.
func savesFirst(plan core.Plan) bool {
	at := slices.IndexFunc(plan.Actions, func(x core.Action) bool { return x.Op == core.OpSnapshot })
	return at >= 0 && !slices.ContainsFunc(plan.Actions[:at], func(x core.Action) bool {
		return x.Op != core.OpNote && (x.Op != core.OpStop || x.Service == core.DB)
	})
}

// rollbackTime bounds a rollback.
func (t *transaction) rollbackTime() time.Duration {
	if t.c.Data != "" || t.c.Plan.Playbook == core.UpgradePlaybook {
		return cmp.Or(t.RollbackTimeout, dataRollback)
	}
	return cmp.Or(t.RollbackTimeout, rollbackTimeout)
}

// migrated reports whether this change is an upgrade in which a service changed its
// schema, or may have: older images cannot use the newer one. When it cannot be told
// the answer is yes.
func (t *transaction) migrated(ctx context.Context) bool {
	if t.c.Plan.Playbook != core.UpgradePlaybook {
		return false
	}
	for _, i := range t.began {
		if a := t.c.Plan.Actions[i]; a.Op == core.OpUp {
			return t.ranSince(ctx, a.Text("migrations"))
		}
	}
	return false
}

// ranSince compares what the services have migrated with a fingerprint of before.
// The database may have been started only just now.
func (t *transaction) ranSince(ctx context.Context, before string) bool {
	const patience = time.Minute
	for end := time.Now().Add(patience); ; {
		now, err := supabase.Migrations(ctx, t.e)
		if err == nil {
			return now != before
		}
		if time.Now().After(end) || pause(ctx, pollEvery) != nil {
			return true
		}
	}
}
