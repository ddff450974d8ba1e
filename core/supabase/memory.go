package supabase

import (
	"regexp"
	"strings"

	"github.com/basewright/basewright/core"
)

// MemoryType takes an amount of memory as Compose reads it: 512m, 2g, or 0 for no
// bound.
const MemoryType Type = "memory"

var memoryValue = regexp.MustCompile(`^(0|[1-9][0-9]{0,8}[mg])$`)

// limited are the services whose memory our own templates can bound.
var limited = []core.Service{
	core.DB, core.Auth, core.Rest, core.Realtime, core.Storage, core.Imgproxy, core.Meta, core.Functions, core.Pooler, core.Studio, core.Gateway,
	core.Analytics, core.Vector,
}

// memorySettings are the variables that say how much memory a service may have.
func memorySettings() []Setting {
	var list []Setting
	for _, s := range limited {
		list = append(list, Setting{Key: "MEMORY_" + strings.ToUpper(string(s)), Type: MemoryType, Default: "0",
			Help: "memory that " + string(s) + " may have, such as 512m or 2g; 0 is no bound"})
	}
	return list
}
