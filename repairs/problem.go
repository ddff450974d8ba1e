package repairs

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/basewright/basewright/core"
)

// Problem is one thing that is wrong with a playbook.
type Problem struct {
	Playbook string `json:"playbook"`       // its file name
	Line     int    `json:"line,omitempty"` // 0 when it concerns the whole
	Message  string `json:"message"`
}

func (p Problem) String() string {
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", p.Playbook, p.Line, p.Message)
	}
	return fmt.Sprintf("%s: %s", p.Playbook, p.Message)
}

func (p Problem) err() error { return core.Errorf(core.Invalid, "%s", p) }

// fileName is the name under which a playbook appears in messages.
func fileName(id string) string { return strings.TrimSuffix(id, ".lua") + ".lua" }

// oneLine makes text that a script wrote fit to be shown: valid, on one line,
// without control characters, of bounded length.
func oneLine(s string) string {
	const most = 500
	if len(s) > most {
		s = s[:most] + "…"
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
