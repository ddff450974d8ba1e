package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui"
)

func instanceCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "instance", Short: "Make instances, adopt those that run, and list them"}
	cmd.AddCommand(createCommand(g), cloneCommand(g), upgradeCommand(g), instanceDiscover(g), instanceAdopt(g), instanceList(g), instanceShow(g), instanceMode(g), instanceTag(g), instanceForget(g),
		powerCommand(g, core.StartPlaybook), powerCommand(g, core.StopPlaybook), powerCommand(g, core.RestartPlaybook), instanceDelete(g), instanceAudit(g))
	return cmd
}

func (g *global) discover(ctx context.Context) ([]core.Instance, error) {
	host, err := g.engine(ctx)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	return host.Discover(ctx)
}

func printInstances(g *global, list []core.Instance) error {
	t := tabwriter.NewWriter(g.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tNAME\tPROJECT\tORIGIN\tMODE\tTAGS\tFOLDER")
	for _, i := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, printable(i.Name), printable(i.Project), i.Origin, i.Mode, strings.Join(i.Tags, " "), printable(i.Dir))
	}
	return t.Flush()
}

// listsInstances makes a command print the instances that found returns.
func listsInstances(g *global, cmd *cobra.Command, found func(context.Context) ([]core.Instance, error)) *cobra.Command {
	output := cmd.Flags().String("output", "text", "how to print: text or json")
	cmd.Args = exactly(0, "no arguments")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := textOrJSON(*output); err != nil {
			return err
		}
		list, err := found(cmd.Context())
		switch {
		case err != nil:
			return err
		case *output == "json":
			return listJSON(g.console, "instances", list)
		}
		return printInstances(g, list)
	}
	return cmd
}

func instanceDiscover(g *global) *cobra.Command {
	return listsInstances(g, &cobra.Command{Use: "discover", Short: "List the Supabase projects of the Docker Engine", Example: "  basewright instance discover"}, g.discover)
}

func instanceAdopt(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "adopt PROJECT", Short: "Keep a project that runs, to observe it", Example: "  basewright instance adopt shop", Args: exactly(1, "one project"),
		RunE: func(cmd *cobra.Command, args []string) error {
			i, err := ui.Adoptable(cmd.Context(), g.discover, args[0])
			if err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				e := local("instance.adopt", "the project "+i.Project+", to observe it")
				e.Instance = i.ID
				if err := s.AddInstance(cmd.Context(), i, e); err != nil {
					return err
				}
				return printInstances(g, []core.Instance{i})
			})
		},
	}
}

func instanceList(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the instances that Basewright keeps", Example: "  basewright instance list"}
	return listsInstances(g, cmd, func(ctx context.Context) (list []core.Instance, err error) {
		err = withStore(g, func(s *store.Store) error {
			list, err = s.Instances(ctx)
			return err
		})
		return list, err
	})
}

func instanceMode(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "mode INSTANCE observe|control", Short: "Say whether an instance may be changed", Example: "  basewright instance mode shop control", Args: exactly(2, "an instance and a mode"),
		RunE: func(cmd *cobra.Command, args []string) error {
			mode := core.Mode(args[1])
			if mode != core.Observe && mode != core.Control {
				return core.Errorf(core.Invalid, "%q is not a mode: observe or control", args[1])
			}
			return withStore(g, func(s *store.Store) error {
				i, err := s.Instance(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				e := local("instance.edit", "mode "+args[1])
				e.Instance = i.ID
				return s.SetInstance(cmd.Context(), i.ID, i.Name, mode, e)
			})
		},
	}
}

func instanceForget(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "forget INSTANCE", Short: "Keep an adopted instance no longer; its containers and data stay", Example: "  basewright instance forget shop", Args: exactly(1, "one instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(g, func(s *store.Store) error {
				e := local("instance.forget", "its containers and data are not touched")
				e.Instance = args[0]
				return s.RemoveInstance(cmd.Context(), args[0], e)
			})
		},
	}
}
