package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/upgrade"
)

// rehearsal is what the upgrade of a clone came to.
type rehearsal struct {
	Well      bool            `json:"well"`
	Change    core.Change     `json:"change"`
	Diagnosis *core.Diagnosis `json:"diagnosis,omitempty"` // of the clone afterwards, with a sign-up
}

// rehearse upgrades a clone of the instance, with its data and its own changes, looks
// at it as deeply as can be, and removes it. The instance itself goes on as it is.
func (w *workshop) rehearse(ctx context.Context, f upgradeFlags, inst core.Instance, o upgrade.Order, plan core.Plan) error {
	if f.output == "text" {
		printPlan(w.console, plan)
		fmt.Fprintf(w.out, "\nThis is done with a clone, which has the data of %s: cron jobs and webhooks in the database run there, too, until it is removed.\n", printable(inst.ID))
	}
	if f.plan {
		return w.printJSON(f.output, plan)
	}
	if !f.yes {
		if err := w.confirm(plan); err != nil {
			return err
		}
	}
	if f.output == "text" {
		w.applier.Progress = stepPrinter(w.console)
	}
	r, err := w.rehearsed(ctx, inst, o)
	if err != nil {
		return refused(err)
	}
	if f.output == "json" {
		err = w.indented(r)
	} else {
		printReceipt(w.console, r.Change)
		word := "The rehearsal went well: " + inst.ID + " itself was not touched, and the clone is removed."
		if !r.Well {
			word = "The rehearsal did not go well; " + inst.ID + " itself was not touched, and the clone is removed."
		}
		fmt.Fprintln(w.out, "\n"+printable(word))
	}
	if err == nil && !r.Well {
		return exit{code: exitFound}
	}
	return err
}

func (w *workshop) rehearsed(ctx context.Context, inst core.Instance, o upgrade.Order) (r rehearsal, err error) {
	place, job, plan, own, err := w.stage(ctx, inst)
	if err != nil {
		return r, err
	}
	how := w.creation(job, actor(), w.books)
	how.Make = func(ctx context.Context, change string) error {
		return errors.Join(job.Make(ctx, change), own.Write(job.Instance.Dir))
	}
	how.Transplant = w.transplant(w.host, w.folder, inst, false, actor())
	made, err := w.applier.Create(ctx, job.Instance, plan, actor(), how)
	if made == nil {
		return r, errors.Join(err, place.Abandon(ctx, job))
	}
	if err != nil {
		return r, fmt.Errorf("make a clone to rehearse with: %w", err)
	}
	defer func() { err = errors.Join(err, w.strike(ctx, *made)) }()
	next, err := w.planUpgrade(ctx, w.host, job.Instance, o)
	if err != nil {
		return r, err
	}
	c, err := w.applyUpgrade(ctx, *w.applier, w.host, job.Instance, next, actor())
	if c == nil {
		return r, err
	}
	r.Change = *c
	if c.State != core.Committed {
		return r, nil // the receipt says why
	}
	r.Diagnosis, err = look(ctx, w.host.Open(job.Instance), w.store.Key(), w.books, diagnose.Options{Depth: core.Deep, Trigger: core.ByVerify})
	r.Well = err == nil && r.Diagnosis.Status != core.Unhealthy && r.Diagnosis.Status != core.Unknown
	return r, err
}

// stage prepares the clone of a rehearsal: of the instance's own release and images,
// with what a person changed in its files.
func (w *workshop) stage(ctx context.Context, inst core.Instance) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
	no := func(err error) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
		return nil, nil, core.Plan{}, upgrade.Own{}, err
	}
	e := w.host.Open(inst)
	obs, err := e.Observe(ctx)
	if err != nil {
		return no(err)
	}
	kept, err := w.store.Instance(ctx, inst.ID)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return no(err)
	}
	own, err := upgrade.OwnChanges(ctx, e, obs, kept.Release)
	if err != nil {
		return no(err)
	}
	if err := own.Contained(inst.ID); err != nil {
		return no(err)
	}
	order, err := create.Like(own.Release, obs.Env)
	if err != nil {
		return no(err)
	}
	const suffix = "-rehearsal"
	order.Name = strings.TrimRight(inst.ID[:min(len(inst.ID), 40-len(suffix))], "-") + suffix
	order.Clone.Of = inst.ID
	place := w.place(w.host, filepath.Dir(inst.Dir))
	job, plan, err := place.Prepare(ctx, order)
	return place, job, plan, own, err
}

// strike removes the clone of a rehearsal with all that was made for it. Its folder
// still bears the mark of the change that made it, so nothing else can be meant.
func (w *workshop) strike(ctx context.Context, made core.Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	gone, err := w.folder.Forget(made.Instance, made.Created)
	err = errors.Join(err, w.store.ForgetSnapshots(ctx, gone...), w.unmake(ctx, w.host, made))
	if err != nil {
		return fmt.Errorf("remove the clone %s of the rehearsal: %w", made.Instance, err)
	}
	return nil
}
