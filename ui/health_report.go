package ui

import (
	"io"
	"net/http"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/ui/panel"
	"github.com/basewright/basewright/ui/report"
)

type reportOut struct {
	Reply
	core.HealthReport
}

type fleetReportOut struct {
	Reply
	core.FleetReport
}

var (
	askReport    = asks("days: 1 to 366", "format: json, csv or html")
	otherReports = orAs("text/csv", "text/html")
)

// reportAs reads how far back a report goes, and its format.
func (c *call) reportAs() (days int, format string, err error) {
	if days, err = c.number("days", 7, 366); err != nil {
		return 0, "", err
	}
	format = c.DefaultQuery("format", "json")
	if !slices.Contains([]string{"json", "csv", "html"}, format) {
		return 0, "", core.Errorf(core.Invalid, "format=%q is not json, csv or html", clip(format, 20))
	}
	return days, format, nil
}

func (c *call) healthReport() (any, error) {
	days, format, err := c.reportAs()
	if err != nil {
		return nil, err
	}
	r, err := queue.MakeReport(c, c.Store, c.instance.ID, days, c.Now())
	if err != nil {
		return nil, err
	}
	return c.reportIn(format, c.instance.ID, reportOut{ok(""), r}, r.CSV, func(w io.Writer, l panel.Lang) error { return report.Health(w, r, c.explain, l) })
}

// fleetReport is the report of every instance that the caller may see.
func (c *call) fleetReport() (any, error) {
	days, format, err := c.reportAs()
	if err != nil {
		return nil, err
	}
	mine, _, err := c.visible()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, i := range mine {
		ids = append(ids, i.ID)
	}
	f, err := queue.MakeFleetReport(c, c.Store, ids, days, c.Now())
	if err != nil {
		return nil, err
	}
	return c.reportIn(format, "fleet", fleetReportOut{ok(""), f}, f.CSV, func(w io.Writer, l panel.Lang) error { return report.FleetHealth(w, f, c.explain, l) })
}

// reportIn answers with a report in one of its formats; the page is in the
// language of the panel.
func (c *call) reportIn(format, name string, value any, csv func(io.Writer) error, html func(io.Writer, panel.Lang) error) (any, error) {
	switch format {
	case "csv":
		return nil, c.sendCSV(name, csv)
	case "html":
		return nil, c.sendReport(func(w io.Writer) error { return html(w, c.framed("", "").Lang) })
	}
	return value, nil
}

func (c *call) sendCSV(name string, write func(io.Writer) error) error {
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="report-`+name+`.csv"`)
	return write(c.Writer)
}

// sendReport sends a page that has its styles in itself and needs nothing else.
func (c *call) sendReport(write func(io.Writer) error) error {
	c.Header("Content-Type", "text/html; charset=utf-8")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-same-origin")
	c.Status(http.StatusOK)
	return write(c.Writer)
}
