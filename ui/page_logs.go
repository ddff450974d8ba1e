package ui

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

const (
	shownLines = 500             // of the logs, the newest or those around one
	nearEnough = 2 * time.Second // a line that was logged then is the one that was meant
)

func (c *call) logsPage() (any, error) {
	of, err := c.of("logs")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	p := &panel.Logs{Frame: c.framed("fleet", c.instance.Name), Of: of, Query: strings.TrimSpace(clip(q.Get("q"), 200)), Service: q.Get("service"),
		Level: cmp.Or(q.Get("level"), "debug"), Range: q.Get("range"), Services: core.Services}
	p.Stream = url.Values{"service": {p.Service}, "level": {p.Level}, "tail": {"1"}}.Encode()
	want, err := c.logQuery()
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, cmp.Or(q.Get("at"), time.Time{}.Format(time.RFC3339)))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "at=%q is not a moment such as 2026-01-31T22:00:00Z", clip(q.Get("at"), 40))
	}
	if !at.IsZero() && want.Range == 0 {
		want.Range = max(c.Now().Sub(at), 0) + time.Minute
	}
	found, err := c.logged(want)
	if err != nil {
		return nil, err
	}
	if n := len(found.Logs); n > 0 {
		p.After = moment(found.Logs[n-1].At)
	}
	p.Notes, p.Errors, p.Warnings = found.Notes, found.Summary.Errors, found.Summary.Warnings
	for _, l := range found.Logs {
		if p.Query == "" || strings.Contains(strings.ToLower(l.Message+" "+l.Code), strings.ToLower(p.Query)) {
			p.Lines = append(p.Lines, panel.LogLine{At: l.At, Service: l.Service, Level: l.Level, Message: l.Message, Code: l.Code})
		}
	}
	p.Found = len(p.Lines)
	end := len(p.Lines)
	if !at.IsZero() {
		n := nearest(p.Lines, at)
		if p.Missed = n < 0; !p.Missed {
			p.Lines[n].Meant = true
			end = min(end, n+shownLines/2)
		}
	}
	p.Lines = p.Lines[max(0, end-shownLines):end]
	return p, nil
}

// nearest is the line that was logged at a moment, or -1.
func nearest(lines []panel.LogLine, at time.Time) int {
	best, far := -1, nearEnough+1
	for i, l := range lines {
		if d := l.At.Sub(at).Abs(); d < far {
			best, far = i, d
		}
	}
	return best
}
