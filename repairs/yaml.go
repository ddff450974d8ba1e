package repairs

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// serviceLine is one line of a compose file that belongs to a service.
type serviceLine struct {
	number int
	text   string
	key    string // of the service, under which the line stands; empty on the line that names the service
	rest   string // the text without its indent
}

// serviceLines returns the lines of one service of a compose file, as a playbook
// edits them: text, without comments and blank lines. It knows block style only,
// which is how people write these files; of a service in another style there
// are no lines.
func serviceLines(text, service string) []serviceLine {
	var list []serviceLine
	within, own, keys, key := false, -1, -1, ""
	inService := false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		rest := strings.TrimLeft(line, " ")
		indent := len(line) - len(rest)
		if rest == "" || rest[0] == '#' {
			continue
		}
		switch {
		case indent == 0:
			within, inService = strings.TrimRight(rest, " ") == "services:", false
			continue
		case !within:
			continue
		case own < 0:
			own = indent
		}
		if indent <= own {
			name := strings.Trim(strings.TrimRight(strings.TrimSuffix(strings.TrimRight(rest, " "), ":"), " "), `"'`)
			inService, keys, key = strings.HasSuffix(strings.TrimRight(rest, " "), ":") && name == service, -1, ""
			if inService {
				list = append(list, serviceLine{number: number, text: line, rest: rest})
			}
			continue
		}
		if !inService {
			continue
		}
		if keys < 0 {
			keys = indent
		}
		if indent == keys && rest[0] != '-' {
			key, _, _ = strings.Cut(rest, ":")
		}
		list = append(list, serviceLine{number: number, text: line, key: key, rest: rest})
	}
	return list
}

// composeLines gives a playbook the lines of a service, each with line, text, key
// and rest: compose_lines(text, service).
func (s *sandbox) composeLines(l *lua.LState) int {
	list := l.NewTable()
	text, service := l.CheckString(1), l.CheckString(2)
	if s.steps -= len(text); s.steps < 0 {
		l.RaiseError("compose_lines: too much text")
	}
	for _, line := range serviceLines(text, service) {
		t := l.NewTable()
		t.RawSetString("line", lua.LNumber(line.number))
		t.RawSetString("text", lua.LString(line.text))
		t.RawSetString("key", lua.LString(line.key))
		t.RawSetString("rest", lua.LString(line.rest))
		list.Append(t)
	}
	l.Push(list)
	return 1
}
