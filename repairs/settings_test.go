package repairs

import (
	"testing"

	"github.com/basewright/basewright/core"
)

// TestOpenSettings wants what a playbook may read left readable in every text:
// the two lists of what is no secret must agree.
func TestOpenSettings(t *testing.T) {
	for key := range open {
		m := core.NewMask(nil)
		const value = "Some-Value-4711"
		if m.Know(key, value); m.Text(value) != value {
			t.Errorf("%s is open, and the mask takes its value out of texts", key)
		}
	}
}
