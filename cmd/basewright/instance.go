package main

import "github.com/spf13/cobra"

func instanceCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "instance",
		Short: "Make instances",
	}
	cmd.AddCommand(createCommand(g))
	return cmd
}
