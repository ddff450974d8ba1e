package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
)

func quarantineCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "quarantine", Short: "What was moved out of the way instead of being deleted",
		Long: `Nothing is deleted: what a repair or a restore replaces, and a snapshot that is
removed, is moved into quarantine. It stays there until a person purges it, or, where a
repair moved it, restores it; what is expired is only marked so.`,
	}
	cmd.AddCommand(quarantineList(g), quarantineRestore(g), quarantinePurge(g))
	return cmd
}

func quarantineList(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list [INSTANCE]", Short: "List what is in quarantine, oldest first", Example: "  basewright quarantine list shop", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(output); err != nil {
				return err
			}
			return withState(g, func(w *workshop) error {
				items, err := w.store.Quarantine(cmd.Context(), strings.Join(args, ""))
				if err != nil {
					return err
				}
				if output == "json" {
					return listJSON(g.console, "quarantine", items)
				}
				t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tINSTANCE\tSINCE\tUNTIL\tBYTES\tWAS AT")
				for _, a := range items {
					until := a.Until.Local().Format(time.DateOnly)
					if time.Now().After(a.Until) {
						until = "expired"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", a.ID, printable(a.Instance), a.At.Local().Format(time.DateTime), until, a.Size, printable(a.From()))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "how to print: text or json")
	return cmd
}

func quarantineRestore(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "restore ID", Short: "Put something back where it was", Example: "  basewright quarantine restore ID", Args: exactly(1, "one entry"),
		Long: "What took its place meanwhile goes into quarantine instead. A service that uses it is to be stopped first.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withWorkshop(cmd.Context(), g, func(w *workshop) error {
				a, err := w.applier.RestoreAside(cmd.Context(), args[0], w.finder(cmd.Context(), w.host.Discover), actor())
				if err != nil {
					return refused(err)
				}
				fmt.Fprintf(g.out, "%s is back at %s\n", a.ID, printable(a.From()))
				return nil
			})
		},
	}
}

func quarantinePurge(g *global) *cobra.Command {
	var typed string
	cmd := &cobra.Command{
		Use: "purge ID", Short: "Delete something that is in quarantine, for good", Example: "  basewright quarantine purge ID\n  basewright quarantine purge ID --confirm ID", Args: exactly(1, "one entry"),
		Long: "Only a person does this: the ID is to be typed again at the terminal, or given with --confirm.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withWorkshop(cmd.Context(), g, func(w *workshop) error {
				a, err := w.store.Aside(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := w.confirmPurge(a, typed); err != nil {
					return err
				}
				if a, err = w.applier.PurgeAside(cmd.Context(), a.ID, w.finder(cmd.Context(), w.host.Discover), actor()); err != nil {
					return refused(err)
				}
				fmt.Fprintf(g.out, "%s, %d bytes that were at %s, is deleted\n", a.ID, a.Size, printable(a.From()))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&typed, "confirm", "", "the ID once more, where there is no terminal to type it at")
	return cmd
}

// confirmPurge wants the ID typed.
func (w *workshop) confirmPurge(a core.Aside, typed string) error {
	in, ok := w.in.(*os.File)
	if typed == "" {
		if !ok || !isTerminal(in) || !w.tty {
			return core.Errorf(core.Invalid, "nobody is at the terminal to confirm; give the ID once more with --confirm")
		}
		fmt.Fprintf(w.out, "This deletes %d bytes that were at %s, for good. Type %s to do it: ", a.Size, printable(a.From()), a.ID)
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			return err
		}
		typed = strings.TrimSpace(line)
	}
	if typed != a.ID {
		return exit{exitFound, core.Errorf(core.Invalid, "%q is not %q; nothing was deleted", printable(typed), a.ID)}
	}
	return nil
}

// finder finds an instance by its ID, among those of the engine and those that
// were deleted, in the mode in which it is kept.
func (w *workshop) finder(ctx context.Context, discover func(context.Context) ([]core.Instance, error)) func(string) (core.Instance, error) {
	return func(id string) (core.Instance, error) {
		all, err := discover(ctx)
		if err != nil {
			return core.Instance{}, err
		}
		if i := slices.IndexFunc(all, func(i core.Instance) bool { return i.ID == id }); i >= 0 {
			return w.withMode(ctx, all[i])
		}
		if gone, err := w.store.Departed(ctx, id); err == nil {
			return gone, nil
		}
		return core.Instance{}, core.Errorf(core.NotFound, "the instance %s is not on this Docker Engine; start it first", id)
	}
}
