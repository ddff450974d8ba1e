package main

import (
	"context"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/autonomy"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/repairs"
)

// observer opens an instance and looks at it.
type observer func(ctx context.Context, i core.Instance) (core.Instance, core.Engine, *core.Observation, error)

// keeper applies what admins allowed to be applied without a person: find returns
// a playbook, do carries a plan out.
func (w *workshop) keeper(find func(ctx context.Context, id string) (core.Playbook, error), look observer,
	do func(ctx context.Context, i core.Instance, by func(apply.Applier) (*core.Change, error)) (*core.Change, error)) *autonomy.Keeper {
	return &autonomy.Keeper{
		Book: w.store,
		Playbook: func(ctx context.Context, id string) (core.Playbook, string, error) {
			book, err := find(ctx, id)
			return book, sourceHash(book), err
		},
		Plan: func(ctx context.Context, i core.Instance, d *core.Diagnosis, f core.Finding, book core.Playbook) (core.Plan, error) {
			_, e, obs, err := look(ctx, i)
			if err != nil {
				return core.Plan{}, err
			}
			plan, err := repairs.Plan(ctx, book, core.Target{Observation: obs, Inspector: e, Key: w.store.Key()}, d, &f, nil)
			if err != nil {
				return core.Plan{}, err
			}
			return plan, w.applier.Check(plan, obs)
		},
		Apply: func(ctx context.Context, i core.Instance, p core.Plan, f core.Finding, actor string) (*core.Change, error) {
			return do(ctx, i, func(by apply.Applier) (*core.Change, error) {
				by.Basis = func(o *core.Observation, _ core.Plan) map[string]string { return repairs.Basis(o, &f, w.store.Key()) }
				return by.Apply(ctx, i, p, actor, p.Hash)
			})
		},
	}
}

// tend diagnoses an instance and does what may be done there without a person, as
// the agent does after each scheduled diagnosis.
func (w *workshop) tend(ctx context.Context, inst core.Instance) (*core.Diagnosis, autonomy.Tended, error) {
	inst, err := w.withMode(ctx, inst)
	if err != nil {
		return nil, autonomy.Tended{}, err
	}
	d, err := w.look(ctx, w.host.Open(inst), w.store.Key(), w.books, diagnose.Options{Trigger: core.BySchedule})
	if err != nil {
		return nil, autonomy.Tended{}, err
	}
	d.InstanceID = inst.ID
	if err := w.store.SaveDiagnosis(ctx, d); err != nil {
		return d, autonomy.Tended{}, err
	}
	find := func(_ context.Context, id string) (core.Playbook, error) {
		i := slices.IndexFunc(w.books, func(b core.Playbook) bool { return b.ID == id })
		if i < 0 {
			return core.Playbook{}, core.Errorf(core.NotFound, "there is no playbook %s any more", id)
		}
		return w.books[i], nil
	}
	observe := func(ctx context.Context, i core.Instance) (core.Instance, core.Engine, *core.Observation, error) {
		e := w.host.Open(i)
		obs, err := e.Observe(ctx)
		return i, e, obs, err
	}
	now := func(_ context.Context, _ core.Instance, by func(apply.Applier) (*core.Change, error)) (*core.Change, error) {
		return by(*w.applier)
	}
	t, err := w.keeper(find, observe, now).Tend(ctx, inst, d)
	return d, t, err
}

// tendTo does what may be done without a person after a scheduled diagnosis, and
// says so in a line.
func (a *agent) tendTo(ctx context.Context, i core.Instance, d *core.Diagnosis) (string, error) {
	t, err := a.keeper(a.collection.Find, a.observe, a.inQueue).Tend(ctx, i, d)
	said := []string{string(d.Status)}
	if t.Change != nil {
		said = append(said, "change "+t.Change.ID+" by "+t.Change.Plan.Playbook+" is "+string(t.Change.State))
	}
	for _, why := range t.Reasons {
		said = append(said, "not repaired: "+why)
	}
	if t.Storm != nil {
		a.Log.Error("nothing is repaired by itself any more", "finding", t.Storm.Code, "why", t.Storm.Title)
	}
	return strings.Join(said, "; "), err
}

// inQueue carries a change out in the queue, where people see it, and waits for
// its end.
func (a *agent) inQueue(ctx context.Context, i core.Instance, by func(apply.Applier) (*core.Change, error)) (*core.Change, error) {
	var c *core.Change
	var failed error
	ended := make(chan struct{})
	job := a.job(func(_ context.Context, w apply.Applier) (*core.Change, error) { return by(w) })
	_, err := a.Changes.Start(ctx, i.ID, func(ctx context.Context, id string, progress func(core.Event)) (*core.Change, error) {
		defer close(ended)
		c, failed = job(ctx, id, progress)
		return c, failed
	})
	if err != nil {
		return nil, err
	}
	<-ended
	return c, failed
}
