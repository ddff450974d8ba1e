package panel

import (
	"cmp"
	"sync"

	"github.com/basewright/basewright/core"
)

// meaning is what a code is called and means, or what a playbook is called, in
// Portuguese. The English stands where codes and playbooks are declared.
type meaning struct {
	Title, What, Breaks, Do, Data string
}

// portuguese is read when a page is first made in Portuguese.
var portuguese = sync.OnceValue(func() map[string]meaning { return mustRead[meaning]("messages/portuguese/*.yaml") })

// Title is what a code or a built-in playbook is called: title itself, unless
// this language has its own.
func (l Lang) Title(id, title string) string {
	if l != Portuguese {
		return title
	}
	return cmp.Or(portuguese()[id].Title, title)
}

// Meaning is what a code means, in this language where it was translated.
func (l Lang) Meaning(code string, e core.Explanation) core.Explanation {
	if l != Portuguese {
		return e
	}
	m := portuguese()[code]
	e.Title, e.What, e.Breaks = cmp.Or(m.Title, e.Title), cmp.Or(m.What, e.What), cmp.Or(m.Breaks, e.Breaks)
	e.Do, e.Data = cmp.Or(m.Do, e.Do), cmp.Or(m.Data, e.Data)
	return e
}
