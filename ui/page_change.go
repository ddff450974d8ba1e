package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
)

// paramPrefix begins the names of a playbook's parameters in an address or a
// form.
const paramPrefix = "param."

// fixPage shows the plan that mends a finding.
func (c *call) fixPage() (any, error) {
	return c.fixPlan(RepairOrder{Playbook: c.Query("playbook"), Finding: c.Query("finding"), Params: paramsOf(c.Request.URL.Query())}, "")
}

func (c *call) fixPlan(o RepairOrder, problem string) (any, error) {
	c.given = o
	out, err := c.planRepair()
	if err != nil {
		return nil, err
	}
	plan := out.(planOut).Plan
	p, err := c.planPage("repair", plan)
	if err != nil {
		return nil, err
	}
	p.Problem, p.Action, p.Typed = problem, c.home()+"/fix", plan.Risk == core.HighRisk
	p.Hidden = []panel.Field{{Name: "finding", Value: o.Finding}, {Name: "playbook", Value: plan.Playbook}, {Name: "plan_hash", Value: plan.Hash}}
	books, _, err := c.Playbooks(c.Request.Context())
	if err != nil {
		return nil, err
	}
	if n := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == plan.Playbook }); n >= 0 {
		for name, param := range books[n].Params {
			p.Params = append(p.Params, panel.Param{Name: name, Value: o.Params[name], Default: param.Default, Help: param.Help})
		}
		slices.SortFunc(p.Params, func(a, b panel.Param) int { return strings.Compare(a.Name, b.Name) })
	}
	p.ParamsOpen = len(o.Params) > 0
	return p, nil
}

func paramsOf(values url.Values) map[string]string {
	params := map[string]string{}
	for name := range values {
		if param, is := strings.CutPrefix(name, paramPrefix); is && values.Get(name) != "" {
			params[param] = values.Get(name)
		}
	}
	return params
}

// planPage is a plan before it is approved.
func (c *call) planPage(kind string, plan core.Plan) (*panel.Plan, error) {
	of, err := c.of("")
	if err != nil {
		return nil, err
	}
	p := &panel.Plan{Frame: c.framed("fleet", ""), Of: of, Kind: kind, Plan: plan, Back: c.home(), Allowed: of.Mode == core.Control}
	p.Title = c.planTitle(p.Lang)(plan)
	return p, nil
}

// applyFix applies the plan that was looked at. When the world changed since,
// the new plan is shown, and why.
func (c *call) applyFix() (any, error) {
	if err := c.Request.ParseForm(); err != nil {
		return nil, core.Errorf(core.Invalid, "the form cannot be read")
	}
	o := RepairOrder{Playbook: c.PostForm("playbook"), Finding: c.PostForm("finding"), Params: paramsOf(c.Request.PostForm),
		PlanHash: c.PostForm("plan_hash"), Confirm: strings.TrimSpace(c.PostForm("confirm"))}
	c.given = o
	out, err := c.repair()
	if code := core.CodeOf(err); (code == core.Conflict || code == core.Invalid) && c.Changes.Holder(c.instance.ID) == "" && o.PlanHash != "" {
		o.PlanHash, o.Confirm = "", ""
		return c.fixPlan(o, problemOf(err).Detail)
	}
	return c.follow(out, err)
}

func (c *call) changePage() (any, error) {
	out, err := c.change(c.Param("cid"), "")
	if err != nil {
		return nil, err
	}
	ch := out.(changeOut)
	p := &panel.Change{Frame: c.framed("fleet", ""), Instance: ch.Change.Instance, C: ch.Change, Evidence: ch.Change.Before.Evidence,
		CanUndo: ch.CanUndo && c.who.may(core.MayRepair, ch.Change.Instance) && c.instance.Mode == core.Control}
	p.Title = c.planTitle(p.Lang)(ch.Change.Plan)
	for _, l := range ch.Journal {
		s := panel.Step{Step: l.Step, Outcome: l.Outcome, At: l.At, State: "ok"}
		switch {
		case l.Done == nil && ch.Change.State.Ended():
			s.State, s.Outcome = "bad", cmp.Or(l.Outcome, "it was not finished")
		case l.Done == nil:
			s.State = "now"
		default:
			s.Took = l.Done.Sub(l.At)
			if l.Outcome != "ok" {
				s.State = "bad"
			}
		}
		p.Steps = append(p.Steps, s)
	}
	return p, nil
}

func (c *call) undoChange() (any, error) { return c.follow(c.undo()) }

// listPage is how many lines the lists of an instance show at once.
const listPage = 30

func (c *call) changesPage() (any, error) {
	of, err := c.of("changes")
	if err != nil {
		return nil, err
	}
	p := &panel.Changes{Frame: c.framed("fleet", c.instance.Name), Of: of}
	all, err := c.Store.Changes(c, c.instance.ID, 1000)
	if err != nil {
		return nil, err
	}
	n, err := c.number("page", 1, 1_000_000)
	p.Pager, p.Changes = paged(c.Request.URL, all, n, listPage)
	called := c.planTitle(p.Lang)
	for i := range p.Changes {
		p.Changes[i].Plan.Title = called(p.Changes[i].Plan)
	}
	return p, err
}

const historyDays = 30

func (c *call) historyPage() (any, error) {
	of, err := c.of("history")
	if err != nil {
		return nil, err
	}
	p := &panel.History{Frame: c.framed("fleet", c.instance.Name), Of: of, Days: historyDays}
	looks, err := c.Store.Diagnoses(c, c.instance.ID, 100)
	if err != nil || len(looks) == 0 {
		return p, err
	}
	r, err := queue.MakeReport(c, c.Store, c.instance.ID, historyDays, c.Now())
	if err != nil {
		return nil, err
	}
	p.Uptime, p.Total, p.MeanRepair, p.Unproven = r.Uptime, r.Total, r.MeanRepair, r.Unproven
	for _, n := range r.Issues[:min(len(r.Issues), 8)] {
		e, _ := c.explain(n.Code)
		p.Often = append(p.Often, panel.Count{Code: n.Code, Title: p.Lang.Title(n.Code, e.Title), Count: n.Count})
	}
	p.Timeline.From, p.Timeline.To = looks[len(looks)-1].Timestamp, c.Now().UTC()
	for _, d := range slices.Backward(looks) {
		p.Timeline.Looks = append(p.Timeline.Looks, panel.Look{At: d.Timestamp, Status: d.Status, Causes: d.RootCauses})
	}
	changes, err := c.Store.Changes(c, c.instance.ID, 100)
	if err != nil {
		return nil, err
	}
	called := c.planTitle(p.Lang)
	for _, ch := range changes {
		if ch.Created.After(p.Timeline.From) {
			p.Timeline.Marks = append(p.Timeline.Marks, panel.Mark{At: ch.Created, ID: ch.ID, Title: called(ch.Plan), State: ch.State})
		}
	}
	n, err := c.number("page", 1, 1_000_000)
	p.Pager, p.Looks = paged(c.Request.URL, looks, n, listPage)
	return p, err
}
