package ui

import (
	"context"
	"encoding/json"
	"time"

	"github.com/basewright/basewright/core"
)

// RehearsalStage is how far a rehearsal is.
type RehearsalStage string

// The stages of a rehearsal, in their order.
const (
	RehearsalClone   RehearsalStage = "clone"   // it is made
	RehearsalUpgrade RehearsalStage = "upgrade" // it goes to the newer release
	RehearsalLook    RehearsalStage = "look"    // it is diagnosed, with a sign-up
	RehearsalRemove  RehearsalStage = "remove"
	RehearsalEnded   RehearsalStage = "ended"
)

// Rehearsed is what there is to tell of a rehearsal: its stage and the change of the
// clone that it begins with, or how it came out.
type Rehearsed struct {
	Stage     RehearsalStage
	ChangeID  string
	Well      bool
	Change    core.Change
	Diagnosis *core.Diagnosis
	Err       error
}

// Rehearsal is an upgrade that is tried with a clone: how far it is, or what came of
// it. The last of each instance is kept.
type Rehearsal struct {
	To        string          `json:"to"`
	Stage     RehearsalStage  `json:"stage" enum:"clone,upgrade,look,remove,ended"`
	Well      bool            `json:"well" doc:"the clone was upgraded, and is well"`
	Problem   string          `json:"problem,omitempty" doc:"why it could not be carried to its end"`
	Clone     string          `json:"clone" doc:"id of the clone while it is there"`
	Making    string          `json:"making_change_id" doc:"the change that makes the clone"`
	Upgrading string          `json:"upgrading_change_id,omitempty" doc:"the change that upgrades it"`
	Change    *core.Change    `json:"change,omitempty" doc:"the upgrade of the clone, once it ended"`
	Diagnosis *core.Diagnosis `json:"diagnosis,omitempty" doc:"of the clone afterwards, with a sign-up"`
	Actor     string          `json:"actor"`
	Begun     time.Time       `json:"begun"`
	Ended     *time.Time      `json:"ended,omitempty"`
}

type rehearsalOut struct {
	Reply
	Rehearsal *Rehearsal `json:"rehearsal,omitempty" doc:"none when none was begun yet"`
}

// rehearsalSetting holds the last rehearsal of an instance.
const rehearsalSetting = "upgrade.rehearsal."

// rehearse begins to upgrade a clone by the plan that was looked at. The instance
// itself is only read, so one that is observed may be rehearsed with.
func (c *call) rehearse() (any, error) {
	var o UpgradeOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	if o.PlanHash == "" {
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/upgrade/plan shows the plan and its hash")
	}
	by := *c
	by.ctx = context.WithoutCancel(c.ctx)
	r := Rehearsal{To: o.To, Actor: c.who.actor(), Begun: c.Now().UTC()}
	clone, job := c.Rehearse(c.instance, o, r.Actor, func(told Rehearsed) { by.hear(&r, told) })
	r.Clone = clone
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	if _, err := c.Changes.Start(ctx, clone, job); err != nil {
		return nil, err
	}
	return c.showRehearsal()
}

// hear notes how far a rehearsal is.
func (c *call) hear(r *Rehearsal, told Rehearsed) {
	r.Stage = told.Stage
	switch told.Stage {
	case RehearsalClone:
		r.Making = told.ChangeID
	case RehearsalUpgrade:
		r.Upgrading = told.ChangeID
	case RehearsalEnded:
		now := c.Now().UTC()
		r.Ended, r.Well, r.Diagnosis = &now, told.Well && told.Err == nil, told.Diagnosis
		if told.Change.ID != "" {
			ended := whole(told.Change)
			r.Change = &ended
		}
		e := c.entry("upgrade.rehearse", "ok", "to release "+clip(r.To, 40)+": the clone was well")
		if !r.Well {
			e.Outcome, e.Detail = "failed", "to release "+clip(r.To, 40)+": the clone was not well"
		}
		if told.Err != nil {
			r.Problem = plain(told.Err)
			e.Detail = clip(core.Printable(told.Err.Error()), 300)
		}
		if err := c.Store.Append(c, e); err != nil {
			c.Log.Error("how a rehearsal came out could not be written down", "instance", c.instance.ID, "error", err)
		}
	}
	b, err := json.Marshal(r)
	if err == nil {
		err = c.Store.SetSetting(c, rehearsalSetting+c.instance.ID, string(b))
	}
	if err != nil {
		c.Log.Error("how far a rehearsal is could not be kept", "instance", c.instance.ID, "error", err)
	}
}

func (c *call) showRehearsal() (any, error) {
	r, err := c.lastRehearsal()
	if r == nil && err == nil {
		return rehearsalOut{Reply: ok("no upgrade of " + c.instance.ID + " was rehearsed yet")}, nil
	}
	return rehearsalOut{ok("the instance itself is not touched"), r}, err
}

// lastRehearsal is the last one of the instance, nil when none was begun yet. One
// that nobody carries on was ended by the agent's own end.
func (c *call) lastRehearsal() (*Rehearsal, error) {
	text, err := c.Store.Setting(c, rehearsalSetting+c.instance.ID)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		return nil, err
	}
	if r.Stage != RehearsalEnded && c.Changes.Holder(r.Clone) == "" {
		r.Stage, r.Problem = RehearsalEnded, "the agent ended before the rehearsal did; what is left of the clone is removed by itself"
	}
	return r, nil
}
