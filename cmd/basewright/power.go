package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/apply"
)

// known returns an instance as the engine has it or, where it has nothing of it,
// as Basewright keeps it.
func (w *workshop) known(ctx context.Context, name string) (core.Instance, error) {
	i, err := find(ctx, w.host, name)
	if core.CodeOf(err) == core.NotFound {
		if kept, missing := w.store.Instance(ctx, name); missing == nil {
			return kept, nil
		}
	}
	if err != nil {
		return i, err
	}
	return w.withMode(ctx, i)
}

var powerWords = map[string][2]string{
	core.StartPlaybook:   {"start", "Start every service that does not run, the database first"},
	core.StopPlaybook:    {"stop", "Stop every service gracefully, the database last"},
	core.RestartPlaybook: {"restart", "Restart an instance safely: stopped with the database last, started with it first, verified"},
}

func powerCommand(g *global, what string) *cobra.Command {
	var a approval
	cmd := &cobra.Command{
		Use: powerWords[what][0] + " INSTANCE", Short: powerWords[what][1],
		Long: powerWords[what][1] + `.

It is a change like any other: a snapshot of the configuration is taken first, each
service gets its own grace period, volumes are not touched, and the instance is put
back when it does not come out as planned.

Exit code: 0 planned or committed, 1 refused or rolled back, 2 could not start.`,
		Example: "  basewright instance " + powerWords[what][0] + " shop --yes",
		Args:    exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.validate(); err != nil {
				return err
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.power(cmd.Context(), a, args[0], what) })
		},
	}
	if what == core.RestartPlaybook {
		cmd.Aliases = []string{"safe-restart"}
	}
	a.register(cmd)
	return cmd
}

func (w *workshop) power(ctx context.Context, a approval, name, what string) error {
	inst, err := w.known(ctx, name)
	if err != nil {
		return err
	}
	obs, err := w.host.Open(inst).Observe(ctx)
	if err != nil {
		return err
	}
	plan, err := w.applier.Power(inst, obs, what)
	if err != nil {
		return refused(err)
	}
	return w.carry(a, plan, func() (*core.Change, error) { return operate(ctx, *w.applier, inst, plan, actor()) })
}

// operate carries out a plan that starts, stops or restarts an instance.
func operate(ctx context.Context, by apply.Applier, inst core.Instance, plan core.Plan, who string) (*core.Change, error) {
	if plan.Playbook == core.StopPlaybook {
		return by.Stop(ctx, inst, plan, who)
	}
	by.Settle = 2 * time.Minute // all of them start at once
	return by.Apply(ctx, inst, plan, who, plan.Hash)
}
