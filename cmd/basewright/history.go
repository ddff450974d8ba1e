package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

func historyCommand(g *global) *cobra.Command {
	var limit int
	var output string
	cmd := &cobra.Command{
		Use: "history INSTANCE", Short: "List the diagnoses of an instance that the agent kept, newest first", Example: "  basewright history shop --limit 10", Args: exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return core.Errorf(core.Invalid, "--output %q is not one of: text, json", output)
			}
			if limit < 1 || limit > store.KeptDiagnoses {
				return core.Errorf(core.Invalid, "--limit %d is not from 1 to %d", limit, store.KeptDiagnoses)
			}
			return withStore(g, func(s *store.Store) error {
				if _, err := s.Instance(cmd.Context(), args[0]); err != nil {
					return err
				}
				list, err := s.Diagnoses(cmd.Context(), args[0], limit)
				if err != nil {
					return err
				}
				if output == "json" {
					return g.indented(map[string]any{"diagnoses": list})
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "WHEN\tSTATUS\tMODE\tBY\tROOT CAUSES")
				for _, d := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.Timestamp.Local().Format(time.DateTime), d.Status, d.Mode, d.Trigger, strings.Join(d.RootCauses, " "))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many")
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func reportCommand(g *global) *cobra.Command {
	var days int
	var output string
	cmd := &cobra.Command{
		Use: "report INSTANCE", Short: "Uptime, trend and most common findings of an instance", Example: "  basewright report shop --days 7 --output csv", Args: exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if days < 1 || days > 366 {
				return core.Errorf(core.Invalid, "--days %d is not from 1 to 366", days)
			}
			return withStore(g, func(s *store.Store) error {
				if _, err := s.Instance(cmd.Context(), args[0]); err != nil {
					return err
				}
				r, err := queue.MakeReport(cmd.Context(), s, args[0], days, time.Now())
				if err != nil {
					return err
				}
				switch output {
				case "json":
					return g.indented(r)
				case "csv":
					return r.CSV(g.out)
				case "text":
					return printHealth(g, r)
				}
				return core.Errorf(core.Invalid, "--output %q is not one of: text, json, csv", output)
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 7, "how far back")
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text, json or csv")
	return cmd
}

func printHealth(g *global, r queue.Report) error {
	uptime := "nothing is known"
	if r.Uptime != nil {
		uptime = fmt.Sprintf("%.2f %% of the time that is known", *r.Uptime)
	}
	fmt.Fprintf(g.out, "%s, %d days: %s; %d diagnoses\n", r.InstanceID, r.Days, uptime, r.Total)
	t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
	for _, c := range r.Issues {
		fmt.Fprintf(t, "  %s\t%d×\n", c.Code, c.Count)
	}
	for _, d := range r.Trend {
		fmt.Fprintf(t, "  %s\t%s\t%d diagnoses\n", d.Day, d.Worst, d.Runs)
	}
	return t.Flush()
}
