package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

func auditExport(g *global) *cobra.Command {
	var after int64
	cmd := &cobra.Command{
		Use: "export", Short: "Print every entry as a line of JSON, oldest first, archived ones too",
		Example: "  basewright audit export > audit.jsonl\n  basewright audit check audit.jsonl", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(g, func(s *store.Store) error {
				out := bufio.NewWriter(g.out)
				lines := json.NewEncoder(out)
				err := s.ExportAudit(cmd.Context(), after, func(e core.AuditEntry) error { return lines.Encode(e) })
				return errors.Join(err, out.Flush())
			})
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "only entries after the one with this number")
	return cmd
}

func auditCheck(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Prove that an exported or archived log is unbroken",
		Long:    "Follows the chain of hashes through a file. That it is the whole log shows when its end is the one that `audit verify` names.",
		Example: "  basewright audit check audit.jsonl", Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return core.Errorf(core.NotFound, "%s cannot be read: %v", printable(args[0]), errors.Unwrap(err))
			}
			defer f.Close()
			first, end, err := store.CheckExport(f)
			if err != nil {
				return exit{exitFound, err}
			}
			if first == 0 {
				return exit{exitFound, core.Errorf(core.Invalid, "%s has no entries", printable(args[0]))}
			}
			fmt.Fprintf(g.out, "entries %d to %d, unbroken; the last has the hash %s\n", first, end.Seq, end.Hash)
			return nil
		},
	}
}

// oldestKept is how long entries stay in the database where nobody says another
// time.
const oldestKept = 366

func auditArchive(g *global) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use: "archive", Short: "Move old entries into a file of the data folder; the chain goes on from there",
		Long: `Writes the old entries into a file of the data folder, an entry on each line, reads
it back, and only then takes them out of the database. ` + "`audit verify`" + ` follows the
chain through every archive: one that is changed or gone is noticed. Of agents that
share a PostgreSQL database, the one that archives keeps the file; the others go on
from what the database notes of it, unless they have a copy.`,
		Example: "  basewright audit archive --older-than-days 366", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 1 {
				return core.Errorf(core.Invalid, "--older-than-days is at least 1")
			}
			return withStore(g, func(s *store.Store) error {
				a, err := s.ArchiveAudit(cmd.Context(), time.Now().AddDate(0, 0, -days), local("audit.archive", ""))
				if err != nil {
					return err
				}
				fmt.Fprintf(g.out, "entries %d to %d are in %s\n", a.First, a.Last, printable(a.Path))
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&days, "older-than-days", oldestKept, "how old an entry is that is moved")
	return cmd
}
