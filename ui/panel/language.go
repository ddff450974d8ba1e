package panel

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"
)

//go:embed messages
var catalogues embed.FS

// Lang is a language that the panel speaks.
type Lang string

// The languages, the one that is spoken without a choice first.
const (
	English    Lang = "en"
	Portuguese Lang = "pt"
)

// Langs lists the languages.
var Langs = []Lang{English, Portuguese}

// Tag is the language as HTML names it.
func (l Lang) Tag() string {
	if l == Portuguese {
		return "pt-BR"
	}
	return string(l)
}

// message is one text in every language. A text with a number has the form for
// one and the form for more, parted by " | ".
type message struct {
	En string `yaml:"en"`
	Pt string `yaml:"pt"`
}

func (m message) in(l Lang) string {
	if l == Portuguese {
		return m.Pt
	}
	return m.En
}

// messages are read when the first text is asked for: a program that makes no page
// owes them neither time nor memory.
var messages = sync.OnceValue(func() map[string]message { return mustRead[message]("messages/*.yaml") })

// mustRead reads the catalogues that fit a pattern, which are part of the
// program.
func mustRead[Entry any](pattern string) map[string]Entry {
	all := map[string]Entry{}
	files, err := fs.Glob(catalogues, pattern)
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		b, err := catalogues.ReadFile(file)
		if err != nil {
			panic(err)
		}
		own := map[string]Entry{}
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if err := d.Decode(&own); err != nil {
			panic(fmt.Errorf("%s: %w", file, err))
		}
		for key, m := range own {
			if _, twice := all[key]; twice {
				panic(fmt.Errorf("%s: %s stands in another file, too", file, key))
			}
			all[key] = m
		}
	}
	return all
}

// Has reports whether there is a message of this key.
func Has(key string) bool {
	_, found := messages()[key]
	return found
}

// T returns the message of a key. pairs are names and values for its {name}s;
// the value of n chooses between the form for one and the form for more.
func (l Lang) T(key string, pairs ...any) string {
	m, found := messages()[key]
	if !found {
		return key
	}
	text := m.in(l)
	one, more, counted := strings.Cut(text, " | ")
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "n" && counted {
			text = more
			if fmt.Sprint(pairs[i+1]) == "1" {
				text = one
			}
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return text
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.BrazilianPortuguese})

// Choose returns the language of a choice that was made, or the best one for
// what a browser says it accepts.
func Choose(chosen, accept string) Lang {
	if slices.Contains(Langs, Lang(chosen)) {
		return Lang(chosen)
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return English
	}
	_, n, _ := matcher.Match(wanted...)
	return Langs[n]
}

// Ago is a span that lies behind.
func (l Lang) Ago(d time.Duration) string { return l.ago(d) }
