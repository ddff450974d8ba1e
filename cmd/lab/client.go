package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
)

// clientCommand uses a stack as an app does, with the real client from npm.
func (l *lab) clientCommand() *cobra.Command {
	return &cobra.Command{
		Use: "client", Short: "Use a stack with the real supabase-js: sign up, sign in, write a row and read it",
		Long: `Reads {"url": …, "anon": …, "table": …} from the standard input, so that no key is on a command line.
The table has a text column and an owner, which is the user who writes.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := clientFolder(c.Context())
			if err != nil {
				return err
			}
			node, err := findNode(c.Context())
			if err != nil {
				return err
			}
			cmd := exec.CommandContext(c.Context(), node, "client.mjs")
			cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, c.InOrStdin(), l.out, c.ErrOrStderr()
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("the client failed: %w", err)
			}
			return nil
		},
	}
}

// clientFolder puts the client with what its lock file pins into the lab's cache.
func clientFolder(ctx context.Context) (string, error) {
	if _, err := findNode(ctx); err != nil {
		return "", err
	}
	files, err := embedded("client")
	if err != nil {
		return "", err
	}
	sum, err := hashFolder("client")
	if err != nil {
		return "", err
	}
	dir, err := cacheDir("client-" + sum[:12])
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, ".complete")); err == nil {
		return dir, nil
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	cmd := npm(ctx, "ci")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, lastLine(out))
	}
	return dir, os.WriteFile(filepath.Join(dir, ".complete"), nil, 0o644)
}
