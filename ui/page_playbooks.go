package ui

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) playbooksPage() (any, error) {
	p := &panel.Playbooks{Frame: c.framed("playbooks", "")}
	p.Title = p.Lang.T("nav.playbooks")
	out, err := c.listPlaybooks()
	if err != nil {
		return nil, err
	}
	books := out.(playbooksOut)
	p.Problems = books.Problems
	changes, err := c.Store.Changes(c, "", 1000)
	if err != nil {
		return nil, err
	}
	for _, b := range books.Playbooks {
		r := panel.Record{Playbook: b}
		for _, ch := range changes {
			switch {
			case ch.Plan.Playbook != b.ID || !c.who.may(core.MayRead, ch.Instance):
			case ch.State == core.Committed:
				r.Kept++
			case ch.State == core.RolledBack, ch.State == core.RollbackFailed:
				r.Back++
			}
		}
		p.Books = append(p.Books, r)
	}
	return p, nil
}

// newPlaybook is the address of one that is not written yet.
const newPlaybook = "new"

// sketch is what a new playbook begins with.
const sketch = `-- Say in a sentence what this mends.
return {
  title = "Restart auth",
  fixes = { "AUTH-17" },
  risk  = "low",
  needs = { "restart", "wait_healthy" },
  plan = function(t, params)
    return {
      { op = "restart", service = "auth", why = "auth does not answer" },
      { op = "wait_healthy", service = "auth" },
    }
  end,
  examples = {},
}
`

func (c *call) playbookPage() (any, error) {
	p := &panel.Playbook{Frame: c.framed("playbooks", ""), ID: c.Param("pid"), Source: sketch}
	if p.ID == newPlaybook {
		p.Title, p.Heading, p.Editor = p.Lang.T("playbooks.new"), p.Lang.T("playbooks.new"), p.Admin
		return p, nil
	}
	if err := c.bookOf(p); err != nil {
		return nil, err
	}
	p.Editor = p.Admin && c.Query("edit") != ""
	return p, nil
}

// bookOf puts the playbook of the address on the page.
func (c *call) bookOf(p *panel.Playbook) error {
	books, _, err := c.Playbooks(c.Request.Context())
	if err != nil {
		return err
	}
	n := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == p.ID })
	if n < 0 {
		return core.Errorf(core.NotFound, "there is no playbook %q", clip(p.ID, 60))
	}
	p.Book, p.Source, p.Own = books[n], books[n].Source, !books[n].BuiltIn
	p.Title, p.Heading = books[n].Title, books[n].Title
	return nil
}

// writePlaybook checks a text, and saves it when that was asked for and nothing
// is wrong with it.
func (c *call) writePlaybook() (any, error) {
	p := &panel.Playbook{Frame: c.framed("playbooks", ""), ID: c.Param("pid"), Editor: true, NewID: strings.TrimSpace(c.PostForm("id"))}
	p.Title, p.Heading = p.Lang.T("playbooks.new"), p.Lang.T("playbooks.new")
	id := p.NewID
	if p.ID != newPlaybook {
		id = p.ID
		if err := c.bookOf(p); err != nil {
			return nil, err
		}
	}
	p.Source = strings.ReplaceAll(c.PostForm("source"), "\r\n", "\n")
	c.given = playbookIn{Source: p.Source, ID: id}
	_, problems, err := c.source(id)
	if err != nil {
		problems = []string{problemOf(err).Detail}
	}
	p.Checked, p.Problems = true, problems
	if c.PostForm("what") != "save" || len(problems) > 0 {
		return p, nil
	}
	c.Params = append(c.Params[:0], gin.Param{Key: "pid", Value: id})
	if _, err := c.savePlaybook(); err != nil {
		return nil, err
	}
	return c.goTo("/playbooks/"+id, "saved")
}
