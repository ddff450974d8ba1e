package ui

import (
	"errors"
	"net/url"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// takePrefix begins the names of decisions in an address or a form.
const takePrefix = "take."

func (c *call) upgradePage() (any, error) {
	return c.upgradeWith(UpgradeOrder{To: clip(c.Query("to"), 40)}, nil)
}

// upgradeWith is the page with the ways that an instance can go, and with what is in
// the way of an order.
func (c *call) upgradeWith(o UpgradeOrder, trouble error) (any, error) {
	of, err := c.of("")
	if err != nil {
		return nil, err
	}
	p := &panel.Upgrade{Frame: c.framed("fleet", ""), Of: of, To: o.To}
	p.Title = p.Lang.T("upgrade.title", "name", core.Printable(c.instance.Name))
	ways, err := c.Ways(c, c.instance)
	if trouble == nil {
		trouble = err
	}
	if undecided, ok := errors.AsType[*Undecided](trouble); ok {
		p.Conflicts = conflictsOf(undecided.Conflicts)
	} else if trouble != nil {
		told := problemOf(trouble)
		if p.Problem = told.Detail; told.Status >= 500 && core.CodeOf(trouble) != core.Unreachable {
			return nil, trouble
		}
		if e, ok := errors.AsType[*core.Error](trouble); ok && e.Err == nil && e.Hint != "" {
			p.Problem, p.Hint = e.Message, e.Hint
		}
	}
	p.From, p.How = ways.From, ways.How
	for _, w := range ways.Ways {
		way := panel.UpgradeWay{To: w.To, Chosen: w.To == o.To}
		for _, n := range w.Breaking {
			way.Breaking = append(way.Breaking, panel.UpgradeNews(n))
		}
		p.Ways = append([]panel.UpgradeWay{way}, p.Ways...) // the newest first
	}
	if len(p.Ways) > 0 && o.To == "" {
		p.Ways[0].Chosen = true
	}
	p.Rehearsal, err = c.rehearsalShown()
	return p, err
}

// conflictsOf puts the places together that one decision is about: a setting of the
// .env, or a whole file.
func conflictsOf(all []UpgradeConflict) []panel.UpgradeConflict {
	var out []panel.UpgradeConflict
	for _, x := range all {
		name := x.File
		if x.File == ".env" {
			name, x.Where = name+" "+x.Where, ""
		}
		if n := len(out); n == 0 || out[n-1].Name != name {
			out = append(out, panel.UpgradeConflict{Name: name})
		}
		last := &out[len(out)-1]
		last.Places = append(last.Places, panel.UpgradePlace{Where: x.Where, Base: x.Base, Ours: x.Ours, Theirs: x.Theirs})
	}
	return out
}

// rehearsalShown is the last rehearsal as the page shows it, nil when there was none.
func (c *call) rehearsalShown() (*panel.Rehearsal, error) {
	r, err := c.lastRehearsal()
	if r == nil || err != nil {
		return nil, err
	}
	out := &panel.Rehearsal{To: r.To, Stage: string(r.Stage), Well: r.Well, Problem: r.Problem, Actor: r.Actor, Begun: r.Begun}
	if r.Ended != nil {
		out.Ended = *r.Ended
	}
	for _, id := range []string{r.Making, r.Upgrading} {
		if _, err := c.Store.Change(c, id); id != "" && err == nil && c.who.may(core.MayAdmin, core.EveryInstance) {
			out.Changes = append(out.Changes, id)
		}
	}
	if r.Change != nil {
		out.State, out.Reason = r.Change.State, r.Change.Reason
	}
	if r.Diagnosis != nil {
		out.Status = r.Diagnosis.Status
		for _, f := range r.Diagnosis.Findings {
			if f.Severity != core.Info {
				out.Findings = append(out.Findings, panel.Complaint{Text: f.Code + ": " + f.Title})
			}
		}
	}
	return out, nil
}

// upgradeOrder reads the form, which comes in the address or as a body.
func upgradeOrder(values url.Values) UpgradeOrder {
	o := UpgradeOrder{To: strings.TrimSpace(values.Get("to")), PlanHash: values.Get("plan_hash"), Confirm: strings.TrimSpace(values.Get("confirm"))}
	for name := range values {
		if what, is := strings.CutPrefix(name, takePrefix); is && values.Get(name) != "" {
			if o.Take == nil {
				o.Take = map[string]string{}
			}
			o.Take[what] = values.Get(name)
		}
	}
	return o
}

// upgradePlanPage shows what the upgrade would do, or what a person decides first.
func (c *call) upgradePlanPage() (any, error) {
	return c.upgradePlan(upgradeOrder(c.Request.URL.Query()), "")
}

func (c *call) upgradePlan(o UpgradeOrder, problem string) (any, error) {
	o.PlanHash, o.Confirm = "", ""
	c.given = o
	out, err := c.planUpgrade()
	if code := core.CodeOf(err); code == core.Invalid || code == core.Conflict || code == core.Unreachable {
		return c.upgradeWith(o, err)
	}
	if err != nil {
		return nil, err
	}
	p, err := c.planPage("upgrade", out.(planOut).Plan)
	if err != nil {
		return nil, err
	}
	p.Problem, p.Typed, p.Action, p.Back = problem, true, c.home()+"/upgrade", c.home()+"/upgrade?to="+url.QueryEscape(o.To)
	if c.who.may(core.MayAdmin, core.EveryInstance) {
		p.Rehearse = c.home() + "/upgrade/rehearsal"
	}
	p.Hidden = []panel.Field{{Name: "to", Value: o.To}, {Name: "plan_hash", Value: p.Plan.Hash}}
	for what, side := range o.Take {
		p.Hidden = append(p.Hidden, panel.Field{Name: takePrefix + what, Value: side})
	}
	p.Rehearsal, err = c.rehearsalShown()
	if p.Rehearsal != nil && p.Rehearsal.To != o.To {
		p.Rehearsal = nil
	}
	return p, err
}

// upgradeByForm applies the plan that was looked at. When the world changed since, or
// what was typed is not the instance's id, the plan is shown again, and why.
func (c *call) upgradeByForm() (any, error) { return c.upgradeStarted((*call).upgrade) }

// rehearseByForm tries the plan with a clone; the page of upgrades shows how that goes.
func (c *call) rehearseByForm() (any, error) { return c.upgradeStarted((*call).rehearse) }

func (c *call) upgradeStarted(begin func(*call) (any, error)) (any, error) {
	if err := c.Request.ParseForm(); err != nil {
		return nil, core.Errorf(core.Invalid, "the form cannot be read")
	}
	o := upgradeOrder(c.Request.PostForm)
	c.given = o
	out, err := begin(c)
	if code := core.CodeOf(err); (code == core.Conflict || code == core.Invalid) && o.PlanHash != "" && c.Changes.Holder(c.instance.ID) == "" {
		return c.upgradePlan(o, problemOf(err).Detail)
	}
	if _, tried := out.(rehearsalOut); tried && err == nil {
		return c.goTo(c.home()+"/upgrade?to="+url.QueryEscape(o.To)+"#upgrade-rehearsal", "")
	}
	return c.follow(out, err)
}
