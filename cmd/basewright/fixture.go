package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/repairs"
)

// playbookHistory lists the good versions of a user's playbook.
func playbookHistory(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "history PLAYBOOK", Short: "List the good versions of a playbook of your own", Example: "  basewright playbook history my-repair", Args: exactly(1, "one playbook"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := g.playbooks(cmd.Context()); err != nil { // which takes in the version that is there now
				return err
			}
			h := g.history()
			versions, err := h.Versions(args[0])
			if err != nil {
				return err
			}
			if len(versions) == 0 {
				return core.Errorf(core.NotFound, "there is no version of a playbook %q of your own in %s", printable(args[0]), h.Dir)
			}
			w := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "SINCE\tBYTES\tFILE")
			for _, v := range versions {
				fmt.Fprintf(w, "%s\t%d\t%s\n", v.At.Local().Format(time.DateTime), len(v.Text), printable(filepath.Join(h.Dir, args[0], v.Name)))
			}
			return w.Flush()
		},
	}
}

// playbookFixture prints an example made of a real instance.
func playbookFixture(g *global) *cobra.Command {
	var f repairFlags
	cmd := &cobra.Command{
		Use: "fixture INSTANCE PLAYBOOK", Short: "Make an example for a playbook of a real instance, anonymised",
		Long: `Prints one example for the playbook's list of examples: the facts of the instance
as it is now, with names, addresses and fingerprints replaced and without any
secret, and the plan that the playbook makes of them. Nothing is changed.`,
		Example: "  basewright playbook fixture shop my-repair.lua --finding PG-01 > example.lua",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return core.Errorf(core.Invalid, "playbook fixture takes one instance and one playbook; see `basewright playbook fixture --help`")
			}
			return fixture(cmd.Context(), g, f, args)
		},
	}
	cmd.Flags().StringVar(&f.finding, "finding", "", "the finding that the playbook is to mend")
	return cmd
}

func fixture(ctx context.Context, g *global, f repairFlags, args []string) error {
	w, err := openWorkshop(ctx, g)
	if err != nil {
		return err
	}
	defer w.close()
	instance, err := find(ctx, w.host, args[0])
	if err != nil {
		return err
	}
	engine := w.host.Open(instance)
	obs, err := engine.Observe(ctx)
	if err != nil {
		return err
	}
	target := core.Target{Observation: obs, Inspector: engine, Key: w.store.Key()}
	d := w.check(ctx, target, w.books, diagnose.Options{Trigger: core.ByCLI})
	book, finding, err := w.choose(ctx, d, f, args[1:])
	if err != nil {
		return err
	}
	text, err := repairs.Fixture(ctx, book, target, finding)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(g.out, text)
	return err
}
