package panel

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// phrase is a sentence that the agent writes down in English, as a pattern, and
// the same in Portuguese.
type phrase struct {
	fits  *regexp.Regexp
	names []string // of the places to fill in; one with a star is a phrase itself
	pt    string
}

// phrases are read when a page is first made in Portuguese.
var phrases = sync.OnceValue(func() []phrase {
	files, err := fs.Glob(catalogues, "messages/phrases/*.yaml")
	if err != nil {
		panic(err)
	}
	var all []phrase
	for _, file := range files {
		b, err := catalogues.ReadFile(file)
		if err != nil {
			panic(err)
		}
		var own []message
		if err := yaml.Unmarshal(b, &own); err != nil {
			panic(fmt.Errorf("%s: %w", file, err))
		}
		for _, m := range own {
			all = append(all, phraseOf(m))
		}
	}
	return all
})

var gap = regexp.MustCompile(`\{\*?[a-z]+\}`)

func phraseOf(m message) phrase {
	p := phrase{pt: m.Pt}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	last := 0
	for _, at := range gap.FindAllStringIndex(m.En, -1) {
		p.names = append(p.names, m.En[at[0]:at[1]])
		b.WriteString(regexp.QuoteMeta(m.En[last:at[0]]) + `(.+?)`)
		last = at[1]
	}
	b.WriteString(regexp.QuoteMeta(m.En[last:]) + `$`)
	p.fits = regexp.MustCompile(b.String())
	return p
}

// longestPhrase bounds what is compared with patterns.
const longestPhrase = 1000

// Phrase is a sentence that the agent wrote down, in this language as far as it
// is known: where the whole is not, its parts between colons are.
func (l Lang) Phrase(said string) string {
	if l != Portuguese || len(said) > longestPhrase {
		return said
	}
	return phrased(said, 0)
}

// phrased is Phrase within others, of which there may be a few.
func phrased(said string, depth int) string {
	const deepest = 6
	if depth > deepest || said == "" {
		return said
	}
	for _, p := range phrases() {
		found := p.fits.FindStringSubmatch(said)
		if found == nil {
			continue
		}
		return gap.ReplaceAllStringFunc(p.pt, func(name string) string {
			text := found[1+max(0, slices.Index(p.names, name))]
			if name[1] == '*' {
				return phrased(text, depth+1)
			}
			return text
		})
	}
	if first, rest, found := strings.Cut(said, ": "); found {
		return phrased(first, depth+1) + ": " + phrased(rest, depth+1)
	}
	return said
}
