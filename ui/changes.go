package ui

import (
	"context"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
)

type changesOut struct {
	Reply
	Changes []core.Change `json:"changes"`
}

type journalLine struct {
	Seq     int        `json:"seq"`
	Step    string     `json:"step"`
	At      time.Time  `json:"at"`
	Done    *time.Time `json:"done"`
	Outcome string     `json:"outcome"`
}

type changeOut struct {
	Reply
	Change  core.Change   `json:"change"`
	Journal []journalLine `json:"journal"`
	CanUndo bool          `json:"can_undo"`
	URL     string        `json:"change_url"`
}

type planOut struct {
	Reply
	Plan core.Plan `json:"plan"`
}

func (c *call) listChanges() (any, error) {
	limit, err := c.number("limit", 100, 1000)
	if err != nil {
		return nil, err
	}
	list, err := c.Store.Changes(c, c.instance.ID, limit)
	for i := range list {
		list[i] = whole(list[i])
	}
	return changesOut{ok(""), list}, err
}

func (c *call) showChange() (any, error) { return c.change(c.Param("cid"), "") }

// change answers with a change and its journal as they are now.
func (c *call) change(id, message string) (any, error) {
	ch, err := c.Store.Change(c, id)
	if err != nil {
		return nil, err
	}
	steps, err := c.Store.Journal(c, id)
	out := changeOut{ok(message), whole(ch), []journalLine{}, c.CanUndo(ch), "/api/changes/" + id}
	for _, e := range steps {
		l := journalLine{e.Seq, e.Step, e.At, nil, e.Outcome}
		if !e.Done.IsZero() {
			l.Done = &e.Done
		}
		out.Journal = append(out.Journal, l)
	}
	return out, err
}

// whole gives a change empty lists where it has none, so that clients need not
// ask.
func whole(c core.Change) core.Change {
	for _, o := range []*core.Outlook{&c.Before, &c.After} {
		o.RootCauses, o.Critical = listed(o.RootCauses), listed(o.Critical)
	}
	c.Plan = wholePlan(c.Plan)
	return c
}

func wholePlan(p core.Plan) core.Plan {
	p.Actions, p.Diff, p.Claims = listed(p.Actions), listed(p.Diff), listed(p.Claims)
	if p.Basis == nil {
		p.Basis = map[string]string{}
	}
	return p
}

func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// begin starts a change and answers with it.
func (c *call) begin(job queue.Job) (any, error) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Minute)
	defer cancel()
	id, err := c.Changes.Start(ctx, c.instance.ID, job)
	if err != nil {
		return nil, err
	}
	c.Header("Location", "/api/changes/"+id)
	return c.change(id, "the change is under way")
}

// mayChange refuses what would be refused anyway, before work is put into it.
func (c *call) mayChange() error {
	if id := c.Changes.Holder(c.instance.ID); id != "" {
		return core.Errorf(core.Conflict, "change %s is under way on %s", id, c.instance.ID)
	}
	if c.instance.Mode != core.Control {
		return &core.Error{Code: core.Forbidden, Message: c.instance.ID + " is only observed", Hint: `an admin switches it with PATCH {"mode":"control"}`}
	}
	return nil
}

func operate(what Operation) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if err := c.mayChange(); err != nil {
			return nil, err
		}
		return c.begin(c.Operate(c.instance, what, c.who.actor()))
	}
}

// order reads how to repair, without what only applying needs.
func (c *call) order() (RepairOrder, error) {
	var o RepairOrder
	if err := c.body(&o); err != nil {
		return o, err
	}
	if o.Playbook == "" && o.Finding == "" {
		return o, core.Errorf(core.Invalid, "name a playbook, a finding, or both")
	}
	return o, nil
}

func (c *call) planRepair() (any, error) {
	o, err := c.order()
	if err != nil {
		return nil, err
	}
	p, err := c.Plan(c.Request.Context(), c.instance, o)
	return planOut{ok("nothing is changed; apply it with its plan_hash"), wholePlan(p)}, err
}

func (c *call) repair() (any, error) {
	o, err := c.order()
	if err != nil {
		return nil, err
	}
	if o.PlanHash == "" {
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/repairs/plan shows the plan and its hash")
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.Repair(c.instance, o, c.who.actor()))
}

func (c *call) undo() (any, error) {
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	return c.begin(c.Undo(c.Param("cid"), c.who.actor()))
}
