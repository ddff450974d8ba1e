package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

func scheduleCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "What happens again and again by itself"}
	cmd.AddCommand(scheduleList(g), scheduleAdd(g), scheduleRemove(g))
	return cmd
}

func scheduleList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the schedules with their next and last run", Example: "  basewright schedule list", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				list, err := s.Schedules(cmd.Context())
				if err != nil {
					return err
				}
				if output == "json" {
					return listJSON(g.console, "schedules", list)
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "SCHEDULE\tKIND\tINSTANCE\tWHEN\tNEXT\tLAST")
				for _, c := range list {
					next, last := c.Next.Local().Format(time.DateTime), "never"
					if !c.Enabled {
						next = "switched off"
					}
					if c.Last != nil {
						last = c.Last.Local().Format(time.DateTime) + " " + c.Outcome + " " + clipped(c.Detail, 60)
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s %s\t%s\t%s\n", c.ID, c.Kind, c.Instance, printable(c.Spec), c.Zone, next, printable(last))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func scheduleAdd(g *global) *cobra.Command {
	var c core.Schedule
	var kind, mode, scope, user string
	cmd := &cobra.Command{
		Use: "add INSTANCE|* WHEN", Short: "Add a schedule; WHEN has five fields of cron, or is @hourly, @daily …", Args: exactly(2, "an instance and a time"),
		Example: "  basewright schedule add shop '*/15 * * * *'\n  basewright schedule add '*' @daily --kind state-backup",
		Long:    "The agent that serves this data folder runs it; it looks at its table every 20 seconds.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Instance, c.Spec, c.Kind, c.Mode, c.Scope = args[0], args[1], core.ScheduleKind(kind), core.Depth(mode), core.Scope(scope)
			if err := c.Check(); err != nil {
				return err
			}
			now := time.Now()
			next, err := queue.Next(c.Spec, c.Zone, now)
			if err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				if c.Instance != core.EveryInstance {
					if _, err := s.Instance(cmd.Context(), c.Instance); err != nil {
						return err
					}
				}
				u, _, err := s.UserByName(cmd.Context(), user)
				if err != nil {
					return err
				}
				c.ID, c.Owner, c.Created, c.Next, c.Enabled = core.NewID(), u.ID, now, next, true
				e := local("schedule.add", fmt.Sprintf("schedule %s: %s at %q %s", c.ID, c.Kind, c.Spec, c.Zone))
				e.Instance = c.Instance
				if err := s.SaveSchedule(cmd.Context(), c, e); err != nil {
					return err
				}
				fmt.Fprintf(g.out, "schedule %s runs next at %s\n", c.ID, next.Local().Format(time.DateTime))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", string(core.ScheduleDiagnose), "diagnose, snapshot, restore-drill, report, state-backup or audit-archive")
	cmd.Flags().StringVar(&scope, "scope", "", "of a snapshot: config, database, volumes or full (default config)")
	cmd.Flags().StringVar(&mode, "mode", "", "of a diagnosis: quick, full or deep (default full)")
	cmd.Flags().StringVar(&c.Zone, "zone", "UTC", "time zone, e.g. Europe/Berlin")
	cmd.Flags().IntVar(&c.Jitter, "jitter", 0, "a run begins so many seconds later, at most")
	cmd.Flags().StringVar(&user, "user", "admin", "in whose name it runs")
	return cmd
}

func scheduleRemove(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "remove SCHEDULE", Short: "Remove a schedule", Example: "  basewright schedule remove ID", Args: exactly(1, "one schedule's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				return s.RemoveSchedule(cmd.Context(), args[0], local("schedule.remove", "schedule "+args[0]))
			})
		},
	}
}
