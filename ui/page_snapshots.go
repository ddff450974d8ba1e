package ui

import (
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) snapshotsPage() (any, error) {
	of, err := c.of("snapshots")
	if err != nil {
		return nil, err
	}
	out, err := c.listSnapshots()
	if err != nil {
		return nil, err
	}
	p := &panel.Snapshots{Frame: c.framed("fleet", c.instance.Name), Of: of}
	n, err := c.number("page", 1, 1_000_000)
	p.Pager, p.Snapshots = paged(c.Request.URL, out.(snapshotsOut).Snapshots, n, listPage)
	return p, err
}

func (c *call) takeSnapshotByForm() (any, error) {
	c.given = snapshotIn{Scope: core.Scope(c.PostForm("scope")), Reason: strings.TrimSpace(c.PostForm("reason"))}
	if _, err := c.takeSnapshot(); err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/snapshots", "snapshot")
}

func (c *call) verifySnapshotByForm() (any, error) {
	if _, err := c.verifySnapshot(); err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/snapshots", "verified")
}

// restorePage shows what a restore would replace.
func (c *call) restorePage() (any, error) {
	c.given = RestoreOrder{}
	out, err := c.planRestore()
	if err != nil {
		return nil, err
	}
	p, err := c.planPage("restore", out.(planOut).Plan)
	if err != nil {
		return nil, err
	}
	p.Typed, p.Action, p.Back = true, "/snapshots/"+c.Param("sid")+"/restore", c.home()+"/snapshots"
	p.Hidden = []panel.Field{{Name: "plan_hash", Value: p.Plan.Hash}}
	return p, nil
}

func (c *call) restoreByForm() (any, error) {
	c.given = RestoreOrder{PlanHash: c.PostForm("plan_hash"), Confirm: strings.TrimSpace(c.PostForm("confirm"))}
	return c.follow(c.restoreSnapshot())
}
