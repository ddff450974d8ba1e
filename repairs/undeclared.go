package repairs

import (
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// undeclared notes the operations that the text names in its tables, as in
// { op = "restart" }, and that do not exist or are not among its needs. One that
// is put together as the playbook runs shows when it is returned: it is refused.
func (r *reader) undeclared(needs []core.Op) {
	s := scanner{text: r.source.Text, line: 1}
	var last [3]string // the tokens before this one
	for {
		before := s.at
		if !s.next() {
			return
		}
		token := strings.TrimLeft(s.text[before:s.at], " \t\r\n")
		if strings.HasPrefix(token, "--") {
			continue
		}
		if begins(last[0]) && last[1] == "op" && last[2] == "=" && strings.IndexByte(`"'`, token[0]) >= 0 {
			r.declared(core.Op(strings.Trim(token, `"'`)), needs, s.line)
		}
		last = [3]string{last[1], last[2], token}
	}
}

// begins reports whether a field of a table may begin after the token.
func begins(token string) bool { return token == "{" || token == "," || token == ";" }

func (r *reader) declared(op core.Op, needs []core.Op, line int) {
	switch _, exists := signatures[op]; {
	case !exists:
		r.problemAt(line, "there is no operation %q", oneLine(string(op)))
	case !slices.Contains(needs, op):
		r.problemAt(line, "uses the operation %s, which it does not declare in needs", op)
	}
}
