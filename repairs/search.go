package repairs

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// guard turns a pattern that cannot be followed into a Lua error.
func guard(l *lua.LState) {
	switch r := recover().(type) {
	case nil:
	case patternError:
		l.RaiseError("%s", string(r))
	default:
		panic(r)
	}
}

func (s *sandbox) matcher(text, pattern string) *matcher {
	return &matcher{text: text, pattern: pattern, steps: &s.steps}
}

// search returns the first match at from or later; its start is noMatch when
// there is none.
func (m *matcher) search(from int) (start, end int) {
	for i := from; i <= len(m.text); i++ {
		m.step()
		if e := m.at(i); e != noMatch {
			return i, e
		}
		if m.anchor() == 1 {
			break
		}
	}
	return noMatch, noMatch
}

// push pushes the captures, or the whole match when there are none and whole
// is set, and returns how many values that are.
func (m *matcher) push(l *lua.LState, start, end int, whole bool) int {
	if len(m.captures) == 0 && whole {
		l.Push(lua.LString(m.text[start:end]))
		return 1
	}
	for _, c := range m.captures {
		l.Push(m.value(c))
	}
	return len(m.captures)
}

func (m *matcher) value(c capture) lua.LValue {
	switch c.length {
	case position:
		return lua.LNumber(c.start + 1)
	case unfinished:
		panic(patternError("the pattern leaves a capture open"))
	}
	return lua.LString(m.text[c.start : c.start+c.length])
}

// first returns where a search that begins at position i of text starts.
func first(text string, i int) int { return min(max(place(text, i)-1, 0), len(text)) }

func (s *sandbox) find(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	from := first(text, l.OptInt(3, 1))
	if lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(pattern, "^$*+?.([%-") {
		i := strings.Index(text[from:], pattern)
		if i < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(from + i + 1))
		l.Push(lua.LNumber(from + i + len(pattern)))
		return 2
	}
	defer guard(l)
	m := s.matcher(text, pattern)
	start, end := m.search(from)
	if start == noMatch {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(lua.LNumber(start + 1))
	l.Push(lua.LNumber(end))
	return 2 + m.push(l, start, end, false)
}

func (s *sandbox) match(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	defer guard(l)
	m := s.matcher(text, pattern)
	start, end := m.search(first(text, l.OptInt(3, 1)))
	if start == noMatch {
		l.Push(lua.LNil)
		return 1
	}
	return m.push(l, start, end, true)
}

func (s *sandbox) gmatch(l *lua.LState) int {
	m := s.matcher(l.CheckString(1), l.CheckString(2))
	from := 0
	l.Push(l.NewFunction(func(l *lua.LState) int {
		defer guard(l)
		start, end := m.search(from)
		if start == noMatch {
			from = len(m.text) + 1
			return 0
		}
		from = end
		if end == start {
			from++
		}
		return m.push(l, start, end, true)
	}))
	return 1
}

func (s *sandbox) gsub(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	l.CheckTypes(3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	with, limit := l.Get(3), l.OptInt(4, len(text)+1)
	defer guard(l)
	m := s.matcher(text, pattern)
	var b strings.Builder
	count, at := 0, 0
	for count < limit && at <= len(text) {
		m.step()
		end := m.at(at)
		if end != noMatch {
			count++
			b.WriteString(m.replacement(l, with, at, end))
		}
		switch {
		case end != noMatch && end > at:
			at = end
		case at < len(text):
			b.WriteByte(text[at])
			at++
		default:
			at++
		}
		checkText(l, "string.gsub", b.Len())
		if m.anchor() == 1 {
			break
		}
	}
	b.WriteString(text[min(at, len(text)):])
	checkText(l, "string.gsub", b.Len())
	l.Push(lua.LString(b.String()))
	l.Push(lua.LNumber(count))
	return 2
}

// replacement returns what stands in place of one match.
func (m *matcher) replacement(l *lua.LState, with lua.LValue, start, end int) string {
	var v lua.LValue
	switch w := with.(type) {
	case *lua.LTable:
		m.push(l, start, end, true)
		v = l.GetTable(w, l.Get(-max(len(m.captures), 1)))
		l.Pop(max(len(m.captures), 1))
	case *lua.LFunction:
		captures := append([]capture(nil), m.captures...)
		l.Push(w)
		l.Call(m.push(l, start, end, true), 1)
		v = l.Get(-1)
		l.Pop(1)
		m.captures = captures
	default:
		return m.expand(l, with.String(), start, end)
	}
	switch {
	case !lua.LVAsBool(v):
		return m.text[start:end]
	case lua.LVCanConvToString(v):
		return v.String()
	}
	l.RaiseError("string.gsub: the replacement is %s", named(v))
	return ""
}

// expand writes a replacement string, in which %0 is the match and %1 to %9
// are the captures.
func (m *matcher) expand(l *lua.LState, with string, start, end int) string {
	var b strings.Builder
	for i := 0; i < len(with); i++ {
		if with[i] != '%' || i+1 == len(with) {
			b.WriteByte(with[i])
			continue
		}
		i++
		n := int(with[i]) - '0'
		switch {
		case n == 0 || n == 1 && len(m.captures) == 0:
			b.WriteString(m.text[start:end])
		case n < 0 || n > 9:
			b.WriteByte(with[i])
		case n > len(m.captures):
			panic(patternError("the replacement refers to a capture that the pattern has not"))
		default:
			b.WriteString(m.value(m.captures[n-1]).String())
		}
		checkText(l, "string.gsub", b.Len())
	}
	return b.String()
}
