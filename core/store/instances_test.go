package store

import (
	"testing"

	"github.com/basewright/basewright/core"
)

// TestInstanceOf asks every table of belongings for what it has not, and one for
// what it has.
func TestInstanceOf(t *testing.T) {
	s := opened(t)
	if err := s.SaveChange(t.Context(), aChange("c1", "shop", core.Approved)); err != nil {
		t.Fatal(err)
	}
	for what := range belongings {
		if got, err := s.InstanceOf(t.Context(), what, "c2"); got != "" || core.CodeOf(err) != core.NotFound {
			t.Errorf("of a %s that is not there: %q %v", what, got, err)
		}
	}
	if got, err := s.InstanceOf(t.Context(), "change", "c1"); got != "shop" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}
