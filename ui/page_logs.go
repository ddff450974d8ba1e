package ui

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// shownLines is how many lines of the logs a page shows, the newest.
const shownLines = 500

func (c *call) logsPage() (any, error) {
	of, err := c.of("logs")
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	p := &panel.Logs{Frame: c.framed("fleet", c.instance.Name), Of: of, Query: strings.TrimSpace(clip(q.Get("q"), 200)), Service: q.Get("service"),
		Level: cmp.Or(q.Get("level"), "debug"), Range: q.Get("range"), Services: core.Services}
	p.Stream = url.Values{"service": {p.Service}, "level": {p.Level}, "tail": {"1"}}.Encode()
	out, err := c.showLogs()
	if err != nil {
		return nil, err
	}
	found := out.(logsOut)
	p.Notes, p.Errors, p.Warnings = found.Notes, found.Summary.Errors, found.Summary.Warnings
	for _, l := range found.Logs {
		if p.Query == "" || strings.Contains(strings.ToLower(l.Message+" "+l.Code), strings.ToLower(p.Query)) {
			p.Lines = append(p.Lines, panel.LogLine{At: l.At, Service: l.Service, Level: l.Level, Message: l.Message, Code: l.Code})
		}
	}
	p.Found = len(p.Lines)
	p.Lines = p.Lines[max(0, len(p.Lines)-shownLines):]
	return p, nil
}
