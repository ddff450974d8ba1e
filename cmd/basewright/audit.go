package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func auditCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Who changed what, in a log that shows when it was tampered with"}
	cmd.AddCommand(auditList(g), auditVerify(g), auditExport(g), auditCheck(g), auditArchive(g), auditUsed(g))
	return cmd
}

func auditList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the last 100 entries, newest first", Example: "  basewright audit list", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			w, err := openState(g, nil)
			if err != nil {
				return err
			}
			defer w.close()
			entries, err := w.store.Audit(cmd.Context(), 100)
			if err != nil {
				return err
			}
			if output == "json" {
				return listJSON(g.console, "entries", entries)
			}
			t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(t, "SEQ\tWHEN\tWHO\tACTION\tINSTANCE\tOUTCOME\tDETAIL")
			for _, e := range entries {
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Seq, e.At.Local().Format(time.DateTime),
					printable(e.Actor), printable(e.Action), printable(e.Instance), printable(e.Outcome), printable(clipped(e.Detail, 80)))
			}
			return t.Flush()
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func auditVerify(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove that no entry was changed, removed, inserted or cut off",
		Long:    "Prove that no entry was changed, removed, inserted or cut off. It exits 1 when one was, and 2 when the proof has a gap: archives that another agent keeps and that were not read.",
		Example: "  basewright audit verify", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := openState(g, nil)
			if err != nil {
				return err
			}
			defer w.close()
			head, err := w.store.Verify(cmd.Context())
			if err != nil {
				return exit{exitFound, err}
			}
			fmt.Fprintf(g.out, "%d entries, unbroken; the last has the hash %s\n", head.Seq, head.Hash)
			elsewhere, err := w.store.Elsewhere(cmd.Context())
			if err == nil && len(elsewhere) > 0 {
				err = exit{code: exitNoSight}
			}
			for _, a := range elsewhere {
				fmt.Fprintf(g.out, "entries %d to %d were not read: another agent keeps them in %s; with a copy in this data folder they are\n", a.First, a.Last, printable(a.Path))
			}
			return err
		},
	}
}

// clipped bounds a text to n characters.
func clipped(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
