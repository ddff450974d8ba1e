package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// exposing are the categories of what the page of isolation tells.
var exposing = []core.Category{core.Isolation, core.Configuration}

// shownEvidence is how many lines of proof that page has of each finding.
const shownEvidence = 2

// exposures are the findings of a diagnosis that lay a stack open, each with a
// little of its proof.
func exposures(d *core.Diagnosis) []core.Finding {
	var list []core.Finding
	for _, f := range d.Findings {
		if !slices.Contains(exposing, f.Category) && !strings.HasPrefix(f.Code, "SEC-") {
			continue
		}
		list = append(list, core.Finding{Code: f.Code, Title: f.Title, Severity: f.Severity, Category: f.Category,
			Evidence: f.Evidence[:min(len(f.Evidence), shownEvidence)]})
	}
	return list
}

func (c *call) securityPage() (any, error) {
	p := &panel.Security{Frame: c.framed("security", ""), Query: strings.TrimSpace(clip(c.Query("q"), 100)), Category: c.Query("category"), Categories: exposing}
	p.Title = p.Lang.T("nav.security")
	mine, glances, err := c.visible()
	if err != nil {
		return nil, err
	}
	groups := map[string]*panel.Exposure{}
	for _, i := range mine {
		at := panel.Choice{ID: i.ID, Name: i.Name}
		g, looked := glances[i.ID]
		if !looked {
			p.Blind = append(p.Blind, at)
			continue
		}
		b, err := c.briefOf(g)
		if err != nil {
			return nil, err
		}
		p.Total++
		if !slices.ContainsFunc(b.exposed, func(f core.Finding) bool { return f.Severity.AtLeast(core.Warning) }) {
			p.Clean++
		}
		for _, f := range b.exposed {
			c.expose(p.Lang, groups, at, f)
		}
	}
	c.arrange(p, groups)
	// A part that is asked for again is about diagnoses; all stacks are looked at
	// when somebody wants that.
	if c.Query("stacks") != "" && p.Admin && partOf(c.Context) == "" {
		p.Together, err = c.together(p.Lang, mine)
	}
	return p, err
}

// together looks at all stacks of the host now, also at those that nobody
// adopted.
func (c *call) together(l panel.Lang, mine []core.Instance) (*panel.Together, error) {
	found, err := c.AuditStacks(c)
	if err != nil {
		return nil, err
	}
	out := &panel.Together{Stacks: found.Stacks}
	for _, k := range found.Concerns {
		concern := panel.Concern{ID: k.ID, Title: k.Title}
		for _, f := range k.Findings {
			s := panel.StackFinding{Stack: f.Stack, Code: f.Code, Title: l.Title(f.Code, f.Title), Severity: f.Severity, Evidence: f.Evidence[:min(len(f.Evidence), shownEvidence)], More: max(0, len(f.Evidence)-shownEvidence)}
			if n := slices.IndexFunc(mine, func(i core.Instance) bool { return i.Project == f.Stack }); n >= 0 {
				s.Instance = mine[n].ID
			}
			concern.Findings = append(concern.Findings, s)
		}
		out.Concerns = append(out.Concerns, concern)
	}
	return out, nil
}

// expose adds a finding to the group of its code.
func (c *call) expose(l panel.Lang, groups map[string]*panel.Exposure, at panel.Choice, f core.Finding) {
	g := groups[f.Code]
	if g == nil {
		e, _ := c.explain(f.Code)
		e = l.Meaning(f.Code, e)
		g = &panel.Exposure{Code: f.Code, Title: cmp.Or(e.Title, f.Title), Breaks: e.Breaks, Do: e.Do, Category: f.Category, Severity: f.Severity}
		groups[f.Code] = g
	}
	if f.Severity.AtLeast(g.Severity) {
		g.Severity = f.Severity
	}
	if n := len(g.Hits); n > 0 && g.Hits[n-1].ID == at.ID { // once more in the same stack
		g.Hits[n-1].Evidence = append(g.Hits[n-1].Evidence, f.Evidence...)
		return
	}
	g.Hits = append(g.Hits, panel.Hit{Choice: at, Evidence: slices.Clone(f.Evidence)})
}

// arrange puts what the filter leaves onto the page, the worst first.
func (c *call) arrange(p *panel.Security, groups map[string]*panel.Exposure) {
	for _, g := range groups {
		switch g.Severity {
		case core.Critical:
			p.Critical++
		case core.Warning:
			p.Warnings++
		}
		if p.Category != "" && string(g.Category) != p.Category {
			continue
		}
		own := strings.ToLower(g.Code + " " + g.Title)
		for _, h := range g.Hits {
			own += " " + strings.ToLower(h.ID+" "+h.Name)
		}
		if !slices.ContainsFunc(strings.Fields(strings.ToLower(p.Query)), func(word string) bool { return !strings.Contains(own, word) }) {
			p.Groups = append(p.Groups, *g)
		}
	}
	slices.SortFunc(p.Groups, func(a, b panel.Exposure) int {
		return cmp.Or(badness[statusOf(a.Severity)]-badness[statusOf(b.Severity)], len(b.Hits)-len(a.Hits), strings.Compare(a.Code, b.Code))
	})
}
