package repairs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// textFunctions replace those of the string library that could be made to fill
// memory or to search without end.
func (s *sandbox) textFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"rep": rep, "byte": bytesOf, "format": format,
		"find": s.find, "match": s.match, "gmatch": s.gmatch, "gsub": s.gsub,
	}
}

func rep(l *lua.LState) int {
	text, n := l.CheckString(1), l.CheckNumber(2)
	if n < 1 || text == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if float64(n)*float64(len(text)) > maxText {
		checkText(l, "string.rep", maxText+1)
	}
	l.Push(lua.LString(strings.Repeat(text, int(n))))
	return 1
}

func bytesOf(l *lua.LState) int {
	text, from := l.CheckString(1), l.OptInt(2, 1)
	to := l.OptInt(3, from)
	from, to = max(place(text, from), 1), min(place(text, to), len(text))
	if to-from >= maxValues {
		l.RaiseError("string.byte: more than %d values", maxValues)
	}
	for i := from; i <= to; i++ {
		l.Push(lua.LNumber(text[i-1]))
	}
	return max(to-from+1, 0)
}

// place turns a position that may count from the end into one from the start.
func place(text string, i int) int {
	if i < 0 {
		return len(text) + i + 1
	}
	return i
}

// tostring shows no addresses: a plan must come out the same twice.
func tostring(l *lua.LState) int {
	l.Push(lua.LString(shown(l, l.CheckAny(1))))
	return 1
}

func shown(l *lua.LState, v lua.LValue) string {
	switch v.Type() {
	case lua.LTString, lua.LTNumber, lua.LTBool, lua.LTNil:
		return v.String()
	}
	if f, ok := l.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
		l.Push(f)
		l.Push(v)
		l.Call(1, 1)
		defer l.Pop(1)
		return l.Get(-1).String()
	}
	return v.Type().String()
}

// verb is one conversion of string.format as Lua 5.1 has them; wider fields
// than 99 it has not.
var verb = regexp.MustCompile(`^%([-+ #0]*)([0-9]{0,2}(?:\.[0-9]{0,2})?)([cdiouxXeEfgGqs%])`)

func format(l *lua.LState) int {
	pattern := l.CheckString(1)
	var b strings.Builder
	next := 2
	for pattern != "" {
		i := strings.IndexByte(pattern, '%')
		if i < 0 {
			break
		}
		b.WriteString(pattern[:i])
		m := verb.FindStringSubmatch(pattern[i:])
		if m == nil {
			l.RaiseError("string.format: no such conversion: %q", pattern[i:min(i+12, len(pattern))])
		}
		pattern = pattern[i+len(m[0]):]
		if m[3] == "%" {
			b.WriteByte('%')
			continue
		}
		b.WriteString(convert(l, next, m[1], m[2], m[3][0]))
		next++
		checkText(l, "string.format", b.Len())
	}
	b.WriteString(pattern)
	checkText(l, "string.format", b.Len())
	l.Push(lua.LString(b.String()))
	return 1
}

// convert writes argument n of string.format.
func convert(l *lua.LState, n int, flags, width string, kind byte) string {
	switch kind {
	case 'c':
		return string([]byte{byte(l.CheckInt(n))})
	case 'q':
		return strconv.Quote(l.CheckString(n))
	case 's':
		if strings.Contains(flags, "-") {
			width = "-" + width
		}
		return fmt.Sprintf("%"+width+"s", shown(l, l.CheckAny(n)))
	case 'd', 'i', 'u':
		return fmt.Sprintf("%"+flags+width+"d", int64(l.CheckNumber(n)))
	case 'o', 'x', 'X':
		return fmt.Sprintf("%"+flags+width+string(kind), int64(l.CheckNumber(n)))
	}
	return fmt.Sprintf("%"+flags+width+string(kind), float64(l.CheckNumber(n)))
}
