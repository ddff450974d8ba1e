// Package upgrade plans how an instance goes to a newer release of Supabase: what
// the release that it was made of would render for it (base), what its files say
// (ours) and what the newer release would render (theirs) are merged, so that a
// person's own changes stay. Package apply carries the plan out.
package upgrade

import (
	"fmt"
	"strings"

	"github.com/basewright/basewright/core"
)

// Side is who wins where the instance and the release changed the same.
type Side string

// Sides of a conflict.
const (
	Ours   Side = "ours"   // what the instance has stays
	Theirs Side = "theirs" // what the newer release says comes
)

// Order is what a person asks for.
type Order struct {
	To string // release; empty means the newest that is known
	// Take decides conflicts: by the name of a file (".env", "docker-compose.yml"),
	// or of one setting (".env SITE_URL").
	Take map[string]Side
}

// Conflict is a place that both the instance and the release changed, so that a
// person decides. Secrets are masked in it.
type Conflict struct {
	File   string `json:"file"`
	Where  string `json:"where"` // "line 12" of the instance's file, or the name of a setting
	Base   string `json:"base"`  // what the old release said; empty for nothing
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
}

// Refusal is every conflict of an upgrade that is not decided.
type Refusal struct {
	ID        string
	To        string
	Conflicts []Conflict
}

func (r *Refusal) Error() string {
	var list []string
	for _, c := range r.Conflicts {
		list = append(list, c.File+" "+c.Where)
	}
	return fmt.Sprintf("%s and release %s changed the same: %s; decide with --take FILE=ours or FILE=theirs, or edit the files first", r.ID, r.To, strings.Join(list, ", "))
}

// Unwrap gives programs the code.
func (r *Refusal) Unwrap() error {
	return core.Errorf(core.Conflict, "%s cannot be upgraded to %s before its conflicts are decided", r.ID, r.To)
}

// decisions are the sides that were chosen, and which of them were used.
type decisions struct {
	take map[string]Side
	used map[string]bool
}

// of returns who wins in a place of a file, or "" when nobody decided.
func (d decisions) of(file, where string) Side {
	for _, name := range []string{file + " " + where, file} {
		if side, ok := d.take[name]; ok {
			d.used[name] = true
			return side
		}
	}
	return ""
}

// check refuses sides that are none.
func (d decisions) check() error {
	for name, side := range d.take {
		if side != Ours && side != Theirs {
			return core.Errorf(core.Invalid, "%q is not a side that %s could be taken from: ours or theirs", string(side), name)
		}
	}
	return nil
}
