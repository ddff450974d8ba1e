package core

import (
	"strings"
	"unicode"
)

// Printable makes text that came from outside one line that is harmless wherever
// it is shown: control characters, escape sequences and marks that reorder a
// line are shown as dots, not obeyed.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029', r == unicode.ReplacementChar:
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "·"))
}
