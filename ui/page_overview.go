package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
	"github.com/basewright/basewright/ui/report"
)

func (c *call) overviewPage() (any, error) {
	of, err := c.of("overview")
	if err != nil {
		return nil, err
	}
	p := &panel.Overview{Frame: c.framed("fleet", c.instance.Name), Of: of}
	shots, err := c.Store.Snapshots(c, c.instance.ID)
	if err != nil {
		return nil, err
	}
	if len(shots) > 0 {
		p.Snapshot = &shots[0].Created
	}
	d, err := c.Store.LastDiagnosis(c, c.instance.ID)
	if core.CodeOf(err) == core.NotFound {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	c.tell(p, &d)
	p.Graph, err = c.graph(&d)
	return p, err
}

// tell writes a diagnosis onto the page.
func (c *call) tell(p *panel.Overview, d *core.Diagnosis) {
	p.Known, p.Depth, p.Took, p.At = true, d.Mode, time.Duration(d.DurationMS)*time.Millisecond, d.Timestamp
	p.Unknowns = d.Unknowns
	s := report.Arrange(d, c.explain)
	for _, k := range s.Causes {
		p.Causes = append(p.Causes, c.cause(p, k))
	}
	for _, k := range s.Remarks {
		p.Remarks = append(p.Remarks, c.cause(p, k))
	}
	p.Summary = summary(p.Lang, s)
	for _, category := range core.Categories {
		p.Cards = append(p.Cards, cardOf(p.Lang, category, d))
	}
	if s := d.Since; s != nil && s.Baseline != nil && len(s.Changes) > 0 && len(p.Causes) > 0 {
		var names []string
		for _, drift := range s.Changes[:min(len(s.Changes), 6)] {
			names = append(names, drift.Area+" "+drift.Name)
		}
		p.Since = p.Lang.T("overview.since", "n", len(s.Changes), "ago", p.Lang.Ago(c.Now().Sub(s.Baseline.At)), "what", core.Printable(strings.Join(names, ", ")))
	}
}

// explain returns what a code means.
func (c *call) explain(code string) (core.Explanation, bool) {
	e, _, ok := core.Explained(c.Checks(), code)
	return e, ok
}

// cause puts a finding into the words of the page.
func (c *call) cause(p *panel.Overview, k report.Cause) panel.Cause {
	m := p.Lang.Meaning(k.Code, k.Meaning)
	out := panel.Cause{C: k, Instance: c.instance.ID, May: p.Of.May.Repair, Title: p.Lang.Title(k.Code, k.Title), What: cmp.Or(m.What, k.Explanation),
		Breaks: m.Breaks, Do: m.Do, Data: m.Data}
	if out.Title != k.Title && k.Title != k.Meaning.Title {
		out.Said = k.Title
	}
	out.C.Symptoms = slices.Clone(k.Symptoms)
	for i, s := range k.Symptoms {
		out.C.Symptoms[i].Title = p.Lang.Title(s.Code, s.Title)
	}
	if k.Service != "" && k.Service != core.Host {
		out.Logs = string(k.Service)
	}
	return out
}

// summary says in a sentence what was found.
func summary(l panel.Lang, s report.Stack) string {
	counts := map[string]int{"info": len(s.Remarks), "unknown": len(s.Unknowns)}
	for _, k := range s.Causes {
		counts[string(k.Severity)]++
	}
	var parts []string
	for _, what := range []string{"critical", "warning", "info", "unknown"} {
		if n := counts[what]; n > 0 {
			parts = append(parts, l.T("summary."+what, "n", n))
		}
	}
	if len(parts) == 0 {
		return l.T("summary.nothing")
	}
	return strings.Join(parts, ", ") + "."
}

// cardOf sums up a category: the worst of what was found in it.
func cardOf(l panel.Lang, category core.Category, d *core.Diagnosis) panel.Card {
	card := panel.Card{Category: category, Status: core.Healthy, Words: l.T("category.ok")}
	result, looked := d.Results[category]
	found := 0
	for _, f := range d.Findings {
		if !f.CountsIn(category) || !f.Severity.AtLeast(core.Warning) {
			continue
		}
		found++
		card.Status = core.WorseStatus(card.Status, statusOf(f.Severity))
	}
	switch {
	case !looked:
		card.Status, card.Words = core.Unknown, l.T("category.unlooked")
	case found > 0:
		card.Words = l.T("category.findings", "n", found)
	case !result.Healthy && strings.HasPrefix(result.Status, "unknown"):
		card.Status, card.Words = core.Unknown, l.T("category.blind")
	}
	return card
}

func statusOf(s core.Severity) core.Status {
	switch s {
	case core.Critical:
		return core.Unhealthy
	case core.Warning:
		return core.Degraded
	}
	return core.Healthy
}

// graph draws the services that the diagnosis saw, and those that something was
// found in. Where none was seen they are those of when the instance was last healthy,
// and nothing is known of them.
func (c *call) graph(d *core.Diagnosis) (panel.Graph, error) {
	g := panel.Graph{Nodes: map[core.Service]core.Status{}}
	for _, s := range d.Services {
		g.Nodes[s] = core.Healthy
	}
	if len(d.Services) == 0 {
		b, err := c.Store.Baseline(c, c.instance.ID)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return g, err
		}
		for name := range b.Features["image"] {
			g.Nodes[core.Service(name)] = core.Unknown
		}
	}
	for _, f := range d.Findings {
		for _, s := range append([]core.Service{f.Service}, f.Affects...) {
			if s != "" && s != core.Host && f.Severity.AtLeast(core.Warning) {
				g.Nodes[s] = core.WorseStatus(g.Nodes[s], statusOf(f.Severity))
			}
		}
	}
	return g, nil
}
