package ui

import "github.com/basewright/basewright/core"

// CloneOrder is what a clone of an instance is to be. What is left out is chosen;
// its PostgreSQL is always of the source's major version.
type CloneOrder struct {
	CreateOrder
	SchemaOnly bool   `json:"schema_only,omitempty" doc:"leave the rows and the files behind"`
	PlanHash   string `json:"plan_hash,omitempty" doc:"of the plan that was looked at and approved"`
}

func (c *call) planClone() (any, error) {
	var o CloneOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	p, err := c.PlanClone(c, c.instance, o)
	return planOut{ok("nothing is made or kept; clone it with its plan_hash"), wholePlan(p)}, err
}

// clone begins to make the clone by the plan that was approved. The source is
// only read, so one that is observed may be cloned.
func (c *call) clone() (any, error) {
	var o CloneOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	if o.PlanHash == "" {
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/clone/plan shows the plan and its hash")
	}
	inst, job, err := c.Clone(c, c.instance, o, c.who.actor())
	if err != nil {
		return nil, err
	}
	c.instance = inst
	return c.begin(job)
}
