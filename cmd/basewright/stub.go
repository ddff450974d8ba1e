package main

import "github.com/spf13/cobra"

func repairCommand(*global) *cobra.Command { return &cobra.Command{Use: "repair"} }
func changeCommand(*global) *cobra.Command { return &cobra.Command{Use: "change"} }
