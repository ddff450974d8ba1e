package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

func instanceDelete(g *global) *cobra.Command {
	var a approval
	var shelve bool
	cmd := &cobra.Command{
		Use: "delete INSTANCE", Short: "Take an instance off the engine; its data is kept or put into quarantine, never removed",
		Long: `Stops every service gracefully, the database last, removes the containers and the
networks that were made for them, and gives back the ports and the network that were
kept for the instance. Its folder, with the database, files, settings and keys, and
its named volumes stay where they are, so the instance comes back with "change undo",
or with "docker compose up -d" in its folder. With --quarantine-data what users own
is moved into quarantine (basewright quarantine list); only a person purges it.

While the folder or a volume is there, its name is not given to another instance.

Exit code: 0 planned or committed, 1 refused or rolled back, 2 could not start.`,
		Example: "  basewright instance delete shop --plan\n  basewright instance delete shop --yes\n  basewright instance delete shop --quarantine-data",
		Args:    exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.validate(); err != nil {
				return err
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.deleteInstance(cmd.Context(), a, args[0], shelve) })
		},
	}
	a.register(cmd)
	cmd.Flags().BoolVar(&shelve, "quarantine-data", false, "move databases and files into quarantine")
	return cmd
}

func (w *workshop) deleteInstance(ctx context.Context, a approval, name string, shelve bool) error {
	inst, err := w.known(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.store.Instance(ctx, inst.ID); err != nil {
		if core.CodeOf(err) == core.NotFound {
			return exit{exitFound, core.Errorf(core.NotFound, "Basewright does not keep %s; `basewright instance adopt %s` first, then `basewright instance mode %s control`", inst.ID, inst.Project, inst.ID)}
		}
		return err
	}
	obs, err := w.host.Open(inst).Observe(ctx)
	if err != nil {
		return err
	}
	plan, err := w.applier.Deletion(inst, obs, shelve)
	if err != nil {
		return refused(err)
	}
	err = w.carry(a, plan, func() (*core.Change, error) { return w.applier.Delete(ctx, inst, plan, actor()) })
	if err == nil && !a.plan && a.output == "text" {
		fmt.Fprintf(w.out, "\n%s is deleted; what it was made of is in %s\n", inst.ID, printable(inst.Dir))
	}
	return err
}
