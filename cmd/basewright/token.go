package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui"
)

func tokenCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "API tokens for scripts, and the key that signs logins"}
	cmd.AddCommand(tokenCreate(g), tokenList(g), tokenRevoke(g), tokenRotate(g))
	return cmd
}

func tokenCreate(g *global) *cobra.Command {
	var user string
	var verbs, instances []string
	var days int
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token and print it, once", Example: "  basewright token create cron --verb diagnose --instance shop", Args: exactly(1, "one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			allowed := []core.Verb{}
			for _, v := range verbs {
				allowed = append(allowed, core.Verb(v))
			}
			t, err := ui.NewToken(args[0], allowed, instances, days, time.Now())
			if err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				u, _, err := s.UserByName(cmd.Context(), user)
				if err != nil {
					return err
				}
				t.UserID = u.ID
				text := access.NewToken()
				if err := s.AddToken(cmd.Context(), t, access.Digest(text), local("token.add", t.Name+" of "+u.Name)); err != nil {
					return err
				}
				fmt.Fprintln(g.out, text)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&user, "user", "admin", "for whom it acts; it may no more than they may")
	cmd.Flags().StringSliceVar(&verbs, "verb", nil, "what it may: read, logs, config, diagnose, restart, snapshot, repair, schedule, admin")
	cmd.Flags().StringSliceVar(&instances, "instance", nil, "on which instances (default all of its user's)")
	cmd.Flags().IntVar(&days, "days", 0, "how long it lasts (default 90)")
	return cmd
}

func tokenList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens", Example: "  basewright token list", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				tokens, err := s.Tokens(cmd.Context(), "")
				if err != nil {
					return err
				}
				if output == "json" {
					return listJSON(g.console, "tokens", tokens)
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "TOKEN\tNAME\tMAY\tON\tUNTIL\tLAST USED")
				for _, k := range tokens {
					used := "never"
					if k.LastUsed != nil {
						used = k.LastUsed.Local().Format(time.DateTime)
					}
					verbs := make([]string, len(k.Verbs))
					for i, v := range k.Verbs {
						verbs[i] = string(v)
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, printable(k.Name), strings.Join(verbs, " "),
						printable(strings.Join(k.Instances, " ")), k.Expires.Local().Format(time.DateOnly), used)
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func tokenRevoke(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "revoke TOKEN", Short: "End a token", Example: "  basewright token revoke ID", Args: exactly(1, "one token's id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				return s.RevokeToken(cmd.Context(), args[0], "", local("token.revoke", args[0]))
			})
		},
	}
}

func tokenRotate(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "rotate-key", Short: "Make a new key sign logins from now on", Example: "  basewright token rotate-key", Args: exactly(0, "no arguments"),
		Long: "A new key is made by itself every 30 days. Logins that the last two keys signed stay valid;\nrotate three times to end all of them.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(g, func(s *store.Store) error {
				keys, err := access.OpenKeyring(filepath.Join(g.data(), "signing-keys"), time.Now())
				if err != nil {
					return err
				}
				if err := s.Append(cmd.Context(), local("key.rotate", "the key that signs logins")); err != nil {
					return err
				}
				return keys.Rotate(time.Now())
			})
		},
	}
}
