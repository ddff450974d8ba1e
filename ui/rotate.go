package ui

import "github.com/basewright/basewright/core"

// RotateOrder says which secrets of an instance to make anew.
type RotateOrder struct {
	What     string `json:"what" doc:"api-keys, jwt-secret, database-passwords or dashboard-password"`
	PlanHash string `json:"plan_hash,omitempty" doc:"of the plan that was looked at and approved"`
}

type rotationOut struct {
	Reply
	Plan    core.Plan `json:"plan"`
	Clients []string  `json:"clients" doc:"who must change something afterwards"`
}

func (c *call) planRotation() (any, error) {
	var o RotateOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	p, clients, err := c.PlanRotation(c, c.instance, o)
	return rotationOut{ok("nothing is changed; apply it with its plan_hash"), wholePlan(p), listed(clients)}, err
}

func (c *call) rotate() (any, error) {
	var o RotateOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	if o.PlanHash == "" {
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/rotate/plan shows the plan and its hash")
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.Rotate(c.instance, o, c.who.actor()))
}
