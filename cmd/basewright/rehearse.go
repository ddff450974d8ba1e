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
	"github.com/basewright/basewright/core/docker"
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

func (w *workshop) rehearsed(ctx context.Context, inst core.Instance, o upgrade.Order) (r rehearsal, err error) {
	release, err := w.applier.HoldRehearsal(rehearsalOf(inst))
	if err != nil {
		return r, err
	}
	defer release()
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
	defer func() { err = errors.Join(err, w.strike(ctx, w.host, *made)) }()
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
	return r, w.examine(ctx, &r, w.host.Open(job.Instance))
}

// examine looks at an upgraded clone, with a sign-up, until it is well or had its
// time to settle.
func (w *workshop) examine(ctx context.Context, r *rehearsal, clone core.Engine) (err error) {
	for end := time.Now().Add(2 * time.Minute); ; {
		r.Diagnosis, err = look(ctx, clone, w.store.Key(), w.books, diagnose.Options{Depth: core.Deep, Trigger: core.ByVerify})
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
func (w *workshop) stage(ctx context.Context, inst core.Instance) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
	no := func(err error) (*create.Place, *create.Job, core.Plan, upgrade.Own, error) {
		return nil, nil, core.Plan{}, upgrade.Own{}, err
	}
	e := w.host.Open(inst)
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
	place := w.place(w.host, filepath.Dir(inst.Dir))
	job, plan, err := place.Prepare(ctx, order)
	return place, job, plan, own, err
}

// rehearsalEnd is how the id of a clone ends that an upgrade is tried with.
const rehearsalEnd = "-rehearsal"

// rehearsalOf is the id of the clone with which the upgrade of an instance is tried.
func rehearsalOf(inst core.Instance) string {
	return strings.TrimRight(inst.ID[:min(len(inst.ID), 40-len(rehearsalEnd))], "-") + rehearsalEnd
}

// sweepRehearsals removes the clones of rehearsals that were killed, and returns
// their ids. That a clone is one is proven by the change that made it; one whose
// rehearsal lives is left to it.
func (w *workshop) sweepRehearsals(ctx context.Context, host *docker.Host) (gone []string, err error) {
	kept, err := w.store.Instances(ctx)
	for _, i := range kept {
		if !strings.HasSuffix(i.ID, rehearsalEnd) || i.Origin != core.Created {
			continue
		}
		removed, left := w.sweepRehearsal(ctx, host, i)
		if err = errors.Join(err, left); removed {
			gone = append(gone, i.ID)
		}
	}
	return gone, err
}

func (w *workshop) sweepRehearsal(ctx context.Context, host *docker.Host, clone core.Instance) (removed bool, err error) {
	release, err := w.applier.HoldRehearsal(clone.ID)
	if core.CodeOf(err) == core.Conflict {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer release()
	changes, err := w.store.Changes(ctx, clone.ID, 0)
	for _, c := range changes { // the newest first
		if !c.State.Ended() {
			return false, err // it is put back first
		}
		if c.Plan.Playbook == core.CreatePlaybook && c.State == core.Committed {
			if !create.Rehearses(c) {
				return false, err
			}
			if err := madeOn(ctx, host, c); err != nil {
				return false, err
			}
			return true, w.strike(ctx, host, c)
		}
	}
	return false, err
}

// madeOn refuses to remove from one Docker Engine what was made on another: there
// its containers would go on without their folder, and nobody would know of them.
func madeOn(ctx context.Context, host *docker.Host, made core.Change) error {
	was := made.Plan.Basis["engine"]
	if was == "" {
		return nil
	}
	here, err := host.EngineID(ctx)
	if err != nil || was == here {
		return err
	}
	return &core.Error{
		Code:    core.Unreachable,
		Message: fmt.Sprintf("%s was left by a rehearsal on another Docker Engine (%s), with a copy of the data", made.Instance, was),
		Hint:    "name that engine with --docker-host to have it removed",
	}
}

// strike removes the clone of a rehearsal with all that was made for it. Its folder
// still bears the mark of the change that made it, so nothing else can be meant.
func (w *workshop) strike(ctx context.Context, host *docker.Host, made core.Change) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	gone, err := w.folder.Forget(made.Instance, made.Created)
	err = errors.Join(err, w.store.ForgetSnapshots(ctx, gone...), w.unmake(ctx, host, made))
	if err != nil {
		return fmt.Errorf("remove the clone %s of the rehearsal: %w", made.Instance, err)
	}
	return nil
}
