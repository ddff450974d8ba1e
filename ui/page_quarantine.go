package ui

import (
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) quarantinePage() (any, error) { return c.quarantine("") }

// quarantine is the page of what was moved out of the way.
func (c *call) quarantine(problem string) (*panel.Quarantine, error) {
	p := &panel.Quarantine{Frame: c.framed("quarantine", ""), Problem: problem}
	p.Title = p.Lang.T("nav.quarantine")
	list, err := c.asides()
	if err != nil {
		return nil, err
	}
	kept, err := c.Store.Instances(c)
	if err != nil {
		return nil, err
	}
	controlled := map[string]bool{}
	for _, i := range kept {
		controlled[i.ID] = i.Mode == core.Control
	}
	n, err := c.number("page", 1, 1_000_000)
	var shown []core.Aside
	p.Pager, shown = paged(c.Request.URL, list, n, listPage)
	for _, a := range shown {
		if _, there := controlled[a.Instance]; !there {
			i, err := c.Store.Departed(c, a.Instance)
			controlled[a.Instance] = err == nil && i.Mode == core.Control
		}
		p.Items = append(p.Items, panel.Aside{Aside: a, Over: a.Until.Before(c.Now()),
			MayRestore: a.Kind == "" && controlled[a.Instance] && c.who.may(core.MayRepair, a.Instance), MayPurge: c.who.may(core.MayAdmin, a.Instance) && c.who.token == nil})
	}
	return p, err
}

func (c *call) asideRestored() (any, error) {
	if _, err := c.restoreAside(); err != nil {
		return c.wrongAside(err)
	}
	return c.goTo("/quarantine", "restored")
}

func (c *call) asidePurged() (any, error) {
	c.given = purgeIn{Confirm: strings.TrimSpace(c.PostForm("confirm"))}
	if _, err := c.purgeAside(); err != nil {
		return c.wrongAside(err)
	}
	return c.goTo("/quarantine", "purged")
}

func (c *call) wrongAside(err error) (any, error) {
	return c.again(err, func(problem string) (panel.Page, error) { return c.quarantine(problem) })
}
