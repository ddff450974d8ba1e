package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

//go:embed health.html
var healthSource string

// healthPage is what the template of a health report shows.
type healthPage struct {
	Title    string
	Days     int
	From, To time.Time
	Whole    *figures // of several instances together
	Each     []figures
}

// figures are the health of an instance, or of all.
type figures struct {
	Name           string
	Uptime         *float64
	MeanRepair     *float64
	Outages, Total int
	Unproven       int
	Flapping       []core.Flap
	Often          []often
	Ended          []ended
	Trend          []core.Day
	Bars           []dayBar
}

// often is a code that was found often, and what it means in short.
type often struct {
	Code, Title string
	Count       int
}

// ended counts the changes that ended in one way.
type ended struct {
	What string
	N    int
}

// dayBar is a day of a chart that is ten high.
type dayBar struct {
	Known       bool
	Top, Height string
}

// mostOften is how many codes are listed.
const mostOften = 10

var healthPages = template.Must(template.Must(template.New("health").Funcs(template.FuncMap{
	"text":    text,
	"add":     func(a, b int) int { return a + b },
	"plural":  plural,
	"date":    func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"percent": percent,
	"up":      func(d core.Day) string { return percentOf([]core.Day{d}) },
	"lasting": lasting,
}).Parse(healthSource)).Parse(style))

// Health writes the report of one instance as a page.
func Health(w io.Writer, r core.HealthReport, explain Explain) error {
	p := healthPage{Title: "Health of " + r.InstanceID, Days: r.Days, From: r.From, To: r.To, Each: []figures{figuresOf(r, explain)}}
	return p.write(w)
}

// FleetHealth writes the report of several instances as a page, the least
// healthy first.
func FleetHealth(w io.Writer, f core.FleetReport, explain Explain) error {
	p := healthPage{Title: "Health of " + plural(len(f.Instances), "instance", "instances"), Days: f.Days, From: f.From, To: f.To,
		Whole: &figures{Uptime: f.Uptime, MeanRepair: f.MeanRepair, Outages: f.Outages, Total: f.Total, Unproven: f.Unproven, Often: oftenOf(f.Issues, explain)}}
	for _, r := range f.Instances {
		p.Each = append(p.Each, figuresOf(r, explain))
	}
	return p.write(w)
}

func (p healthPage) write(w io.Writer) error {
	if err := healthPages.Execute(w, p); err != nil {
		return fmt.Errorf("write the health report: %w", err)
	}
	return nil
}

func figuresOf(r core.HealthReport, explain Explain) figures {
	f := figures{Name: r.InstanceID, Uptime: r.Uptime, MeanRepair: r.MeanRepair, Outages: r.Outages, Total: r.Total, Unproven: r.Unproven,
		Flapping: r.Flapping, Often: oftenOf(r.Issues, explain), Trend: r.Trend, Bars: barsOf(r)}
	for _, state := range slices.Sorted(maps.Keys(r.Repairs)) {
		f.Ended = append(f.Ended, ended{strings.ReplaceAll(state, "_", " "), r.Repairs[state]})
	}
	return f
}

func oftenOf(counts []core.Count, explain Explain) []often {
	var list []often
	for _, c := range counts[:min(len(counts), mostOften)] {
		o := often{Code: c.Code, Count: c.Count}
		if e, known := explain(c.Code); known {
			o.Title = e.Title
		}
		list = append(list, o)
	}
	return list
}

// barsOf makes a bar for each day of a report, also where nothing is known.
func barsOf(r core.HealthReport) []dayBar {
	known := map[string]core.Day{}
	for _, d := range r.Trend {
		known[d.Day] = d
	}
	var bars []dayBar
	for at := r.From; !at.After(r.To); at = at.AddDate(0, 0, 1) {
		var b dayBar
		if up, has := core.Uptime([]core.Day{known[at.Format(time.DateOnly)]}); has {
			b = dayBar{true, fmt.Sprintf("%.2f", 10-up/10), fmt.Sprintf("%.2f", up/10)}
		}
		bars = append(bars, b)
	}
	return bars
}

func percent(p *float64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", *p)
}

func percentOf(days []core.Day) string {
	if up, known := core.Uptime(days); known {
		return percent(&up)
	}
	return "–"
}

// lasting is a number of seconds as people say it.
func lasting(seconds *float64) string {
	if seconds == nil {
		return "–"
	}
	d := time.Duration(*seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
