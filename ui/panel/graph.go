package panel

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/basewright/basewright/core"
)

// Graph is the services of an instance and how each is.
type Graph struct {
	Nodes map[core.Service]core.Status
}

// place is where a service stands in the drawing: those that users meet on the
// left, what all rest on to the right.
var place = map[core.Service][2]int{
	core.Gateway: {0, 2}, core.Studio: {0, 4},
	core.Auth: {1, 0}, core.Rest: {1, 1}, core.Realtime: {1, 2}, core.Storage: {1, 3}, core.Functions: {1, 4}, core.Meta: {1, 5},
	core.DB: {2, 1}, core.Pooler: {2, 2}, core.Imgproxy: {2, 3}, core.Analytics: {2, 4}, core.Vector: {2, 5},
}

// leans says which services each rests on.
var leans = []struct{ from, to core.Service }{
	{core.Gateway, core.Auth}, {core.Gateway, core.Rest}, {core.Gateway, core.Realtime}, {core.Gateway, core.Storage}, {core.Gateway, core.Functions}, {core.Gateway, core.Meta},
	{core.Studio, core.Meta}, {core.Auth, core.DB}, {core.Rest, core.DB}, {core.Realtime, core.DB}, {core.Storage, core.DB}, {core.Meta, core.DB},
	{core.Storage, core.Imgproxy}, {core.Pooler, core.DB}, {core.Vector, core.Analytics},
}

const (
	nodeWide, nodeTall = 92, 28
	columnStep         = 122
	rowStep            = 38
)

// graph draws the services, each with its state as colour, mark and word.
func (l Lang) graph(g Graph) template.HTML {
	if len(g.Nodes) == 0 {
		return ""
	}
	var b strings.Builder
	corner := func(s core.Service) (x, y int) { return 1 + place[s][0]*columnStep, 1 + place[s][1]*rowStep }
	for _, e := range leans {
		from, has := g.Nodes[e.from]
		_, too := g.Nodes[e.to]
		if !has || !too {
			continue
		}
		x1, y1 := corner(e.from)
		x2, y2 := corner(e.to)
		fmt.Fprintf(&b, `<path class="edge %s" d="%s"/>`, edgeClass(from, g.Nodes[e.to]), curve(x1, y1, x2, y2))
	}
	for _, s := range core.Services {
		status, has := g.Nodes[s]
		if !has {
			continue
		}
		x, y := corner(s)
		fmt.Fprintf(&b, `<g class="node %s"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="5"/><svg x="%d" y="%d" width="12" height="12" viewBox="0 0 16 16" class="icon">%s</svg><text x="%d" y="%d">%s</text></g>`,
			status, template.HTMLEscapeString(string(s)+": "+l.T("status."+string(status))), x, y, nodeWide, nodeTall, x+8, y+8, icons[string(status)], x+26, y+18, s)
	}
	return template.HTML(fmt.Sprintf(`<figure class="services"><svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg></figure>`, //nolint:gosec // services and statuses are our own words
		2*columnStep+nodeWide+2, 5*rowStep+nodeTall+2, template.HTMLEscapeString(l.graphWords(g)), b.String()))
}

func edgeClass(from, to core.Status) string {
	if to == core.Unhealthy && from != core.Healthy {
		return "broken"
	}
	return ""
}

// curve leads from one node to another; within a column it goes straight.
func curve(x1, y1, x2, y2 int) string {
	middle := nodeTall / 2
	if x1 == x2 {
		if y1 > y2 {
			y1, y2 = y2, y1
		}
		return fmt.Sprintf("M%d %dV%d", x1+nodeWide/2, y1+nodeTall, y2)
	}
	half := (x2 - x1 - nodeWide) / 2
	a, z := x1+nodeWide, x2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", a, y1+middle, a+half, y1+middle, z-half, y2+middle, z, y2+middle)
}

func (l Lang) graphWords(g Graph) string {
	var words []string
	for _, s := range core.Services {
		if status, has := g.Nodes[s]; has {
			words = append(words, string(s)+": "+l.T("status."+string(status)))
		}
	}
	return l.T("graph.label") + " " + strings.Join(words, ", ")
}
