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
	var shown []core.Snapshot
	p.Pager, shown = paged(c.Request.URL, out.(snapshotsOut).Snapshots, n, listPage)
	for _, s := range shown {
		line := panel.Snapshot{Snapshot: s, HasDatabase: s.Holds(core.DatabaseScope)}
		line.Drilled, line.Vain = c.drills.state(s.ID)
		p.Busy = p.Busy || line.Drilled
		p.Snapshots = append(p.Snapshots, line)
	}
	return p, err
}

func (c *call) takeSnapshotByForm() (any, error) {
	c.given = snapshotIn{Scope: core.Scope(c.PostForm("scope")), Reason: strings.TrimSpace(c.PostForm("reason"))}
	if _, err := c.takeSnapshot(); err != nil {
		return nil, err
	}
	return c.goTo(c.home()+"/snapshots", "snapshot")
}

// verifySnapshotByForm reads a snapshot back, or begins a drill, which the page
// shows as it ends.
func (c *call) verifySnapshotByForm() (any, error) {
	if c.PostForm("level") == "drill" {
		s, err := c.Store.Snapshot(c, c.Param("sid"))
		if err == nil {
			_, err = c.drill(s)
		}
		if err != nil {
			return nil, err
		}
		return c.goTo(c.home()+"/snapshots", "drilling")
	}
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
