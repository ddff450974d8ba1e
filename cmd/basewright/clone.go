package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/docker"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/snapshot"
	"github.com/basewright/basewright/core/supabase"
	"github.com/basewright/basewright/ui"
)

func cloneCommand(g *global) *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use: "clone INSTANCE NAME", Short: "Make a new instance with another's database and files, and secrets of its own",
		Long: `Takes a snapshot of INSTANCE, which goes on running, makes a new instance as
"instance create" does, and gives it the database and the files of storage: with
--schema-only tables, functions and policies without rows. Identity and secrets are
always new: nobody stays logged in, keys of the one are not valid in the other, and
what Vault encrypted in the one cannot be read in the other. When anything fails
nothing of the clone is left.

Exit code: 0 planned or made, 1 refused or removed again, 2 could not start.`,
		Example: "  basewright instance clone shop shop-test --plan\n  basewright instance clone shop shop-dev --schema-only --yes",
		Args:    exactly(2, "an instance and the name of its clone"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			f.order.Clone.Of, f.order.Name = args[0], args[1]
			return createInstance(cmd.Context(), g, f)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.order.Clone.SchemaOnly, "schema-only", false, "leave the rows and files behind")
	return cmd
}

// graft returns how a new instance gets what another's database and files are, or
// nil for one that gets nothing, and completes the order accordingly.
func (w *workshop) graft(ctx context.Context, f *orderFlags) (func(context.Context, core.Engine) error, error) {
	switch of := f.order.Clone; {
	case of.Snapshot != "":
		return w.fromSnapshot(ctx, f)
	case of.Of != "":
		source, err := w.source(ctx, f)
		return w.transplant(w.host, w.folder, source, of.SchemaOnly, actor()), err
	}
	return nil, nil
}

// source finds what is to be cloned and makes the clone's database of the same
// major version.
func (w *workshop) source(ctx context.Context, f *orderFlags) (core.Instance, error) {
	inst, err := find(ctx, w.host, f.order.Clone.Of)
	if err != nil {
		return inst, err
	}
	return inst, cloneOf(ctx, inst, w.host.Open(inst), &f.order)
}

// cloneOf makes an order one of a clone of inst, whose database is of the same
// major version.
func cloneOf(ctx context.Context, inst core.Instance, e core.Inspector, o *create.Order) error {
	major, err := supabase.ServerMajor(ctx, e)
	if err != nil {
		return err
	}
	if o.PG != 0 && o.PG != major {
		return core.Errorf(core.Invalid, "%s runs PostgreSQL %d; its clone cannot have %d", inst.ID, major, o.PG)
	}
	o.PG, o.Clone.Of = major, inst.ID
	return nil
}

// transplant returns how a clone gets what is the source's: by a snapshot that is
// taken now and kept as others are.
func (w *workshop) transplant(host *docker.Host, folder *snapshot.Folder, source core.Instance, schemaOnly bool, who string) func(context.Context, core.Engine) error {
	return func(ctx context.Context, clone core.Engine) error {
		release, err := w.applier.Hold(source, "a snapshot being taken")
		if err != nil {
			return err
		}
		defer release()
		e := host.Open(source)
		obs, err := e.Observe(ctx)
		if err != nil {
			return err
		}
		scope := core.FullScope
		if schemaOnly {
			scope = core.DatabaseScope
		}
		var snap core.Snapshot
		err = w.auditedBy(ctx, who, "snapshot.create", source.ID, "scope "+string(scope)+", for a clone", func() (string, error) {
			snap, err = folder.TakeScope(ctx, e, source, obs, snapshot.Request{Scope: scope, Reason: "for a clone"})
			if err != nil {
				return "", err
			}
			return "snapshot " + snap.ID, w.store.SaveSnapshot(ctx, snap)
		})
		if err != nil {
			return err
		}
		return folder.Transplant(ctx, clone, snap, schemaOnly)
	}
}

// prepareClone checks the order of a clone and returns what it will be, with the
// plan; its ports and network are kept.
func (a *agent) prepareClone(ctx context.Context, source core.Instance, in ui.CloneOrder) (*cloning, error) {
	if in.FromSnapshot != "" {
		return nil, core.Errorf(core.Invalid, "a clone is of %s as it is now; POST /api/instances makes an instance from a snapshot", source.ID)
	}
	source, e, err := a.open(ctx, source)
	if err != nil {
		return nil, err
	}
	host, err := a.engines.get(ctx)
	if err != nil {
		return nil, err
	}
	order := orderOf(in.CreateOrder)
	order.Clone.SchemaOnly = in.SchemaOnly
	if err := cloneOf(ctx, source, e, &order); err != nil {
		return nil, err
	}
	c := &cloning{source: source, host: host, place: a.place(host, "")}
	c.job, c.plan, err = c.place.Prepare(ctx, order)
	return c, err
}

// cloning is a clone that is prepared.
type cloning struct {
	source core.Instance
	host   *docker.Host
	place  *create.Place
	job    *create.Job
	plan   core.Plan
}

// planClone says how a clone would be made; nothing stays reserved for it.
func (a *agent) planClone(ctx context.Context, source core.Instance, in ui.CloneOrder) (core.Plan, error) {
	c, err := a.prepareClone(ctx, source, in)
	if err != nil {
		return core.Plan{}, err
	}
	return c.plan, c.place.Abandon(ctx, c.job)
}

// clone returns the job that makes a clone by the plan that was approved.
func (a *agent) clone(ctx context.Context, source core.Instance, in ui.CloneOrder, who string) (core.Instance, queue.Job, error) {
	c, err := a.prepareClone(ctx, source, in)
	if err != nil {
		return core.Instance{}, nil, err
	}
	if c.plan.Hash != in.PlanHash {
		return core.Instance{}, nil, errors.Join(planMoved(), c.place.Abandon(ctx, c.job))
	}
	return c.job.Instance, a.making(c.place, c.job, c.plan, who, func(ctx context.Context, folder *snapshot.Folder) apply.Creation {
		how := a.creation(c.job, who, a.books(ctx))
		how.Transplant = a.transplant(c.host, folder, c.source, in.SchemaOnly, who)
		return how
	}), nil
}
