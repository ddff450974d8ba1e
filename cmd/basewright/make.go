package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
)

// place wires together where instances are made. An empty root is the folder of
// instances in Basewright's own.
func (w *workshop) place(host *docker.Host, root string) *create.Place {
	if root == "" {
		root = filepath.Join(w.data(), "instances")
	}
	return &create.Place{Host: host, Kept: w.store, Root: absolute(root), Known: w.store.Instances, Lint: w.lintFolder, Key: w.store.Key()}
}

// lintFolder runs the checks of files on a folder.
func (w *workshop) lintFolder(ctx context.Context, dir string) ([]core.Finding, error) {
	stacks, err := findFolders(dir, nil, "")
	if err != nil {
		return nil, err
	}
	s := stacks[0] // a new folder has one
	obs, err := s.Observe(ctx)
	if err != nil {
		return nil, err
	}
	only := slices.DeleteFunc(checks.All(), func(c core.Checker) bool { return !c.Files })
	d := diagnose.Run(ctx, core.Target{Observation: obs, Inspector: s, Key: w.store.Key()}, only, diagnose.Options{Trigger: core.ByVerify})
	return d.Findings, nil
}

// creation is how the instance of a job is made, registered and proven.
func (w *workshop) creation(job *create.Job, who string, books []core.Playbook) apply.Creation {
	return apply.Creation{
		Make: job.Make,
		Register: func(ctx context.Context) error {
			return w.store.AddInstance(ctx, job.Instance, core.AuditEntry{
				Actor: who, Action: "instance.register", Instance: job.Instance.ID, Outcome: "ok", Detail: "made by Basewright",
			})
		},
		Prove: func(ctx context.Context, e core.Engine) (*core.Diagnosis, error) {
			return w.look(ctx, e, w.store.Key(), books, diagnose.Options{Depth: core.Deep, Trigger: core.ByVerify})
		},
	}
}

// make carries a creating plan out.
func (w *workshop) make(ctx context.Context, by apply.Applier, place *create.Place, job *create.Job, plan core.Plan, who string, how apply.Creation) (*core.Change, error) {
	change, err := by.Create(ctx, job.Instance, plan, who, how)
	if err == nil {
		err = place.Finish(job.Instance)
	}
	return change, err
}

// unmake removes all that a creating change made.
func (w *workshop) unmake(ctx context.Context, host *docker.Host, c core.Change) error {
	place := w.place(host, "")
	inst := place.Instance(c.Plan)
	if err := host.Erase(ctx, inst, c.Created); err != nil {
		return err
	}
	if err := place.RemoveFolder(inst.Dir, c.ID); err != nil {
		return err
	}
	gone := core.AuditEntry{Actor: c.Actor, Action: "instance.unregister", Instance: inst.ID, Outcome: "ok", Detail: "its creation failed"}
	if err := w.store.RemoveInstance(ctx, inst.ID, gone); err != nil && core.CodeOf(err) != core.NotFound {
		return err
	}
	return w.store.Release(ctx, inst.ID)
}
