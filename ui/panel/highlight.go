package panel

import (
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
)

// The grammar of Lua is chroma's; its other three hundred stay out of the
// program.
//
//go:embed grammar/lua.xml
var grammar embed.FS

var luaLexer = sync.OnceValue(func() chroma.Lexer { return chroma.MustNewXMLLexer(grammar, "grammar/lua.xml") })

// kinds are the classes of what is coloured.
var kinds = []struct {
	of    chroma.TokenType
	class string
}{{chroma.Comment, "comment"}, {chroma.Keyword, "word"}, {chroma.LiteralString, "string"}, {chroma.LiteralNumber, "number"}, {chroma.NameFunction, "name"}}

func kindOf(t chroma.TokenType) string {
	for _, k := range kinds {
		if t == k.of || t.InCategory(k.of) && (k.of == chroma.Comment || k.of == chroma.Keyword) || t.InSubCategory(k.of) {
			return k.class
		}
	}
	return ""
}

// lua writes out the text of a playbook line by line, with classes for its
// parts. A text that the grammar does not take is shown plain.
func lua(source string) template.HTML {
	var b strings.Builder
	b.WriteString(`<ol class="lua">`)
	tokens, err := chroma.Tokenise(luaLexer(), nil, source)
	if err != nil {
		tokens = []chroma.Token{{Value: source}}
	}
	for _, line := range chroma.SplitTokensIntoLines(tokens) {
		b.WriteString("<li>")
		for _, t := range line {
			said := template.HTMLEscapeString(text(strings.ReplaceAll(strings.TrimRight(t.Value, "\r\n"), "\t", "    ")))
			if class := kindOf(t.Type); class != "" {
				fmt.Fprintf(&b, `<span class="%s">%s</span>`, class, said)
				continue
			}
			b.WriteString(said)
		}
		b.WriteString("</li>")
	}
	b.WriteString("</ol>")
	return template.HTML(b.String()) //nolint:gosec // every piece is escaped
}
