package ui

import (
	"context"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

// Upgrades brings instances to a newer release.
type Upgrades struct {
	// Ways says to which releases an instance can go, and what breaks on the way.
	Ways func(ctx context.Context, i core.Instance) (UpgradeWays, error)
	// PlanUpgrade says what an upgrade would do. Places that the instance and the
	// release changed both, and nobody decided, are an *Undecided.
	PlanUpgrade func(ctx context.Context, i core.Instance, o UpgradeOrder) (core.Plan, error)
	// Upgrade does it, if the plan is still the approved one.
	Upgrade func(i core.Instance, o UpgradeOrder, actor string) queue.Job
	// Rehearse does it with a clone, if the plan is still the approved one, and
	// removes that; it returns the clone's id. tell hears how far it is, and at last
	// how it came out.
	Rehearse func(i core.Instance, o UpgradeOrder, actor string, tell func(Rehearsed)) (clone string, job queue.Job)
}

// UpgradeWays are the releases that an instance can go to from its own.
type UpgradeWays struct {
	From string       `json:"from" doc:"the release that it is of"`
	How  string       `json:"how,omitempty" doc:"how that is known, when it is not certain"`
	Ways []UpgradeWay `json:"ways" doc:"the nearest first"`
}

// UpgradeWay is a release that an instance can go to.
type UpgradeWay struct {
	To       string        `json:"to"`
	Breaking []UpgradeNews `json:"breaking" doc:"what comes with it, beside what came with the way before"`
}

// UpgradeNews is what no file can change by itself, and what a person does about it.
type UpgradeNews struct {
	Release string `json:"release"`
	What    string `json:"what"`
	Do      string `json:"do"`
}

type waysOut struct {
	Reply
	UpgradeWays
}

// UpgradeOrder says to which release an instance is to go.
type UpgradeOrder struct {
	To       string            `json:"to,omitempty" doc:"release; the newest that is known when left out"`
	Take     map[string]string `json:"take,omitempty" doc:"who wins where the instance and the release changed the same: a file, or .env and a variable's name, to ours or theirs"`
	PlanHash string            `json:"plan_hash,omitempty" doc:"of the plan that was looked at and approved"`
	Confirm  string            `json:"confirm,omitempty" doc:"the instance's id: an upgrade may change data"`
}

// UpgradeConflict is a place that the instance and the release changed both.
type UpgradeConflict struct {
	File   string `json:"file"`
	Where  string `json:"where" doc:"line of the instance's file, or name of the setting"`
	Base   string `json:"base" doc:"what the old release said; empty for nothing"`
	Ours   string `json:"ours" doc:"what the instance has; secrets are masked"`
	Theirs string `json:"theirs" doc:"what the newer release says"`
}

// Undecided refuses an upgrade before a person has said who wins.
type Undecided struct {
	Conflicts []UpgradeConflict
	Err       error
}

func (u *Undecided) Error() string { return u.Err.Error() }
func (u *Undecided) Unwrap() error { return u.Err }

func (c *call) upgradeWays() (any, error) {
	w, err := c.Ways(c, c.instance)
	w.Ways = listed(w.Ways)
	return waysOut{ok(""), w}, err
}

func (c *call) planUpgrade() (any, error) {
	var o UpgradeOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	p, err := c.PlanUpgrade(c, c.instance, o)
	return planOut{ok("nothing is changed; apply it with its plan_hash"), wholePlan(p)}, err
}

func (c *call) upgrade() (any, error) {
	var o UpgradeOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	switch {
	case o.PlanHash == "":
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/upgrade/plan shows the plan and its hash")
	case o.Confirm != c.instance.ID:
		return nil, core.Errorf(core.Invalid, `an upgrade may change data; "confirm" must be the instance's id, %s`, c.instance.ID)
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.Upgrade(c.instance, o, c.who.actor()))
}
