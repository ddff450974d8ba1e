package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

func maintenanceCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "maintenance", Short: "Times in which nothing happens to an instance by itself"}
	cmd.AddCommand(maintenanceList(g), maintenanceBegin(g), maintenanceEnd(g))
	return cmd
}

func maintenanceList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the windows that are open or to come", Example: "  basewright maintenance list", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				list, err := s.Windows(cmd.Context(), time.Now())
				if err != nil {
					return err
				}
				if output == "json" {
					return listJSON(g.console, "windows", list)
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "WINDOW\tINSTANCE\tBEGINS\tENDS\tBY\tREASON")
				for _, w := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", w.ID, w.Instance, w.Begins.Local().Format(time.DateTime), w.Ends.Local().Format(time.DateTime), printable(w.Actor), printable(w.Reason))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func maintenanceBegin(g *global) *cobra.Command {
	var long, after time.Duration
	var reason string
	cmd := &cobra.Command{
		Use: "begin INSTANCE|*", Short: "Let no schedule run and no playbook mend by itself for a time", Args: exactly(1, "an instance, or * for all"),
		Long:    "What people ask for is done all the same. The window ends by itself.",
		Example: "  basewright maintenance begin shop --for 2h --reason 'new disk'\n  basewright maintenance begin '*' --in 8h --for 30m",
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			w := core.Window{ID: core.NewID(), Instance: args[0], Begins: now.Add(after), Ends: now.Add(after + long), Reason: reason, Actor: actor(), Created: now}
			if err := w.Check(now); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				if w.Instance != core.EveryInstance {
					if _, err := s.Instance(cmd.Context(), w.Instance); err != nil {
						return err
					}
				}
				e := local("maintenance.add", "until "+w.Ends.UTC().Format(time.RFC3339)+": "+w.Reason)
				e.Instance = w.Instance
				if err := s.AddWindow(cmd.Context(), w, e); err != nil {
					return err
				}
				fmt.Fprintf(g.out, "window %s: nothing happens by itself until %s\n", w.ID, w.Ends.Local().Format(time.DateTime))
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&long, "for", time.Hour, "how long")
	cmd.Flags().DurationVar(&after, "in", 0, "how long until it begins")
	cmd.Flags().StringVar(&reason, "reason", "maintenance", "why, for those who wonder")
	return cmd
}

func maintenanceEnd(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "end WINDOW", Short: "End a window now", Example: "  basewright maintenance end ID", Args: exactly(1, "one window's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				return s.EndWindow(cmd.Context(), args[0], local("maintenance.end", "window "+args[0]))
			})
		},
	}
}
