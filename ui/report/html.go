package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

//go:embed report.html
var source string

//go:embed head.html
var head string

// base is what every page may call; head is how it begins.
var base = template.FuncMap{
	"text":    text,
	"add":     func(a, b int) int { return a + b },
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// page is what the template shows.
type page struct {
	Tag    string // the language, as HTML names it
	Title  string
	Made   time.Time
	Host   []HostCause // what is wrong with the machine, for several of Stacks
	Stacks []Stack
	Tally  []tally
}

// one is a finding in its diagnosis.
type one struct {
	C Cause
	D *core.Diagnosis
}

// tally counts the instances of one status.
type tally struct {
	Status core.Status
	N      int
}

var pages = template.Must(template.Must(template.New("report").Funcs(base).Funcs(template.FuncMap{
	"plural":   plural,
	"join":     func(list []string) string { return strings.Join(list, ", ") },
	"stamp":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
	"took":     took,
	"area":     func(c core.Category) string { return strings.ReplaceAll(string(c), "_", " ") },
	"category": func() []core.Category { return core.Categories },
	"mark":     func(s core.Severity) string { return marks[s] },
	"first":    func(all []core.Evidence) []core.Evidence { return all[:min(len(all), shown)] },
	"rest":     func(all []core.Evidence) []core.Evidence { return all[min(len(all), shown):] },
	"of":       func(c Cause, d *core.Diagnosis) any { return one{c, d} },
	"alone":    func(c Cause) any { return one{c, &core.Diagnosis{}} },
}).Parse(source)).Parse(head))

// shown is how many lines of proof are not folded.
const shown = 4

var marks = map[core.Severity]string{core.Critical: "✕", core.Warning: "!", core.Info: "i"}

// text makes what came from outside harmless to read, and bounds it; that it is
// no markup is html/template's work.
func text(v any) string {
	const most = 2000
	s := fmt.Sprint(v)
	if len(s) > 4*most {
		s = s[:4*most]
	}
	r := []rune(core.Printable(s))
	if len(r) > most {
		r = append(r[:most], []rune(" …")...)
	}
	return string(r)
}

func took(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.1f s", float64(ms)/1000)
}

// HTML writes diagnoses as one page, the worst first.
func HTML(w io.Writer, made time.Time, diagnoses []*core.Diagnosis, explain Explain) error {
	p := page{Tag: "en", Made: made, Host: OfHost(diagnoses, explain), Title: "Diagnosis of " + plural(len(diagnoses), "instance", "instances")}
	if len(diagnoses) == 1 {
		p.Title = "Diagnosis of " + diagnoses[0].Project
	}
	for _, status := range []core.Status{core.Unhealthy, core.Degraded, core.Unknown, core.Healthy} {
		before := len(p.Stacks)
		for _, d := range diagnoses {
			if d.Status == status {
				s := Arrange(d, explain)
				s.Refer(p.Host)
				p.Stacks = append(p.Stacks, s)
			}
		}
		if n := len(p.Stacks) - before; n > 0 {
			p.Tally = append(p.Tally, tally{status, n})
		}
	}
	if err := pages.Execute(w, p); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
