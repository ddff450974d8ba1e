package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

func historyCommand(g *global) *cobra.Command {
	var limit int
	var output string
	cmd := &cobra.Command{
		Use: "history INSTANCE", Short: "List the diagnoses of an instance that the agent kept, newest first", Example: "  basewright history shop --limit 10", Args: exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
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
