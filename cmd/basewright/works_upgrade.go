package main

import (
	"context"
	"errors"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/upgrade"
	"github.com/basewright/basewright/ui"
)

// upgrades is what the routes need to bring an instance to another release.
func (a *agent) upgrades() ui.Upgrades {
	return ui.Upgrades{
		Ways: a.waysOfUpgrade, Upgrade: a.upgradeJob, Rehearse: a.rehearseJob,
		PlanUpgrade: func(ctx context.Context, i core.Instance, o ui.UpgradeOrder) (core.Plan, error) {
			i, _, err := a.open(ctx, i)
			if err != nil {
				return core.Plan{}, err
			}
			made, err := a.planOfUpgrade(ctx, i, o)
			return made.Plan, err
		},
	}
}

// waysOfUpgrade says to which releases an instance can go.
func (a *agent) waysOfUpgrade(ctx context.Context, i core.Instance) (ui.UpgradeWays, error) {
	i, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return ui.UpgradeWays{}, err
	}
	from, how, ways, err := upgrade.Ways(ctx, e, obs, i.Release)
	out := ui.UpgradeWays{From: from, How: how}
	for _, w := range ways {
		way := ui.UpgradeWay{To: w.To, Breaking: []ui.UpgradeNews{}}
		for _, n := range w.Breaking {
			way.Breaking = append(way.Breaking, ui.UpgradeNews(n))
		}
		out.Ways = append(out.Ways, way)
	}
	return out, err
}

func upgradeOrder(in ui.UpgradeOrder) upgrade.Order {
	o := upgrade.Order{To: in.To, Take: map[string]upgrade.Side{}}
	for what, side := range in.Take {
		o.Take[what] = upgrade.Side(side)
	}
	return o
}

// planOfUpgrade plans an upgrade over the API.
func (a *agent) planOfUpgrade(ctx context.Context, i core.Instance, in ui.UpgradeOrder) (upgrade.Made, error) {
	host, err := a.engines.get(ctx)
	if err != nil {
		return upgrade.Made{}, err
	}
	made, err := a.planUpgrade(ctx, host, i, upgradeOrder(in))
	if refusal, ok := errors.AsType[*upgrade.Refusal](err); ok {
		undecided := &ui.Undecided{Err: err}
		for _, c := range refusal.Conflicts {
			undecided.Conflicts = append(undecided.Conflicts, ui.UpgradeConflict(c))
		}
		return made, undecided
	}
	return made, err
}

// approvedUpgrade returns the instance as it is now, the upgrade, whose plan is still
// the one that was approved, and the engine.
func (a *agent) approvedUpgrade(ctx context.Context, i core.Instance, in ui.UpgradeOrder) (core.Instance, upgrade.Made, *docker.Host, error) {
	i, _, err := a.open(ctx, i)
	if err != nil {
		return i, upgrade.Made{}, nil, err
	}
	made, err := a.planOfUpgrade(ctx, i, in)
	if err != nil {
		return i, made, nil, err
	}
	if made.Plan.Hash != in.PlanHash {
		return i, made, nil, planMoved()
	}
	host, err := a.engines.get(ctx)
	return i, made, host, err
}

// upgradeJob carries out the plan of an upgrade that was approved.
func (a *agent) upgradeJob(i core.Instance, in ui.UpgradeOrder, who string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		i, made, host, err := a.approvedUpgrade(ctx, i, in)
		if err != nil {
			return nil, err
		}
		return a.applyUpgrade(ctx, w, host, i, made, who)
	})
}

// rehearseJob tries the plan that was looked at with a clone, and returns the id
// that the clone has meanwhile.
func (a *agent) rehearseJob(i core.Instance, in ui.UpgradeOrder, who string, tell func(ui.Rehearsed)) (string, queue.Job) {
	return rehearsalOf(i), func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		job := a.jobOn(func(ctx context.Context, by apply.Applier, folder *snapshot.Folder) (*core.Change, error) {
			i, _, host, err := a.approvedUpgrade(ctx, i, in)
			if err != nil {
				return nil, err
			}
			began := false
			t := trial{workshop: a.workshop, by: by, id: id, host: host, folder: folder, books: a.books(ctx), who: who, at: func(stage, change string) {
				began = true
				tell(ui.Rehearsed{Stage: ui.RehearsalStage(stage), ChangeID: change})
			}}
			r, made, err := t.run(ctx, i, upgradeOrder(in))
			if began {
				tell(ui.Rehearsed{Stage: ui.RehearsalEnded, Well: r.Well, Change: r.Change, Diagnosis: r.Diagnosis, Err: err})
			}
			return made, err
		})
		return job(ctx, id, progress)
	}
}
