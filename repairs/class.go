package repairs

import "strings"

// classEnd returns where the character class that begins at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pattern[p]
	p++
	if c == '%' {
		if p >= len(m.pattern) {
			panic(patternError("the pattern ends with %"))
		}
		return p + 1
	}
	if c != '[' {
		return p
	}
	if p < len(m.pattern) && m.pattern[p] == '^' {
		p++
	}
	for first := true; ; first = false {
		if p >= len(m.pattern) {
			panic(patternError("the pattern has a [ without its ]"))
		}
		if m.pattern[p] == ']' && !first {
			return p + 1
		}
		if m.pattern[p] == '%' {
			p++
		}
		p++
	}
}

// single reports whether the character at s belongs to the class from p to end.
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.text) {
		return false
	}
	c := m.text[s]
	switch m.pattern[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pattern[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pattern[p] == c
}

// inSet reports whether c belongs to the set whose [ is at p and ] at end.
func (m *matcher) inSet(c byte, p, end int) bool {
	member := true
	p++
	if m.pattern[p] == '^' {
		member = false
		p++
	}
	for ; p < end; p++ {
		m.step()
		switch {
		case m.pattern[p] == '%' && p+1 < end:
			p++
			if inClass(c, m.pattern[p]) {
				return member
			}
		case p+2 < end && m.pattern[p+1] == '-':
			if m.pattern[p] <= c && c <= m.pattern[p+2] {
				return member
			}
			p += 2
		case m.pattern[p] == c:
			return member
		}
	}
	return !member
}

// classes is what %a, %d and so on stand for, in ASCII.
var classes = map[byte]func(byte) bool{
	'a': isLetter,
	'c': func(c byte) bool { return c < ' ' || c == 127 },
	'd': isDigit,
	'l': func(c byte) bool { return 'a' <= c && c <= 'z' },
	'p': func(c byte) bool { return c > ' ' && c < 127 && !isLetter(c) && !isDigit(c) },
	's': func(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 },
	'u': func(c byte) bool { return 'A' <= c && c <= 'Z' },
	'w': func(c byte) bool { return isLetter(c) || isDigit(c) },
	'x': func(c byte) bool { return isDigit(c) || 'a' <= c|' ' && c|' ' <= 'f' },
	'z': func(c byte) bool { return c == 0 },
}

func isLetter(c byte) bool { return 'a' <= c|' ' && c|' ' <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// inClass reports whether c is in the class %class; a capital is its opposite,
// and any other character stands for itself.
func inClass(c, class byte) bool {
	f, ok := classes[class|' ']
	if !ok || !isLetter(class) {
		return c == class
	}
	return f(c) == (class&' ' != 0)
}
