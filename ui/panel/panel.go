// Package panel is what people see: the pages of the panel as typed structs,
// their templates, their two languages, and the drawings in them. It knows no
// HTTP; package ui fills the structs and sends what comes out.
package panel

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed templates/*.html
var sources embed.FS

// Page is one page: a struct that embeds Frame, and the name of its template.
type Page interface {
	Template() string
	frame() *Frame
}

// Frame is what every page has around its content.
type Frame struct {
	Lang    Lang
	Theme   string // "light", "dark", or "" for what the system has
	User    string // empty before the login
	Admin   bool   // of every instance
	Path    string // of the request
	Address string // path and query, to come back to
	Nav     []NavGroup
	Section string // which part of the navigation this belongs to
	Title   string
	Notice  string // message that tells what was just done
	Damaged string // the database, when part of it cannot be read
	Silent  string // why no Docker Engine answers, when none does
	Drawn   bool   // the user has the password of the first start
	Version string
	Assets  Assets
}

// NavGroup is a part of the navigation; Title is the key of its heading.
type NavGroup struct {
	Title string
	Items []NavItem
}

// NavItem leads to a page.
type NavItem struct{ ID, Href string }

func (f *Frame) frame() *Frame { return f }

// Book holds every template in every language. A language is read when a page is
// first made in it: an agent that starts owes nobody one, and most are asked for
// one language only.
type Book struct {
	sets map[Lang]func() (set, error)
}

// set is the templates of the pages in one language.
type set map[string]*template.Template

// base are the templates that every page may use.
var base = []string{"templates/layout.html", "templates/parts.html", "templates/findings.html", "templates/shared.html"}

// Open returns the book; that every template parses is held by a test.
func Open(now func() time.Time) *Book {
	b := &Book{sets: map[Lang]func() (set, error){}}
	for _, lang := range Langs {
		b.sets[lang] = sync.OnceValues(func() (set, error) { return parse(lang, now) })
	}
	return b
}

func parse(lang Lang, now func() time.Time) (set, error) {
	files, err := fs.Glob(sources, "templates/*.html")
	if err != nil {
		return nil, err
	}
	shared, err := template.New("").Funcs(functions(lang, now)).ParseFS(sources, base...)
	if err != nil {
		return nil, fmt.Errorf("templates of the panel: %w", err)
	}
	pages := set{}
	for _, file := range files {
		own, err := template.Must(shared.Clone()).ParseFS(sources, file)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", file, err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = own
	}
	return pages, nil
}

// of returns the template of a page, nil when there is none.
func (b *Book) of(p Page) (*template.Template, error) {
	read := b.sets[p.frame().Lang]
	if read == nil {
		return nil, nil
	}
	pages, err := read()
	return pages[p.Template()], err
}

// Render writes a page, or when part names a block of it that block alone: what
// the page was made of makes it fresh again.
func (b *Book) Render(w io.Writer, p Page, part string) error {
	own, err := b.of(p)
	if err != nil {
		return err
	}
	if own == nil {
		return fmt.Errorf("there is no template %q in %q", p.Template(), p.frame().Lang)
	}
	name := "layout"
	if part != "" && b.HasPart(p, part) {
		name = part
	}
	if err := own.ExecuteTemplate(w, name, p); err != nil {
		return fmt.Errorf("page %s: %w", p.Template(), err)
	}
	return nil
}

// HasPart reports whether a block of the page may be asked for by itself; such
// a block is named after its page, and is the id of the element that it makes.
func (b *Book) HasPart(p Page, part string) bool {
	own, err := b.of(p)
	return err == nil && own != nil && strings.HasPrefix(part, p.Template()+"-") && own.Lookup(part) != nil
}
