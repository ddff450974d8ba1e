package panel

import (
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// TestPhases wants a change to show the phases of its own way, and how far it is.
func TestPhases(t *testing.T) {
	for name, tt := range map[string]struct {
		playbook string
		state    core.ChangeState
		want     string
	}{
		"approved":                      {"restart-auth", core.Approved, "snapshot now, apply next, verify next, keep next"},
		"a repair is applied":           {"restart-auth", core.Applying, "snapshot done, apply now, verify next, keep next"},
		"a repair is kept":              {"restart-auth", core.Committed, "snapshot done, apply done, verify done, keep done"},
		"a repair is put back":          {"restart-auth", core.RollingBack, "snapshot done, apply done, verify done, back now"},
		"a repair was put back":         {"restart-auth", core.RolledBack, "snapshot done, apply done, verify done, back done"},
		"nothing could be put back":     {"restart-auth", core.RollbackFailed, "snapshot done, apply done, verify done, back bad"},
		"a creation begins":             {core.CreatePlaybook, core.Approved, "apply now, verify next, keep next"},
		"a creation brings services up": {core.CreatePlaybook, core.Applying, "apply now, verify next, keep next"},
		"a creation is proven":          {core.CreatePlaybook, core.Verifying, "apply done, verify now, keep next"},
		"a creation is removed again":   {core.CreatePlaybook, core.RollingBack, "apply done, verify done, back now"},
	} {
		c := Change{C: core.Change{State: tt.state, Plan: core.Plan{Playbook: tt.playbook}}}
		var got []string
		for _, p := range c.Phases() {
			got = append(got, p.ID+" "+p.State)
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %s, want %s", name, s, tt.want)
		}
	}
}
