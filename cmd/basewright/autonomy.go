package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/autonomy"
)

func playbookAllow(g *global) *cobra.Command {
	p := autonomy.Policy{}
	cmd := &cobra.Command{
		Use: "allow PLAYBOOK INSTANCE", Short: "Let a playbook be applied to an instance without a person",
		Long: `Off until you say so, for one playbook, by its text as it is now, on one instance.
It is then applied by itself to a root cause that it mends, once people have applied
it there with success often enough. One rollback, or one undo, takes the permission
away. A playbook of high risk, or one that runs commands, never gets it.`,
		Example: "  basewright playbook allow restart-auth shop --after 3 --cooldown 1h --per-hour 2", Args: exactly(2, "one playbook and one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withState(g, func(w *workshop) error { return w.allow(cmd.Context(), p, args[0], args[1]) })
		},
	}
	cmd.Flags().IntVar(&p.After, "after", autonomy.DefaultAfter, "successes that people approved, without a rollback since")
	cmd.Flags().DurationVar(&p.Cooldown, "cooldown", autonomy.DefaultCooldown, "time between two applications")
	cmd.Flags().IntVar(&p.PerHour, "per-hour", autonomy.DefaultPerHour, "automatic repairs of the instance in an hour")
	return cmd
}

func (w *workshop) allow(ctx context.Context, p autonomy.Policy, playbook, instance string) (err error) {
	if w.books, err = w.playbooks(ctx); err != nil {
		return err
	}
	i := slices.IndexFunc(w.books, func(b core.Playbook) bool { return b.ID == playbook })
	switch {
	case i < 0:
		return core.Errorf(core.NotFound, "there is no playbook %s; `basewright playbook list` names them", printable(playbook))
	case !core.ValidID(instance):
		return core.Errorf(core.Invalid, "%q is not the id of an instance", printable(instance))
	case w.books[i].Risk == core.HighRisk || slices.Contains(w.books[i].Needs, core.OpExec):
		return refused(core.Errorf(core.Forbidden, "%s is of high risk or runs commands; a person applies it", playbook))
	}
	p.Playbook, p.Instance, p.Source, p.Actor, p.At = playbook, instance, sourceHash(w.books[i]), actor(), time.Now()
	if err := w.store.Allow(ctx, p); err != nil {
		return err
	}
	past, err := w.store.Past(ctx, instance)
	if err != nil {
		return err
	}
	r := autonomy.Tell(playbook, past)
	fmt.Fprintf(w.out, "%s may be applied to %s without a person, after %d successes that a person approved; it has %d\n", playbook, instance, p.After, r.Earned)
	return nil
}

func playbookForbid(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "forbid PLAYBOOK INSTANCE", Short: "Take back the permission to be applied without a person",
		Example: "  basewright playbook forbid restart-auth shop", Args: exactly(2, "one playbook and one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withState(g, func(w *workshop) error {
				if err := w.store.Forbid(cmd.Context(), args[1], args[0], actor()); err != nil {
					return err
				}
				fmt.Fprintf(g.out, "%s is applied to %s by people only\n", printable(args[0]), printable(args[1]))
				return nil
			})
		},
	}
}

func playbookResume(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "Let automatic repair go on after it was stopped for the whole host", Example: "  basewright playbook resume", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withState(g, func(w *workshop) error {
				if err := w.store.Resume(cmd.Context(), actor()); err != nil {
					return err
				}
				fmt.Fprintln(g.out, "what is allowed may be repaired by itself again")
				return nil
			})
		},
	}
}

func playbookRecord(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "record [INSTANCE]", Short: "How often playbooks were applied and rolled back, and what they may do by themselves", Example: "  basewright playbook record shop", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withState(g, func(w *workshop) error { return w.record(cmd.Context(), strings.Join(args, "")) })
		},
	}
}

// record prints a line for each playbook and instance that have a past or a
// permission.
func (w *workshop) record(ctx context.Context, instance string) error {
	changes, err := w.store.Changes(ctx, instance, 0)
	if err != nil {
		return err
	}
	policies, err := w.store.Policies(ctx, instance)
	if err != nil {
		return err
	}
	type pair struct{ playbook, instance string }
	allowed := map[pair]string{}
	var pairs []pair
	for _, p := range policies {
		at := pair{p.Playbook, p.Instance}
		pairs, allowed[at] = append(pairs, at), fmt.Sprintf("after %d, %s apart, %d an hour", p.After, p.Cooldown, p.PerHour)
		if p.Suspended != "" {
			allowed[at] = "taken away: " + p.Suspended
		}
	}
	for _, c := range changes {
		if at := (pair{c.Plan.Playbook, c.Instance}); !slices.Contains(pairs, at) {
			pairs = append(pairs, at)
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.instance+" "+a.playbook, b.instance+" "+b.playbook) })
	t := tabwriter.NewWriter(w.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tPLAYBOOK\tAPPLIED\tBY ITSELF\tROLLED BACK\tEARNED\tMAY BE APPLIED BY ITSELF")
	for _, p := range pairs {
		past, err := w.store.Past(ctx, p.instance)
		if err != nil {
			return err
		}
		r, may := autonomy.Tell(p.playbook, past), allowed[p]
		if may == "" {
			may = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", printable(p.instance), printable(p.playbook), r.Applied, r.Automatic, r.RolledBack, r.Earned, printable(may))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	why, err := w.store.Stopped(ctx)
	if why != "" {
		fmt.Fprintf(w.out, "\nAutomatic repair is %s.\n`basewright playbook resume` lets it go on.\n", printable(why))
	}
	return err
}

func playbookTend(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "tend INSTANCE", Short: "Diagnose an instance and do what may be done there without a person, once", Args: exactly(1, "one instance"),
		Example: "  basewright playbook tend shop",
		Long:    "What the agent does after each scheduled diagnosis. Without a permission it changes nothing.\n\nExit code: 0 healthy, or repaired; 1 ill and left so; 2 could not look.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.tendNow(cmd.Context(), args[0]) })
		},
	}
}

func (w *workshop) tendNow(ctx context.Context, name string) error {
	inst, err := find(ctx, w.host, name)
	if err != nil {
		return err
	}
	w.applier.Progress = stepPrinter(w.console)
	d, t, err := w.tend(ctx, inst)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s is %s\n", inst.ID, d.Status)
	for _, why := range t.Reasons {
		fmt.Fprintln(w.out, "not done: "+printable(why))
	}
	if t.Storm != nil {
		fmt.Fprintf(w.out, "%s %s\n", t.Storm.Code, printable(t.Storm.Title))
	}
	if t.Change != nil {
		printReceipt(w.console, *t.Change)
	}
	if d.Status != core.Healthy && (t.Change == nil || t.Change.State != core.Committed) {
		return exit{code: exitFound}
	}
	return nil
}
