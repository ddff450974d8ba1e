package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// backupsKept is how many nightly backups of the state there are.
const backupsKept = 14

func stateCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Back up, restore and check Basewright's own state"}
	cmd.AddCommand(
		&cobra.Command{
			Use: "backup FOLDER", Short: "Copy the state while it is used, and read it back", Example: "  basewright state backup /backup/basewright-1", Args: exactly(1, "one folder, which is not there yet"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return withStore(g, func(s *store.Store) error {
					m, err := s.Backup(cmd.Context(), args[0])
					if err != nil {
						return err
					}
					fmt.Fprintf(g.out, "%s holds the state up to audit entry %d\n", printable(args[0]), m.Audit.Seq)
					return nil
				})
			},
		},
		&cobra.Command{
			Use: "restore FOLDER", Short: "Put a backup in the place of the state; what was there is kept", Example: "  basewright state restore /backup/basewright-1", Args: exactly(1, "one backup"),
			RunE: func(cmd *cobra.Command, args []string) error { return restoreState(cmd.Context(), g, args[0]) },
		},
		&cobra.Command{
			Use: "check [BACKUP]", Short: "Prove that the state, or a backup of it, is sound and its audit log whole", Example: "  basewright state check", Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error { return checkState(cmd.Context(), g, args) },
		},
	)
	return cmd
}

// withStore opens the state and nothing else.
func withStore(g *global, do func(*store.Store) error) error {
	s, err := g.openStore()
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

func restoreState(ctx context.Context, g *global, dir string) error {
	release, err := onlyAgent(g.data())
	if err != nil {
		return err
	}
	defer release()
	aside, err := store.RestoreBackup(ctx, dir, filepath.Join(g.data(), "basewright.db"), g.database())
	if err != nil {
		return err
	}
	fmt.Fprintf(g.out, "restored; what was there before lies in %s\n", printable(aside))
	return nil
}

func checkState(ctx context.Context, g *global, args []string) error {
	if len(args) == 1 {
		m, err := store.VerifyBackup(ctx, args[0])
		if err != nil {
			return exit{exitFound, err}
		}
		fmt.Fprintf(g.out, "every byte is what was written on %s; %d audit entries, unbroken\n", m.Created.Format(time.RFC3339), m.Audit.Seq)
		return nil
	}
	return withStore(g, func(s *store.Store) error {
		if err := s.Sound(ctx); err != nil {
			return exit{exitFound, err}
		}
		head, err := s.Verify(ctx)
		if err != nil {
			return exit{exitFound, err}
		}
		fmt.Fprintf(g.out, "the database is sound; %d audit entries, unbroken\n", head.Seq)
		return nil
	})
}

// nightlyBackup makes a backup in the data folder, and removes the oldest of
// those that it made before.
func (a *agent) nightlyBackup(ctx context.Context) (string, error) {
	const prefix = "state-"
	parent := filepath.Join(a.data(), "backups")
	path := filepath.Join(parent, prefix+time.Now().UTC().Format("20060102T150405Z"))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", &core.Error{Code: core.Unreachable, Message: "the folder " + parent + " cannot be made", Err: err}
	}
	if _, err := a.store.Backup(ctx, path); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return path, err
	}
	var ours []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && !strings.Contains(e.Name(), ".tmp-") {
			ours = append(ours, e.Name())
		}
	}
	slices.Sort(ours)
	for _, name := range ours[:max(0, len(ours)-backupsKept)] {
		if err := os.RemoveAll(filepath.Join(parent, name)); err != nil {
			return path, err
		}
	}
	return path, nil
}
