package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

func instanceTag(g *global) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use: "tag INSTANCE TAG…", Short: "Say by which words an instance is found and grouped", Example: "  basewright instance tag shop eu paid\n  basewright instance tag shop --none",
		Long: "The tags that are given are all that the instance has afterwards.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || none != (len(args) == 1) {
				return core.Errorf(core.Invalid, "give an instance and its tags, or an instance and --none")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			tags, err := core.Tags(args[1:])
			if err != nil {
				return err
			}
			return withStore(g, func(s *store.Store) error {
				e := local("instance.edit", "tags "+strings.Join(tags, " "))
				e.Instance = args[0]
				return s.SetTags(cmd.Context(), args[0], tags, e)
			})
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "take all tags away")
	return cmd
}
