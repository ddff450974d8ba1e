package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/snapshot"
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
		fmt.Fprintf(w.out, "This is done with a clone, which has the data of %s: cron jobs and webhooks in the database run there, too, until it is removed.\n\n", printable(inst.ID))
	}
	if ok, err := w.approved(f.approval, plan); !ok {
		return err
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
			if r.Diagnosis != nil {
				printReport(w.console, []*core.Diagnosis{r.Diagnosis})
			}
			word = "The rehearsal did not go well; " + inst.ID + " itself was not touched, and the clone is removed."
		}
		fmt.Fprintln(w.out, "\n"+printable(word))
	}
	if err == nil && !r.Well {
		return exit{code: exitFound}
	}
	return err
}

// trial is a rehearsal under way: who does it, and with what.
type trial struct {
	*workshop
	by     apply.Applier // of what the clone goes through
	id     string        // of the change that makes it; "" for any
	host   *docker.Host
	folder *snapshot.Folder
	books  []core.Playbook
	who    string
	at     func(stage, change string) // hears how far it is
}

// rehearsed upgrades a clone of the instance by the command line.
func (w *workshop) rehearsed(ctx context.Context, inst core.Instance, o upgrade.Order) (rehearsal, error) {
	t := trial{workshop: w, by: *w.applier, host: w.host, folder: w.folder, books: w.books, who: actor(), at: func(string, string) {}}
	r, _, err := t.run(ctx, inst, o)
	return r, err
}

// run makes the clone, upgrades it, looks at it and removes it. It also returns the
// change that made the clone, nil when nothing was begun.
func (t *trial) run(ctx context.Context, inst core.Instance, o upgrade.Order) (r rehearsal, made *core.Change, err error) {
	release, err := t.applier.HoldRehearsal(rehearsalOf(inst))
	if err != nil {
		return r, nil, err
	}
	defer release()
	clone, made, err := t.make(ctx, inst)
	if made == nil || err != nil {
		return r, made, err
	}
	defer func() {
		t.at("remove", "")
		err = errors.Join(err, t.strike(ctx, t.host, *made))
	}()
	return r, made, t.upgrade(ctx, &r, clone, o)
}

// make makes the clone.
func (t *trial) make(ctx context.Context, inst core.Instance) (clone core.Instance, made *core.Change, err error) {
	place, job, plan, own, err := t.stage(ctx, t.host, inst)
	if err != nil {
		return clone, nil, err
	}
	how := t.creation(job, t.who, t.books)
	how.Make = func(ctx context.Context, change string) error {
		return errors.Join(job.Make(ctx, change), own.Write(job.Instance.Dir))
	}
	how.Transplant = t.transplant(t.host, t.folder, inst, false, t.who)
	by := t.by
	id := cmp.Or(t.id, core.NewID())
	by.NewID = func() string { return id }
	t.at("clone", id)
	made, err = by.Create(ctx, job.Instance, plan, t.who, how)
	if made == nil {
		return clone, nil, errors.Join(err, place.Abandon(ctx, job))
	}
	if err != nil {
		err = fmt.Errorf("make a clone to rehearse with: %w", err)
	}
	return job.Instance, made, err
}

// upgrade upgrades the clone and looks at what came of it.
func (t *trial) upgrade(ctx context.Context, r *rehearsal, clone core.Instance, o upgrade.Order) error {
	next, err := t.planUpgrade(ctx, t.host, clone, o)
	if err != nil {
		return err
	}
	by, id := t.by, core.NewID()
	by.NewID = func() string { return id }
	t.at("upgrade", id)
	c, err := t.applyUpgrade(ctx, by, t.host, clone, next, t.who)
	if c == nil {
		return err
	}
	r.Change = *c
	if c.State != core.Committed {
		return nil // the receipt says why
	}
	t.at("look", "")
	return t.examine(ctx, r, t.host.Open(clone))
}

// examine looks at an upgraded clone, with a sign-up, until it is well or had its
// time to settle.
func (t *trial) examine(ctx context.Context, r *rehearsal, clone core.Engine) (err error) {
	for end := time.Now().Add(2 * time.Minute); ; {
		r.Diagnosis, err = t.look(ctx, clone, t.store.Key(), t.books, diagnose.Options{Depth: core.Deep, Trigger: core.ByVerify})
		r.Well = err == nil && r.Diagnosis.Status != core.Unhealthy && r.Diagnosis.Status != core.Unknown
		if r.Well || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// stage prepares the clone of a rehearsal: of the instance's own release and images,
// with what a person changed in its files.
func (w *workshop) stage(ctx context.Context, host *docker.Host, inst core.Instance) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
	no := func(err error) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
		return nil, nil, core.Plan{}, upgrade.Own{}, err
	}
	e := host.Open(inst)
	obs, err := e.Observe(ctx)
	if err != nil {
		return no(err)
	}
	release, err := w.booked(ctx, inst.ID)
	if err != nil {
		return no(err)
	}
	own, err := upgrade.OwnChanges(ctx, e, obs, release)
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
	order.Name = rehearsalOf(inst)
	order.Clone = create.Clone{Of: inst.ID, Rehearsal: true}
	place := w.place(host, filepath.Dir(inst.Dir))
	job, plan, err := place.Prepare(ctx, order)
	return place, job, plan, own, err
}
