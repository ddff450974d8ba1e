package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/spf13/cobra"
)

func (l *lab) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the stacks, their state and what is broken in them",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.list(c.Context()) },
	}
}

func labels(want ...string) filters.Args {
	f := filters.NewArgs()
	for _, w := range want {
		f.Add("label", w)
	}
	return f
}

func (l *lab) list(ctx context.Context) error {
	names := l.names()
	if len(names) == 0 {
		l.say("there are no stacks; lab up makes some")
		return nil
	}
	api, err := l.api(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(l.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "STACK\tURL\tRUNNING\tBROKEN")
	for _, name := range names {
		s, err := l.known(name)
		if err != nil {
			continue
		}
		env, err := s.env()
		if err != nil {
			return err
		}
		found, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: labels(label+"=1", projectLabel+"="+name)})
		if err != nil {
			return err
		}
		running := 0
		for _, c := range found {
			if c.State == "running" {
				running++
			}
		}
		broken, err := s.broken()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%d of %d\t%s\n", name, env["SUPABASE_PUBLIC_URL"], running, len(found), strings.Join(broken.codes(), " "))
	}
	return w.Flush()
}
