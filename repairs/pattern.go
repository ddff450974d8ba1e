package repairs

import (
	"strings"
)

// matcher matches Lua patterns as Lua 5.1 does, but counts its steps: a
// pattern that tries everything is stopped, with the line that asked for it.
type matcher struct {
	text, pattern string
	captures      []capture
	steps         *int // left
	depth         int
}

// capture is a part of the text; its length may be one of those below.
type capture struct{ start, length int }

const (
	unfinished = -1
	position   = -2
	noMatch    = -1

	maxCaptures = 32
	maxMatching = 200 // depth of matches within matches
)

// patternError is why a pattern cannot be followed; it is panicked and turned
// into a Lua error by the library function.
type patternError string

// at matches the whole pattern at place s of the text and returns where the
// match ends.
func (m *matcher) at(s int) (end int) {
	m.captures, m.depth = m.captures[:0], 0
	return m.match(s, m.anchor())
}

// anchor returns where the pattern begins behind an initial ^.
func (m *matcher) anchor() int {
	if strings.HasPrefix(m.pattern, "^") {
		return 1
	}
	return 0
}

func (m *matcher) step() {
	if *m.steps--; *m.steps < 0 {
		panic(patternError("the patterns need too many steps"))
	}
}

// match matches the pattern from p on at place s.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxMatching {
		panic(patternError("the pattern is too complex"))
	}
	defer func() { m.depth-- }()
	for p < len(m.pattern) {
		m.step()
		switch m.pattern[p] {
		case '(':
			return m.opened(s, p+1)
		case ')':
			return m.closed(s, p+1)
		case '%':
			var done bool
			if s, p, done = m.special(s, p); done && s == noMatch {
				return noMatch
			} else if done {
				continue
			}
		case '$':
			if p+1 == len(m.pattern) && s < len(m.text) {
				return noMatch
			} else if p+1 == len(m.pattern) {
				return s
			}
		}
		end := m.classEnd(p)
		switch suffix := m.suffix(end); {
		case suffix == '*' || suffix == '+' || suffix == '-':
			return m.repeated(s, p, end, suffix)
		case suffix == '?':
			if m.single(s, p, end) {
				if r := m.match(s+1, end+1); r != noMatch {
					return r
				}
			}
			p = end + 1
		case !m.single(s, p, end):
			return noMatch
		default:
			s, p = s+1, end
		}
	}
	return s
}

// repeated matches a class that may come more than once, and what follows.
func (m *matcher) repeated(s, p, end int, suffix byte) int {
	switch {
	case suffix == '-':
		return m.least(s, p, end)
	case suffix == '*':
		return m.most(s, p, end)
	case m.single(s, p, end):
		return m.most(s+1, p, end)
	}
	return noMatch
}

func (m *matcher) suffix(end int) byte {
	if end < len(m.pattern) {
		return m.pattern[end]
	}
	return 0
}

// special follows %b, %f and %1; done is false for any other %.
func (m *matcher) special(s, p int) (int, int, bool) {
	if p+1 >= len(m.pattern) {
		panic(patternError("the pattern ends with %"))
	}
	switch c := m.pattern[p+1]; {
	case c == 'b':
		return m.balanced(s, p+2), p + 4, true
	case c == 'f':
		return m.frontier(s, p+2)
	case c >= '0' && c <= '9':
		return m.again(s, c), p + 2, true
	}
	return s, p, false
}

// opened begins a capture whose inside starts at p.
func (m *matcher) opened(s, p int) int {
	length := unfinished
	if p < len(m.pattern) && m.pattern[p] == ')' {
		length, p = position, p+1
	}
	if len(m.captures) == maxCaptures {
		panic(patternError("the pattern has too many captures"))
	}
	m.captures = append(m.captures, capture{s, length})
	level := len(m.captures)
	r := m.match(s, p)
	if r == noMatch {
		m.captures = m.captures[:level-1]
	}
	return r
}

// closed ends the innermost capture that is open.
func (m *matcher) closed(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if m.captures[i].length != unfinished {
			continue
		}
		m.captures[i].length = s - m.captures[i].start
		r := m.match(s, p)
		if r == noMatch {
			m.captures[i].length = unfinished
		}
		return r
	}
	panic(patternError("the pattern closes a capture that is not open"))
}

// most takes as much as it can and gives back until the rest matches.
func (m *matcher) most(s, p, end int) int {
	n := 0
	for m.single(s+n, p, end) {
		m.step()
		n++
	}
	for ; n >= 0; n-- {
		if r := m.match(s+n, end+1); r != noMatch {
			return r
		}
	}
	return noMatch
}

// least takes as little as it can.
func (m *matcher) least(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r != noMatch {
			return r
		}
		if !m.single(s, p, end) {
			return noMatch
		}
		m.step()
		s++
	}
}

// balanced matches %bxy.
func (m *matcher) balanced(s, p int) int {
	if p+1 >= len(m.pattern) {
		panic(patternError("%b needs two characters"))
	}
	if s >= len(m.text) || m.text[s] != m.pattern[p] {
		return noMatch
	}
	open := 1
	for i := s + 1; i < len(m.text); i++ {
		m.step()
		switch m.text[i] {
		case m.pattern[p+1]:
			if open--; open == 0 {
				return i + 1
			}
		case m.pattern[p]:
			open++
		}
	}
	return noMatch
}

// frontier matches %f[set], the edge where the set begins.
func (m *matcher) frontier(s, p int) (int, int, bool) {
	if p >= len(m.pattern) || m.pattern[p] != '[' {
		panic(patternError("%f needs a set"))
	}
	end := m.classEnd(p)
	var before, here byte
	if s > 0 {
		before = m.text[s-1]
	}
	if s < len(m.text) {
		here = m.text[s]
	}
	if m.inSet(before, p, end-1) || !m.inSet(here, p, end-1) {
		return noMatch, end, true
	}
	return s, end, true
}

// again matches what an earlier capture matched.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit - '1')
	if i < 0 || i >= len(m.captures) || m.captures[i].length == unfinished {
		panic(patternError("the pattern refers to a capture that it has not"))
	}
	c := m.captures[i]
	if c.length == position || !strings.HasPrefix(m.text[s:], m.text[c.start:c.start+c.length]) {
		return noMatch
	}
	*m.steps -= c.length
	return s + c.length
}
