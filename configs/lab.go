// Package configs embeds the files that Basewright ships.
package configs

import "embed"

// Lab holds the recipes of the lab's images and the template of its stacks.
//
//go:embed all:lab
var Lab embed.FS
