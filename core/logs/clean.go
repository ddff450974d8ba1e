package logs

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns a line as text that does nothing to a terminal: without escape
// sequences, control characters (tabs stay) and the marks that turn the writing
// direction, cut at MaxLine.
func Clean(s string) string {
	if plain(s) {
		return s[:min(len(s), MaxLine)]
	}
	var b strings.Builder
	b.Grow(min(len(s), MaxLine))
	for s != "" {
		if n := escape(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > MaxLine {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain reports whether s is printable ASCII throughout, as most lines are.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// escape returns the length of the terminal escape sequence that s begins with,
// or 0: CSI up to its final byte, strings such as OSC up to their terminator,
// anything else one character after ESC.
func escape(s string) int {
	if s[0] != 0x1b {
		return 0
	}
	if len(s) == 1 {
		return 1
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x3f {
				return i
			}
		}
		return len(s)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
		}
		return len(s)
	}
	return 2
}
