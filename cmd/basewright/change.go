package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

func changeCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "change", Short: "What was changed, how it ended, and its undoing"}
	cmd.AddCommand(changeList(g), changeShow(g), changeUndo(g), changeRecover(g))
	return cmd
}

func changeList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list [INSTANCE]", Short: "List changes, newest first", Example: "  basewright change list shop", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			w, err := openState(g, nil)
			if err != nil {
				return err
			}
			defer w.close()
			instance := ""
			if len(args) == 1 {
				instance = args[0]
			}
			changes, err := w.store.Changes(cmd.Context(), instance, 100)
			if err != nil {
				return err
			}
			if output == "json" {
				return listJSON(g.console, "changes", changes)
			}
			return printChanges(g.console, changes)
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func printChanges(c *console, changes []core.Change) error {
	t := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CHANGE\tINSTANCE\tWHEN\tSTATE\tWHO\tWHAT")
	for _, c := range changes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(c.ID), printable(c.Instance), c.Created.Local().Format(time.DateTime), printable(string(c.State)), printable(c.Actor), printable(c.Plan.Title))
	}
	return t.Flush()
}

func changeShow(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "show CHANGE", Short: "Show a change's plan, journal and receipt", Example: "  basewright change show ID", Args: exactly(1, "one change"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			w, err := openState(g, nil)
			if err != nil {
				return err
			}
			defer w.close()
			c, err := w.store.Change(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			entries, err := w.store.Journal(cmd.Context(), c.ID)
			if err != nil {
				return err
			}
			if output == "json" {
				return g.indented(map[string]any{"change": c, "journal": entries})
			}
			printPlan(g.console, c.Plan)
			if c.Thinned.IsZero() {
				printJournal(g.console, entries)
			} else {
				fmt.Fprintf(g.out, "\nThe journal, the evidence and what was done in detail were thinned out on %s, as of all old changes.\n", c.Thinned.Local().Format(time.DateOnly))
			}
			printReceipt(g.console, c)
			return nil
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func printJournal(c *console, entries []core.JournalEntry) {
	s := style{c.colour}
	fmt.Fprintln(c.out, "\n"+s.bold("Journal"))
	for _, e := range entries {
		took := "not finished"
		if !e.Done.IsZero() {
			took = e.Done.Sub(e.At).Round(time.Millisecond).String()
		}
		fmt.Fprintf(c.out, "  %s  %-50s %s  %s\n", s.dim(e.At.Local().Format(time.TimeOnly)), printable(e.Step), printable(e.Outcome), s.dim(took))
	}
}

func changeUndo(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "undo CHANGE", Short: "Put an instance back to before a committed change", Example: "  basewright change undo ID", Args: exactly(1, "one change"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withWorkshop(cmd.Context(), g, func(w *workshop) error {
				w.applier.Progress = stepPrinter(g.console)
				c, err := w.applier.Undo(cmd.Context(), args[0], actor())
				if c == nil {
					return refused(err)
				}
				printReceipt(g.console, *c)
				if c.State != core.Committed {
					return exit{code: exitFound}
				}
				return nil
			})
		},
	}
}

func changeRecover(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "recover", Short: "Put back what an interrupted change left half done", Example: "  basewright change recover", Args: cobra.NoArgs,
		Long: "Every command that changes an instance does this first by itself, for changes of the last day;\nthis one does it however old they are, and nothing else.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openBench(cmd.Context(), g)
			if err != nil {
				return err
			}
			defer w.close()
			n, err := w.recover(cmd.Context())
			if err != nil {
				return exit{exitFound, err}
			}
			if n == 0 {
				fmt.Fprintln(g.out, "no change is left half done, unless a living Basewright is at it")
			}
			return nil
		},
	}
}

// withWorkshop opens the state, recovers, and closes it afterwards.
func withWorkshop(ctx context.Context, g *global, do func(*workshop) error) error {
	w, err := openWorkshop(ctx, g)
	if err != nil {
		return err
	}
	defer w.close()
	return do(w)
}
