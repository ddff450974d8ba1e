package repairs

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
)

// Library is the built-in playbooks and those of a folder, which are read again
// when they change; of equal names the user's counts. A playbook that is changed
// into one that cannot be used stays as it was last good, and the problem is told.
type Library struct {
	folder fs.FS // nil without one
	// History keeps the good versions of the folder's playbooks, so that the last
	// one is there although it was another process that saw it; nil keeps none.
	History *History

	mu      sync.Mutex
	builtIn []core.Playbook
	files   map[string]shelved
}

// shelved is one file of the folder as it was last read.
type shelved struct {
	changed  time.Time
	size     int64
	book     *core.Playbook // last good version
	problems []Problem      // of the version now
}

// NewLibrary returns the library with the user's playbooks in folder, which may
// be nil and may come into being later.
func NewLibrary(folder fs.FS) *Library { return &Library{folder: folder} }

// Books returns every playbook that can be used, by name, and what is wrong
// with the others.
func (l *Library) Books(ctx context.Context) ([]core.Playbook, []Problem, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.builtIn == nil {
		books, err := BuiltIn(ctx)
		if err != nil {
			return nil, nil, err
		}
		l.builtIn = books
	}
	if err := l.refresh(ctx); err != nil {
		return nil, nil, err
	}
	books := slices.Clone(l.builtIn)
	var problems []Problem
	for _, f := range l.files {
		problems = append(problems, f.problems...)
		if f.book != nil {
			books = slices.DeleteFunc(books, func(b core.Playbook) bool { return b.ID == f.book.ID })
			books = append(books, *f.book)
		}
	}
	slices.SortFunc(books, func(a, b core.Playbook) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.String(), b.String()) })
	return books, problems, nil
}

// Find returns the playbook with the ID.
func (l *Library) Find(ctx context.Context, id string) (core.Playbook, error) {
	books, problems, err := l.Books(ctx)
	if err != nil {
		return core.Playbook{}, err
	}
	for _, b := range books {
		if b.ID == id {
			return b, nil
		}
	}
	for _, p := range problems {
		if p.Playbook == fileName(id) {
			return core.Playbook{}, p.err()
		}
	}
	return core.Playbook{}, core.Errorf(core.NotFound, "there is no playbook %q", oneLine(id))
}

// refresh reads what changed in the folder since the last time.
func (l *Library) refresh(ctx context.Context) error {
	if l.folder == nil {
		return nil
	}
	names, err := fs.Glob(l.folder, "*.lua")
	if err != nil {
		return fmt.Errorf("list playbooks: %w", err)
	}
	files := map[string]shelved{}
	for _, name := range names {
		f := l.files[name]
		info, err := fs.Stat(l.folder, name)
		if err != nil {
			continue // gone since it was listed
		}
		if f.changed.Equal(info.ModTime()) && f.size == info.Size() && (f.book != nil || f.problems != nil) {
			files[name] = f
			continue
		}
		f.changed, f.size = info.ModTime(), info.Size()
		if err := l.read(ctx, name, &f); err != nil {
			return err
		}
		files[name] = f
	}
	l.files = files
	return nil
}

// read reads one file of the folder into f, keeping the last good version.
func (l *Library) read(ctx context.Context, name string, f *shelved) error {
	text, p := readSource(l.folder, name)
	m := metadata{}
	if p != nil {
		m.problems = []Problem{*p}
	} else {
		read, err := readAll(ctx, []source{{Name: name, Text: text}})
		if err != nil {
			return err
		}
		m = read[0]
	}
	f.problems = m.problems
	if len(m.problems) == 0 {
		m.book.Source = text
		f.book = &m.book
		if l.History != nil {
			if err := l.History.Keep(m.book.ID, text); err != nil {
				f.problems = []Problem{{Playbook: name, Message: "is used, and " + err.Error()}}
			}
		}
		return nil
	}
	if f.book == nil {
		f.book = l.lastGood(ctx, name)
	}
	if f.book != nil {
		f.problems[0].Message += "; the last good version is kept"
	}
	return nil
}

// lastGood returns the newest version of a file that was good, from the history.
func (l *Library) lastGood(ctx context.Context, name string) *core.Playbook {
	if l.History == nil {
		return nil
	}
	text, ok := l.History.last(strings.TrimSuffix(name, ".lua"))
	if !ok {
		return nil
	}
	read, err := readAll(ctx, []source{{Name: name, Text: text}})
	if err != nil || len(read[0].problems) > 0 {
		return nil // written by another release, perhaps
	}
	read[0].book.Source = text
	return &read[0].book
}
