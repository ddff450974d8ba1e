package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/logs"
)

// Bounds of an answer with logs.
const (
	mostLines = 5000
	mostTail  = 5000
)

type logLine struct {
	At      time.Time         `json:"ts"`
	Service core.Service      `json:"service"`
	Level   logs.Level        `json:"level"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields"`
	Code    string            `json:"code"`
}

func lineOf(e logs.Entry) logLine {
	l := logLine{e.At.UTC(), e.Service, e.Level, e.Message, map[string]string{}, e.Code}
	for _, f := range e.Fields {
		l.Fields[f.Key] = f.Value
	}
	return l
}

type logsOut struct {
	Reply
	Logs    []logLine `json:"logs"`
	Notes   []string  `json:"notes" doc:"what is left out"`
	Summary struct {
		Total    int `json:"total_entries"`
		Errors   int `json:"error_count"`
		Warnings int `json:"warning_count"`
	} `json:"summary"`
}

// logQuery reads which lines are wanted.
func (c *call) logQuery() (LogQuery, error) {
	q := LogQuery{Level: logs.Level(c.DefaultQuery("level", string(logs.Debug)))}
	for _, s := range strings.Split(c.Query("services")+","+c.Query("service"), ",") {
		if s = strings.TrimSpace(s); s != "" && s != "all" {
			q.Services = append(q.Services, clip(s, 60))
		}
	}
	if c.Query("level") == "all" {
		q.Level = logs.Debug
	}
	if !slices.Contains(logs.Levels, q.Level) {
		return q, core.Errorf(core.Invalid, "level=%q is not one of: debug, info, warning, error, fatal", clip(string(q.Level), 20))
	}
	var err error
	if q.Range, err = c.span("range"); err != nil {
		return q, err
	}
	if c.Query("tail") != "" {
		q.Tail, err = c.number("tail", 0, mostTail)
	}
	return q, err
}

func (c *call) showLogs() (any, error) {
	q, err := c.logQuery()
	if err != nil {
		return nil, err
	}
	return c.logged(q)
}

// logged returns the lines that a query asks for.
func (c *call) logged(q LogQuery) (logsOut, error) {
	out := logsOut{Reply: ok(""), Logs: []logLine{}, Notes: []string{}}
	cut := false
	err := c.Logs(c.Request.Context(), c.instance, q, func(e logs.Entry) error {
		out.Summary.Total++
		switch {
		case e.Level.AtLeast(logs.Error):
			out.Summary.Errors++
		case e.Level == logs.Warning:
			out.Summary.Warnings++
		}
		if len(out.Logs) == mostLines {
			out.Logs, cut = append(out.Logs[:0], out.Logs[mostLines/2:]...), true
		}
		out.Logs = append(out.Logs, lineOf(e))
		return nil
	}, func(note string) { out.Notes = append(out.Notes, note) })
	if cut {
		out.Notes = append(out.Notes, "older lines are left out; ask for a shorter range or a higher level")
	}
	return out, err
}
