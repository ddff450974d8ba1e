package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

//go:embed health.html
var healthSource string

// healthPage is what the template of a health report shows.
type healthPage struct {
	Tag      string // the language, as HTML names it
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

// Voice is the language that a page of health is in.
type Voice interface {
	Tag() string
	T(key string, pairs ...any) string
	Date(t time.Time) string
	Percent(p *float64) string
	Lasting(seconds *float64) string
	Meaning(code string, e core.Explanation) core.Explanation
}

// Health writes the report of one instance as a page.
func Health(w io.Writer, r core.HealthReport, explain Explain, v Voice) error {
	p := healthPage{Title: v.T("report.of", "name", r.InstanceID), Days: r.Days, From: r.From, To: r.To, Each: []figures{figuresOf(r, explain, v)}}
	return p.write(w, v)
}

// FleetHealth writes the report of several instances as a page, the least
// healthy first.
func FleetHealth(w io.Writer, f core.FleetReport, explain Explain, v Voice) error {
	p := healthPage{Title: v.T("report.all", "n", len(f.Instances)), Days: f.Days, From: f.From, To: f.To,
		Whole: &figures{Uptime: f.Uptime, MeanRepair: f.MeanRepair, Outages: f.Outages, Total: f.Total, Unproven: f.Unproven, Often: oftenOf(f.Issues, explain, v)}}
	for _, r := range f.Instances {
		p.Each = append(p.Each, figuresOf(r, explain, v))
	}
	return p.write(w, v)
}

func (p healthPage) write(w io.Writer, v Voice) error {
	p.Tag = v.Tag()
	words := template.FuncMap{"t": v.T, "date": v.Date, "percent": v.Percent, "lasting": v.Lasting, "up": func(d core.Day) string { return v.Percent(uptimeOf(d)) }}
	t, err := template.New("health").Funcs(base).Funcs(words).Parse(healthSource + head)
	if err == nil {
		err = t.Execute(w, p)
	}
	if err != nil {
		return fmt.Errorf("write the health report: %w", err)
	}
	return nil
}

func figuresOf(r core.HealthReport, explain Explain, v Voice) figures {
	f := figures{Name: r.InstanceID, Uptime: r.Uptime, MeanRepair: r.MeanRepair, Outages: r.Outages, Total: r.Total, Unproven: r.Unproven,
		Flapping: r.Flapping, Often: oftenOf(r.Issues, explain, v), Trend: r.Trend, Bars: barsOf(r)}
	for _, state := range slices.Sorted(maps.Keys(r.Repairs)) {
		f.Ended = append(f.Ended, ended{state, r.Repairs[state]})
	}
	return f
}

func oftenOf(counts []core.Count, explain Explain, v Voice) []often {
	var list []often
	for _, c := range counts[:min(len(counts), mostOften)] {
		o := often{Code: c.Code, Count: c.Count}
		if e, known := explain(c.Code); known {
			o.Title = v.Meaning(c.Code, e).Title
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

func uptimeOf(d core.Day) *float64 {
	if up, known := core.Uptime([]core.Day{d}); known {
		return &up
	}
	return nil
}
