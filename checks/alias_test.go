package checks

import (
	"strings"
	"testing"
)

// A row that is told under other codes has none of its own, and they exist.
func TestAliases(t *testing.T) {
	for code, a := range aliases {
		if _, _, ok := Explain(code); ok {
			t.Errorf("%s is a code of its own and also told as %v", code, a.codes)
		}
		if len(a.codes) == 0 || a.why == "" || strings.HasSuffix(a.why, ".") {
			t.Errorf("%s: %+v", code, a)
		}
		for _, c := range a.codes {
			if _, _, ok := Explain(c); !ok {
				t.Errorf("%s is told as %s, which no check finds", code, c)
			}
		}
	}
}
