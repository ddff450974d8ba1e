package ui

import (
	"fmt"
	"sync"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// mostKept bounds the pages that are kept.
const mostKept = 64

// shelf keeps pages for as long as nothing changes that they are made of.
type shelf struct {
	mu    sync.Mutex
	pages map[slot]*keptPage
	ticks uint64 // of a clock that only tells what was first
}

// slot is which page, and for whom: all that a page takes from a request.
type slot struct {
	rights, address, part string
	lang                  panel.Lang
	theme, silent         string
	small                 bool
}

// basis is what else a page is made of: the state of the database, what is under
// way, and the second for which ages are told.
type basis struct {
	version string
	turns   uint64
	second  int64
}

// keptPage is a page in a slot. Whoever makes it holds the lock, and others wait.
type keptPage struct {
	mu    sync.Mutex
	began uint64 // when it was begun to be made
	of    basis
	sheet sheet
}

// at returns what is in a slot, and the time.
func (s *shelf) at(k slot) (*keptPage, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pages[k]
	if p == nil {
		if len(s.pages) >= mostKept {
			clear(s.pages)
		}
		p = &keptPage{}
		s.pages[k] = p
	}
	s.ticks++
	return p, s.ticks
}

func (s *shelf) tick() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	return s.ticks
}

// kept lets a route answer with the page that it made last, for the same person
// and the same request, where nothing has changed since. Its handler may only
// look at the store, at who holds an instance and whose diagnosis failed, at the
// clock, and at what a slot has of the request.
func kept(serve func(*call) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		s, err := c.keptSheet(serve)
		if err == nil {
			deliver(c.Context, c.route.status, s)
		}
		return nil, err
	}
}

func (c *call) keptSheet(serve func(*call) (any, error)) (sheet, error) {
	f, shelf := c.frame(c.Context, c.who), &c.panel.shelf
	k := slot{c.who.rights(), c.Request.URL.RequestURI(), partOf(c.Context), f.Lang, f.Theme, f.Silent, acceptsGzip(c.Context)}
	p, came := shelf.at(k)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began > came { // it was made while we waited, of what we would have found
		return p.sheet, nil
	}
	began := shelf.tick()
	now, err := c.basis() // before anything is read: what changes meanwhile makes it old
	if err == nil && now == p.of {
		return p.sheet, nil
	}
	out, failed := serve(c)
	if failed != nil {
		return sheet{}, failed
	}
	made, ok := out.(panel.Page)
	if !ok {
		return sheet{}, core.Errorf(core.Internal, "%s %s made no page", c.route.method, c.route.path)
	}
	s, failed := c.panel.print(made, k.part, k.small)
	if failed == nil {
		p.began, p.of, p.sheet = began, now, s // without a version it is nobody's after those who wait
	}
	return s, failed
}

func (c *call) basis() (basis, error) {
	b := basis{turns: c.Changes.Turns() + c.Diagnoses.Turns(), second: c.Now().Unix()}
	var err error
	if b.version, err = c.Store.Version(c); err != nil {
		return basis{}, err
	}
	return b, nil
}

// rights is all that is known of who asks, so that two of whom anything differs
// are never taken for one.
func (w identity) rights() string {
	if w.token == nil {
		return fmt.Sprintf("%+v", w.user)
	}
	t := *w.token
	t.LastUsed = nil // it grows older with every use, and allows nothing
	return fmt.Sprintf("%+v with %+v", w.user, t)
}
