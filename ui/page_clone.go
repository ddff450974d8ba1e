package ui

import (
	"net/url"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) clonePage() (any, error) { return c.cloneWith("") }

// cloneWith is the form for a clone, as it was filled in.
func (c *call) cloneWith(problem string) (any, error) {
	of, err := c.of("")
	if err != nil {
		return nil, err
	}
	p := &panel.Clone{Frame: c.framed("fleet", ""), Of: of, Problem: problem, Name: clip(c.Query("name"), 80), URL: clip(c.Query("url"), 200), Images: clip(c.Query("images"), 200), SchemaOnly: c.Query("schema_only") != ""}
	p.Title = p.Lang.T("clone.title", "name", core.Printable(c.instance.Name))
	return p, nil
}

// cloneOrder reads the form, which comes in the address or as a body.
func cloneOrder(values url.Values) CloneOrder {
	text := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return CloneOrder{CreateOrder: CreateOrder{Name: text("name"), URL: text("url"), Images: text("images")}, SchemaOnly: text("schema_only") != "", PlanHash: text("plan_hash")}
}

// clonePlan shows how the clone would be made; what is in the way is told in
// the form.
func (c *call) clonePlan() (any, error) {
	o := cloneOrder(c.Request.URL.Query())
	c.given = o
	out, err := c.planClone()
	if code := core.CodeOf(err); code == core.Invalid || code == core.Conflict {
		return c.cloneWith(problemOf(err).Detail)
	}
	if err != nil {
		return nil, err
	}
	p, err := c.planPage("clone", out.(planOut).Plan)
	if err != nil {
		return nil, err
	}
	p.Allowed, p.Action, p.Back = true, c.home()+"/clone", c.home()+"/clone?"+c.Request.URL.RawQuery
	p.Hidden = []panel.Field{{Name: "name", Value: o.Name}, {Name: "url", Value: o.URL}, {Name: "images", Value: o.Images}, {Name: "plan_hash", Value: p.Plan.Hash}}
	if o.SchemaOnly {
		p.Hidden = append(p.Hidden, panel.Field{Name: "schema_only", Value: "yes"})
	}
	return p, nil
}

func (c *call) cloneByForm() (any, error) {
	if err := c.Request.ParseForm(); err != nil {
		return nil, core.Errorf(core.Invalid, "the form cannot be read")
	}
	c.given = cloneOrder(c.Request.PostForm)
	return c.follow(c.clone())
}
