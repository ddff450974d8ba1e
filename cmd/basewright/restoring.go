package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/upgrade"
	"github.com/basewright/basewright/ui"
)

// knownParts refuses what is no part of a snapshot.
func knownParts(parts []core.Scope) error {
	for _, p := range parts {
		if !slices.Contains([]core.Scope{core.ConfigScope, core.DatabaseScope, core.VolumesScope}, p) {
			return core.Errorf(core.Invalid, "%q is no part of a snapshot; restore only some of: config, database, volumes", p)
		}
	}
	return nil
}

// chosenParts are the parts that a restore brings back: those that were asked
// for, each once, or all that the snapshot is of.
func chosenParts(s core.Snapshot, only []core.Scope) []core.Scope {
	if len(only) == 0 {
		return snapshot.Parts(s)
	}
	var parts []core.Scope
	for _, p := range only {
		if !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

// planRestore says what a restore will do, as data that is shown and approved.
func planRestore(folder *snapshot.Folder, inst core.Instance, obs *core.Observation, s core.Snapshot, parts []core.Scope) (core.Plan, apply.Restoration, error) {
	m, err := folder.Manifest(s)
	if err != nil {
		return core.Plan{}, apply.Restoration{}, err
	}
	var names []string
	for _, p := range parts {
		names = append(names, string(p))
	}
	plan := core.Plan{
		Instance: inst.ID, Playbook: core.RestorePlaybook, Risk: core.HighRisk, Scope: safetyScope(parts), Downtime: core.Span(time.Minute),
		Title: fmt.Sprintf("Restore %s from snapshot %s of %s", strings.Join(names, ", "), s.ID, s.Created.Local().Format(time.DateTime)),
		Basis: map[string]string{"engine": obs.Host.EngineID, "snapshot": s.SHA256},
	}
	r := restoration(folder, inst, s, parts)
	if slices.Contains(parts, core.ConfigScope) {
		r.Roles = m.Roles.Kept
		for _, file := range m.Files {
			r.Files = append(r.Files, file.Name)
		}
		if plan.Release, err = releaseMove(folder, inst, s); err != nil {
			return core.Plan{}, apply.Restoration{}, err
		}
		if plan.Release != nil {
			plan.Diff = append(plan.Diff, core.Diff{Target: "release", Before: plan.Release.From, After: plan.Release.To})
		}
		plan.Diff = append(plan.Diff, core.Diff{Target: "configuration", Before: "as it is", After: fmt.Sprintf("%d files, role passwords and containers of the snapshot", len(m.Files))})
	}
	for _, d := range m.Streams {
		part := core.DatabaseScope
		if d.Volume != nil {
			part = core.VolumesScope
		}
		if slices.Contains(parts, part) {
			plan.Diff = append(plan.Diff, core.Diff{Target: string(d.Kind) + " " + d.Name, Before: "put aside", After: bytesText(d.RawSize) + " of the snapshot"})
		}
	}
	return plan, r, plan.Seal()
}

// releaseMove says to which release of Supabase the files of a snapshot bring an
// instance that is of another one in the books; nil when that stays, or cannot be told.
func releaseMove(folder *snapshot.Folder, inst core.Instance, s core.Snapshot) (*core.Move, error) {
	files, err := folder.Files(s)
	if err != nil {
		return nil, err
	}
	to := upgrade.Of(files)
	if to == "" {
		then, err := folder.Instance(s)
		if err != nil {
			return nil, err
		}
		to = then.Release
	}
	if inst.Release == "" || to == "" || to == inst.Release {
		return nil, nil
	}
	return &core.Move{From: inst.Release, To: to}, nil
}

// restoration is what a restore does, by the folder that holds the snapshot.
func restoration(folder *snapshot.Folder, inst core.Instance, s core.Snapshot, parts []core.Scope) apply.Restoration {
	return apply.Restoration{
		Ready: func(ctx context.Context, e core.Engine, obs *core.Observation) error {
			return folder.Fits(ctx, e, inst, obs, s, parts)
		},
		Read: func() error {
			_, err := folder.Check(s, core.Readable)
			return err
		},
		Do: func(ctx context.Context, e core.Engine, safety core.Snapshot) error {
			return folder.Replace(ctx, e, inst, s, safety, parts)
		},
		Aside: func(ctx context.Context, e core.Engine, safety core.Snapshot) ([]core.Aside, error) {
			items, err := folder.Shelved(ctx, e, safety)
			if err != nil || !slices.Contains(parts, core.ConfigScope) {
				return items, err
			}
			files, err := folder.ShelvedFiles(s)
			return append(items, files...), err
		},
	}
}

// safetyScope is what is kept before parts are replaced.
func safetyScope(parts []core.Scope) core.Scope {
	data := slices.DeleteFunc(slices.Clone(parts), func(p core.Scope) bool { return p == core.ConfigScope })
	switch len(data) {
	case 0:
		return core.ConfigScope
	case 1:
		return data[0]
	}
	return core.FullScope
}

// planOfRestore makes the plan of restoring a snapshot into the instance as it
// is now.
func (a *agent) planOfRestore(ctx context.Context, folder *snapshot.Folder, i core.Instance, s core.Snapshot, o ui.RestoreOrder) (core.Instance, core.Plan, apply.Restoration, error) {
	var none apply.Restoration
	if err := knownParts(o.Only); err != nil {
		return i, core.Plan{}, none, err
	}
	i, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return i, core.Plan{}, none, err
	}
	parts := chosenParts(s, o.Only)
	if err := folder.Fits(ctx, e, i, obs, s, parts); err != nil {
		return i, core.Plan{}, none, err
	}
	p, r, err := planRestore(folder, i, obs, s, parts)
	return i, p, r, err
}

// restoreJob restores a snapshot as a change. It reads the whole snapshot as its
// first step, which may take long, so that whoever asked is answered before.
func (a *agent) restoreJob(i core.Instance, s core.Snapshot, o ui.RestoreOrder, actor string) queue.Job {
	return a.jobOn(func(ctx context.Context, w apply.Applier, folder *snapshot.Folder) (*core.Change, error) {
		i, p, r, err := a.planOfRestore(ctx, folder, i, s, o)
		if err != nil {
			return nil, err
		}
		if o.PlanHash != "" && o.PlanHash != p.Hash {
			return nil, &core.Error{Code: core.Conflict, Message: "the plan is no longer the one that was approved", Hint: "look at the new plan"}
		}
		return w.Restore(ctx, i, p, r, actor, p.Hash)
	})
}
