package panel

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// functions are what templates may call, in one language.
func functions(l Lang, now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"t":       l.T,
		"has":     Has,
		"text":    text,
		"phrase":  func(v any) string { return text(l.Phrase(fmt.Sprint(v))) },
		"icon":    icon,
		"ago":     func(t time.Time) string { return l.ago(now().Sub(t)) },
		"until":   func(t time.Time) string { return l.until(t.Sub(now())) },
		"stamp":   l.stamp,
		"day":     l.day,
		"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"took":    l.took,
		"minutes": func(n int) string { return l.span(time.Duration(n) * time.Minute) },
		"size":    l.size,
		"percent": l.Percent,
		"lasting": l.Lasting,
		"list":    func(items ...any) []any { return items },
		"join":    strings.Join,
		"short":   func(s string) string { return s[:min(len(s), 10)] },
		"add":     func(a, b int) int { return a + b },
		"zero":    time.Time.IsZero,
		"hunk":    hunk,
		"langs":   func() []Lang { return Langs },
		"dict":    dict,
		"spark":   l.spark,
		"history": l.history,
		"graph":   l.graph,
		"lua":     lua,
	}
}

// text makes what came from outside harmless to read, and bounds it; that it is
// no markup is html/template's work.
func text(v any) string {
	const most = 4000
	s := fmt.Sprint(v)
	if len(s) > 4*most {
		s = s[:4*most]
	}
	r := []rune(core.Printable(s))
	if len(r) > most {
		r = append(r[:most], '…')
	}
	return string(r)
}

// dict gives a block several values by name.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// span is a duration in its largest unit.
func (l Lang) span(d time.Duration) string {
	for _, u := range []struct {
		key  string
		unit time.Duration
	}{{"time.day", 24 * time.Hour}, {"time.hour", time.Hour}, {"time.minute", time.Minute}} {
		if n := int(d / u.unit); n > 0 {
			return l.T(u.key, "n", n)
		}
	}
	return l.T("time.second", "n", max(0, int(d/time.Second)))
}

func (l Lang) ago(d time.Duration) string {
	if d < 10*time.Second {
		return l.T("time.now")
	}
	return l.T("time.ago", "span", l.span(d))
}

func (l Lang) until(d time.Duration) string {
	if d < time.Second {
		return l.T("time.now")
	}
	return l.T("time.in", "span", l.span(d))
}

// monthNames are the short names of months.
var monthNames = map[Lang]string{
	English:    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
	Portuguese: "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
}

// day is a date without its year, for an axis.
func (l Lang) day(t time.Time) string {
	t = t.UTC()
	return fmt.Sprintf("%d %s", t.Day(), strings.Fields(monthNames[l])[t.Month()-1])
}

// Date is a day with its year.
func (l Lang) Date(t time.Time) string {
	t = t.UTC()
	if l == Portuguese {
		return fmt.Sprintf("%d de %s de %d", t.Day(), strings.Fields(monthNames[l])[t.Month()-1], t.Year())
	}
	return l.day(t) + t.Format(" 2006")
}

// stamp is a moment, to the second.
func (l Lang) stamp(t time.Time) string {
	return l.Date(t) + t.UTC().Format(", 15:04:05") + " UTC"
}

// Percent is a share of a hundred, which may not be known.
func (l Lang) Percent(p *float64) string {
	if p == nil {
		return "–"
	}
	return l.decimal(fmt.Sprintf("%.2f", *p)) + "%"
}

// Lasting is a mean of times in seconds, which may not be known.
func (l Lang) Lasting(seconds *float64) string {
	if seconds == nil {
		return "–"
	}
	switch d := time.Duration(*seconds * float64(time.Second)); {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return l.decimal(fmt.Sprintf("%.1f", d.Hours())) + " h"
	}
}

// decimal puts the mark of the language into a number.
func (l Lang) decimal(s string) string {
	if l == Portuguese {
		return strings.Replace(s, ".", ",", 1)
	}
	return s
}

// took is how long something lasted.
func (l Lang) took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d >= 10*time.Second && d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	case d < time.Minute:
		return l.decimal(fmt.Sprintf("%.1f", d.Seconds())) + " s"
	}
	return l.span(d)
}

// size is a number of bytes.
func (l Lang) size(n int64) string {
	const k = 1024
	units, v := []string{"B", "KiB", "MiB", "GiB", "TiB"}, float64(n)
	i := 0
	for v >= k && i < len(units)-1 {
		v, i = v/k, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return l.decimal(fmt.Sprintf("%.1f", v)) + " " + units[i]
}
