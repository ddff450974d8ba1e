package panel

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// Bar is one day of a trend.
type Bar struct {
	Day    time.Time
	Status core.Status // the worst of the day; empty when nothing is known
}

// heights make trouble rise, so that a trend is read without colours, too.
var heights = map[core.Status]int{core.Healthy: 5, core.Unknown: 3, core.Degraded: 12, core.Unhealthy: 20}

// spark draws a trend as small bars, and says it in words for those who do not
// see it.
func (l Lang) spark(days []Bar) template.HTML {
	const step, tall = 6, 22
	bad := 0
	var b strings.Builder
	for i, d := range days {
		height := heights[d.Status]
		class := string(d.Status)
		if height == 0 {
			height, class = 1, "none"
		}
		if d.Status == core.Unhealthy || d.Status == core.Degraded {
			bad++
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="4" height="%d" rx="1"/>`, class, i*step, tall-height, height)
	}
	words := template.HTMLEscapeString(l.T("trend.words", "n", bad, "days", len(days)))
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>`, max(len(days)*step-2, 1), tall, words, b.String())) //nolint:gosec // statuses are our own words
}

// Timeline is the past of an instance: what it was, and what was done to it.
type Timeline struct {
	From, To time.Time
	Looks    []Look
	Marks    []Mark
}

// Look is one diagnosis, which speaks until the next.
type Look struct {
	At     time.Time
	Status core.Status
	Causes []string
}

// Mark is a change.
type Mark struct {
	At    time.Time
	ID    string
	Title string
	State core.ChangeState
}

// history draws a timeline. The table beneath it on the page says the same.
func (l Lang) history(t Timeline) template.HTML {
	const wide, tall, base = 960.0, 150, 112
	if len(t.Looks) == 0 || !t.To.After(t.From) {
		return ""
	}
	x := func(at time.Time) float64 {
		return max(0, min(wide, wide*float64(at.Sub(t.From))/float64(t.To.Sub(t.From))))
	}
	var b strings.Builder
	for i := range 5 {
		at := t.From.Add(t.To.Sub(t.From) * time.Duration(i) / 4)
		anchor := map[int]string{0: "start", 4: "end"}[i]
		if anchor == "" {
			anchor = "middle"
		}
		label := l.day(at)
		if t.To.Sub(t.From) < 48*time.Hour {
			label = at.UTC().Format("15:04")
		}
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="14" y2="%d"/><text x="%.1f" y="134" text-anchor="%s">%s</text>`, x(at), x(at), base, x(at), anchor, template.HTMLEscapeString(label))
	}
	for i, k := range t.Looks {
		end := t.To
		if i+1 < len(t.Looks) {
			end = t.Looks[i+1].At
		}
		height := heights[k.Status] * 4
		title := l.T("status."+string(k.Status)) + " · " + l.stamp(k.At)
		if len(k.Causes) > 0 {
			title += " · " + strings.Join(k.Causes, ", ")
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`,
			template.HTMLEscapeString(string(k.Status)), x(k.At), base-height, max(1.5, x(end)-x(k.At)), height, template.HTMLEscapeString(text(title)))
	}
	b.WriteString(causeLabels(t, x, wide, base))
	for _, m := range t.Marks {
		fmt.Fprintf(&b, `<a href="/changes/%s"><path class="mark-%s" d="M%.1f 2l6 7-6 7-6-7Z"/><title>%s</title></a>`,
			template.URLQueryEscaper(m.ID), template.HTMLEscapeString(string(m.State)), min(wide-7, max(7, x(m.At))), template.HTMLEscapeString(text(m.Title)+" · "+l.T("state."+string(m.State))))
	}
	return template.HTML(fmt.Sprintf(`<svg class="timeline" viewBox="0 0 %d %d" role="group" aria-label="%s">%s</svg>`, int(wide), tall, template.HTMLEscapeString(l.T("history.chart")), b.String())) //nolint:gosec // all text is escaped above
}

// causeLabels names a finding where it begins, as far as there is room at the
// height of its status.
func causeLabels(t Timeline, x func(time.Time) float64, wide float64, base int) string {
	const letter, gap = 6.8, 8.0
	var b strings.Builder
	reach := map[int]float64{} // of the last label of each height
	for i, k := range t.Looks {
		if len(k.Causes) == 0 || i > 0 && slices.Equal(k.Causes, t.Looks[i-1].Causes) {
			continue
		}
		name, height := text(k.Causes[0]), heights[k.Status]*4
		if at := min(x(k.At), wide-letter*float64(len(name))); at >= reach[height] {
			fmt.Fprintf(&b, `<text class="cause" x="%.1f" y="%d">%s</text>`, at, base-height-5, template.HTMLEscapeString(name))
			reach[height] = at + letter*float64(len(name)) + gap
		}
	}
	return b.String()
}
