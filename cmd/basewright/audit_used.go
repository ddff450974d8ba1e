package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// mostSecret bounds what is read of a value, in bytes.
const mostSecret = 64 << 10

func auditUsed(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "used", Short: "Tell when a secret, such as one that leaked, came into an instance's .env or left it",
		Long: `Reads the secret from standard input, so that it is in no list of processes, and
prints the entries of the audit log, archived ones too, that hold its fingerprint: a
committed change notes those of the secrets that it replaced. Fingerprints are made
with the key of this installation.`,
		Example: "  basewright audit used < leaked.txt", Args: exactly(0, "no arguments; the secret is read from standard input"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := io.ReadAll(io.LimitReader(bufio.NewReader(g.in), mostSecret))
			if err != nil {
				return err
			}
			secret := core.Secret(strings.TrimRight(string(b), "\r\n"))
			if secret == "" {
				return core.Errorf(core.Invalid, "standard input holds no secret; give it as in `basewright audit used < leaked.txt`")
			}
			return withStore(g, func(s *store.Store) error {
				print, found := s.Key().Of(secret), 0
				err := s.ExportAudit(cmd.Context(), 0, func(e core.AuditEntry) error {
					if e.Action == "change.end" && strings.Contains(e.Detail, " "+print) {
						found++
						fmt.Fprintf(g.out, "%s  %s  %s  %s\n", e.At.Local().Format(time.DateTime), printable(e.Instance), printable(e.Actor), printable(e.Detail))
					}
					return nil
				})
				if err == nil && found == 0 {
					fmt.Fprintln(g.out, "no change put it into a .env or took it out of one")
				}
				return err
			})
		},
	}
}
