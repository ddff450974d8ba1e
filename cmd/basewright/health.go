package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui/panel"
	"github.com/basewright/basewright/ui/report"
)

func reportCommand(g *global) *cobra.Command {
	var days int
	var output string
	var all bool
	cmd := &cobra.Command{
		Use: "report INSTANCE", Short: "Uptime, trend, outages and most common findings of an instance, or of all",
		Example: "  basewright report shop --days 7 --output csv\n  basewright report --all --output html > health.html", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case days < 1 || days > 366:
				return core.Errorf(core.Invalid, "--days %d is not from 1 to 366", days)
			case !slices.Contains([]string{"text", "json", "csv", "html"}, output):
				return core.Errorf(core.Invalid, "--output %q is not one of: text, json, csv, html", output)
			case all != (len(args) == 0):
				return core.Errorf(core.Invalid, "give one instance, or --all")
			}
			return withStore(g, func(s *store.Store) error {
				if all {
					return reportFleet(cmd.Context(), g, s, days, output)
				}
				if _, err := s.Instance(cmd.Context(), args[0]); err != nil {
					return err
				}
				r, err := queue.MakeReport(cmd.Context(), s, args[0], days, time.Now())
				if err != nil {
					return err
				}
				return writeHealth(g, output, r, r.CSV, func(w io.Writer) error { return report.Health(w, r, meaning, panel.English) }, func() error { return printHealth(g, r) })
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", 7, "how far back")
	cmd.Flags().BoolVar(&all, "all", false, "every instance")
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text, json, csv or html")
	return cmd
}

// reportFleet reports on every instance.
func reportFleet(ctx context.Context, g *global, s *store.Store, days int, output string) error {
	list, err := s.Instances(ctx)
	if err != nil {
		return err
	}
	f, err := queue.MakeFleetReport(ctx, s, idsOf(list), days, time.Now())
	if err != nil {
		return err
	}
	return writeHealth(g, output, f, f.CSV, func(w io.Writer) error { return report.FleetHealth(w, f, meaning, panel.English) }, func() error { return printFleetHealth(g, f) })
}

func idsOf(list []core.Instance) []string {
	ids := make([]string, len(list))
	for n, i := range list {
		ids[n] = i.ID
	}
	return ids
}

// writeHealth writes a report in one of its forms.
func writeHealth(g *global, output string, value any, csv, html func(io.Writer) error, text func() error) error {
	switch output {
	case "json":
		return g.indented(value)
	case "csv":
		return csv(g.out)
	case "html":
		return html(g.out)
	}
	return text()
}

func uptimeText(percent *float64) string {
	if percent == nil {
		return "nothing is known"
	}
	return panel.English.Percent(percent) + " of the time that is known"
}

func printHealth(g *global, r core.HealthReport) error {
	fmt.Fprintf(g.out, "%s, %d days: %s; %d diagnoses, %d outages%s\n", r.InstanceID, r.Days, uptimeText(r.Uptime), r.Total, r.Outages, repairText(r.MeanRepair))
	for _, f := range r.Flapping {
		fmt.Fprintf(g.out, "  %s  the status changed %d times\n", f.Day, f.Turns)
	}
	if r.Unproven > 0 {
		fmt.Fprintf(g.out, "  %d snapshots of which no restore was ever tried\n", r.Unproven)
	}
	t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
	for _, c := range r.Issues {
		fmt.Fprintf(t, "  %s\t%d×\n", c.Code, c.Count)
	}
	for _, d := range r.Trend {
		fmt.Fprintf(t, "  %s\t%s\t%d diagnoses\n", d.Day, d.Worst, d.Runs)
	}
	return t.Flush()
}

func repairText(mean *float64) string {
	if mean == nil {
		return ""
	}
	return " of " + panel.English.Lasting(mean) + " each"
}

func printFleetHealth(g *global, f core.FleetReport) error {
	fmt.Fprintf(g.out, "%d instances, %d days: %s; %d diagnoses, %d outages%s\n", len(f.Instances), f.Days, uptimeText(f.Uptime), f.Total, f.Outages, repairText(f.MeanRepair))
	t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tUPTIME\tOUTAGES\tFLAPPED ON\tUNPROVEN SNAPSHOTS")
	for _, r := range f.Instances {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d days\t%d\n", r.InstanceID, panel.English.Percent(r.Uptime), r.Outages, len(r.Flapping), r.Unproven)
	}
	return t.Flush()
}
