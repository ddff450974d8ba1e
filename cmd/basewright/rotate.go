package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
	"github.com/basewright/basewright/core/configure"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui"
)

func rotateCommand(g *global) *cobra.Command {
	var a approval
	var names []string
	long := "Makes secrets of an instance anew, wherever they are: in .env, in the database's roles,\nin what the pooler has stored, in every container that uses them. The plan lists the\nclients that must change. It is kept only if the instance is as well as before.\n"
	for _, r := range configure.Rotations {
		names = append(names, r.Name)
		long += "\n  " + r.Name + strings.Repeat(" ", 20-len(r.Name)) + r.Title
	}
	cmd := &cobra.Command{
		Use: "rotate INSTANCE " + strings.Join(names, "|"), Short: "Make secrets of an instance anew, and say who must be told",
		Long:    long + "\n\nExit code: 0 planned or committed, 1 refused or rolled back, 2 could not start.",
		Example: "  basewright rotate shop api-keys --plan\n  basewright rotate shop database-passwords --yes",
		Args:    exactly(2, "an instance and what to rotate"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.validate(); err != nil {
				return err
			}
			r, err := configure.RotationOf(args[1])
			if err != nil {
				return err
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.rotate(cmd.Context(), a, args[0], r) })
		},
	}
	a.register(cmd)
	return cmd
}

func (w *workshop) rotate(ctx context.Context, a approval, name string, r configure.Rotation) error {
	inst, err := w.known(ctx, name)
	if err != nil {
		return err
	}
	e := w.host.Open(inst)
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	plan, err := w.rotation(ctx, e, obs, r)
	if err != nil {
		return refused(err)
	}
	return w.carry(a, plan, func() (*core.Change, error) { return w.applier.Apply(ctx, inst, plan, actor(), plan.Hash) })
}

// rotation plans a rotation and seals the plan.
func (w *workshop) rotation(ctx context.Context, in core.Inspector, obs *core.Observation, r configure.Rotation) (core.Plan, error) {
	plan, err := configure.Rotate(ctx, in, obs, r)
	if err != nil {
		return plan, err
	}
	plan.Basis = repairs.Basis(obs, nil, w.store.Key())
	if err := plan.Seal(); err != nil {
		return plan, err
	}
	return plan, w.applier.Check(plan, obs)
}

// planRotation plans a rotation over the API.
func (a *agent) planRotation(ctx context.Context, i core.Instance, o ui.RotateOrder) (core.Plan, []string, error) {
	r, err := configure.RotationOf(o.What)
	if err != nil {
		return core.Plan{}, nil, err
	}
	_, e, obs, err := a.observe(ctx, i)
	if err != nil {
		return core.Plan{}, nil, err
	}
	p, err := a.rotation(ctx, e, obs, r)
	return p, r.Clients, err
}

// rotate applies the plan of a rotation that was approved.
func (a *agent) rotate(i core.Instance, o ui.RotateOrder, who string) queue.Job {
	return a.job(func(ctx context.Context, w apply.Applier) (*core.Change, error) {
		p, _, err := a.planRotation(ctx, i, o)
		if err != nil {
			return nil, err
		}
		if p.Hash != o.PlanHash {
			return nil, planMoved()
		}
		if i, _, err = a.open(ctx, i); err != nil {
			return nil, err
		}
		return w.Apply(ctx, i, p, who, p.Hash)
	})
}

// planMoved is said of a plan that is not the approved one any more.
func planMoved() error {
	return &core.Error{Code: core.Conflict, Message: "the plan is no longer the one that was approved: the instance changed since", Hint: "look at the new plan"}
}
