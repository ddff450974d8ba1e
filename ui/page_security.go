package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// aboutSafety reports whether a finding is about secrets, open doors, or what
// stacks share.
func aboutSafety(f core.Finding) bool {
	return f.Category == core.Isolation || strings.HasPrefix(f.Code, "SEC-")
}

// securityPage gathers what the last diagnoses say of the safety of all.
func (c *call) securityPage() (any, error) {
	p := &panel.Security{Frame: c.framed("security", "")}
	p.Title = p.Lang.T("nav.security")
	all, err := c.Store.Instances(c)
	if err != nil {
		return nil, err
	}
	groups := map[string]*panel.Group{}
	for _, i := range all {
		d, err := c.Store.LastDiagnosis(c, i.ID)
		if core.CodeOf(err) == core.NotFound && err != nil {
			p.Blind = append(p.Blind, i)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, f := range d.Findings {
			if !aboutSafety(f) {
				continue
			}
			g := groups[f.Code]
			if g == nil {
				e, _ := c.explain(f.Code)
				g = &panel.Group{Code: f.Code, Title: p.Lang.Title(f.Code, cmp.Or(e.Title, f.Title)), Do: e.Do, Severity: f.Severity}
				groups[f.Code] = g
			}
			if f.Severity.AtLeast(g.Severity) {
				g.Severity = f.Severity
			}
			g.Hits = append(g.Hits, panel.Hit{Finding: f, Instance: i.ID, Name: i.Name})
		}
	}
	for _, g := range groups {
		p.Groups = append(p.Groups, *g)
	}
	slices.SortFunc(p.Groups, func(a, b panel.Group) int {
		return cmp.Or(badness[statusOf(a.Severity)]-badness[statusOf(b.Severity)], len(b.Hits)-len(a.Hits), strings.Compare(a.Code, b.Code))
	})
	return p, nil
}
