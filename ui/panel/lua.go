package panel

import (
	"html/template"
	"regexp"
)

// luaParts are what of a playbook's text is coloured: comments, strings, words
// of the language, numbers.
var luaParts = regexp.MustCompile(`(--\[\[[\s\S]*?\]\]|--[^\n]*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\[\[[\s\S]*?\]\])|\b(and|break|do|else|elseif|end|false|for|function|if|in|local|nil|not|or|repeat|return|then|true|until|while)\b|\b(\d+(?:\.\d+)?)\b`)

var luaClasses = []string{"comment", "string", "word", "number"}

// lua colours a playbook's text.
func lua(source string) template.HTML {
	var out []byte
	at := 0
	for _, m := range luaParts.FindAllStringSubmatchIndex(source, -1) {
		out = append(out, template.HTMLEscapeString(source[at:m[0]])...)
		for i, class := range luaClasses {
			if m[2*i+2] >= 0 {
				out = append(out, `<span class="`+class+`">`+template.HTMLEscapeString(source[m[0]:m[1]])+`</span>`...)
			}
		}
		at = m[1]
	}
	return template.HTML(append(out, template.HTMLEscapeString(source[at:])...)) //nolint:gosec // every piece is escaped
}
