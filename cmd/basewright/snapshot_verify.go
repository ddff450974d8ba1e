package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/snapshot"
)

type verifyFlags struct {
	level, identity, output string
	drill                   bool
}

func snapshotVerify(g *global) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use: "verify SNAPSHOT", Short: "Try a snapshot: is it there, is every byte right, does it restore",
		Long: `Three levels. exists: its files are there. readable: every byte is read and every
hash matches. --drill: it is restored into a throwaway database of the instance's own
image, without network or port, and looked at: rows of each table, roles, extensions,
newest row. Only a drill proves a snapshot. The instance is not touched.`,
		Example: "  basewright snapshot verify ID\n  basewright snapshot verify ID --drill",
		Args:    exactly(1, "one snapshot"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(f.output); err != nil {
				return err
			}
			if f.level != string(core.Exists) && f.level != string(core.Readable) {
				return core.Errorf(core.Invalid, "--level %q is not one of: exists, readable; or give --drill", f.level)
			}
			if !f.drill {
				return withState(g, func(w *workshop) error { return w.verifySnapshot(cmd.Context(), args[0], f) })
			}
			return withWorkshop(cmd.Context(), g, func(w *workshop) error { return w.verifySnapshot(cmd.Context(), args[0], f) })
		},
	}
	cmd.Flags().StringVar(&f.level, "level", string(core.Readable), "how closely to look: exists or readable")
	cmd.Flags().BoolVar(&f.drill, "drill", false, "restore it into a throwaway database")
	cmd.Flags().StringVar(&f.identity, "identity-file", "", "file with the age identity that opens it (default: BASEWRIGHT_AGE_IDENTITY)")
	cmd.Flags().StringVar(&f.output, "output", "text", "how to print: text or json")
	return cmd
}

func (w *workshop) verifySnapshot(ctx context.Context, id string, f verifyFlags) error {
	s, err := w.store.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if w.folder.Identities, err = identities(f.identity); err != nil {
		return err
	}
	if f.output == "text" {
		w.folder.Progress = progressPrinter(w.console)
	}
	if f.drill {
		return w.drillSnapshot(ctx, s, f)
	}
	proof, err := w.folder.Check(s, core.ProofLevel(f.level))
	return w.proved(ctx, s, proof, nil, err, f)
}

func (w *workshop) drillSnapshot(ctx context.Context, s core.Snapshot, f verifyFlags) error {
	inst, err := w.folder.Instance(s)
	if err != nil {
		return exit{exitFound, err}
	}
	var proof core.Proof
	var drill snapshot.Drill
	failed := w.audited(ctx, "snapshot.drill", s.Instance, "snapshot "+s.ID, func() (string, error) {
		proof, drill, err = w.folder.Drill(ctx, w.host.Open(inst), s)
		return proof.Detail, err
	})
	return w.proved(ctx, s, proof, &drill, failed, f)
}

// printDrill shows what came back, the largest tables first.
func printDrill(c *console, d snapshot.Drill) {
	st := style{c.colour}
	for _, db := range d.Databases {
		fmt.Fprintf(c.out, "%s  %d tables, %d rows, extensions: %s\n", st.bold(printable(db.Name)), len(db.Tables), db.Rows(), printable(strings.Join(db.Extensions, ", ")))
		if db.Newest != "" {
			c.field("Newest row", printable(db.Newest))
		}
		tables := slices.SortedFunc(slices.Values(db.Tables), func(a, b snapshot.DrilledTable) int { return cmp.Compare(b.Rows, a.Rows) })
		for _, t := range tables[:min(len(tables), 10)] {
			c.field("Table", fmt.Sprintf("%s: %d rows", printable(t.Name), t.Rows))
		}
	}
}

// proved keeps what a look at a snapshot showed, and prints it. A shallower look
// does not take away what a deeper one proved.
func (w *workshop) proved(ctx context.Context, s core.Snapshot, p core.Proof, d *snapshot.Drill, failed error, f verifyFlags) error {
	if failed != nil && p.Level != core.Damaged {
		return exit{exitFound, failed}
	}
	if deeper := s.Proof.Level == core.Proven && (p.Level == core.Exists || p.Level == core.Readable); !deeper {
		s.Proof = p
		if err := w.store.SaveSnapshot(ctx, s); err != nil {
			return err
		}
	}
	if f.output == "json" {
		if err := w.indented(map[string]any{"snapshot": s, "drill": d}); err != nil {
			return err
		}
	} else if failed == nil {
		if d != nil {
			printDrill(w.console, *d)
		}
		fmt.Fprintf(w.out, "snapshot %s is %s", s.ID, p.Level)
		if p.Detail != "" {
			fmt.Fprintf(w.out, ": %s", printable(p.Detail))
		}
		fmt.Fprintln(w.out)
	}
	if failed != nil {
		return exit{exitFound, failed}
	}
	return nil
}
