package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
	"github.com/basewright/basewright/ui/report"
)

// aWeek is the report of an instance that was down for three hours.
func aWeek(id string, codes map[string]int) core.HealthReport {
	to := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	r := core.HealthReport{InstanceID: id, Days: 7, From: to.AddDate(0, 0, -7), To: to, Repairs: map[string]int{"rolled_back": 1}, Unproven: 2,
		Trend: []core.Day{{Day: "2026-11-20", Runs: 9, Up: 9 * 3600, Down: 3 * 3600, Worst: core.Unhealthy, Codes: codes, Turns: 8, Falls: 2}}}
	r.Sum()
	return r
}

func TestHealthReport(t *testing.T) {
	hostile := `<script>alert(1)</script>`
	var b bytes.Buffer
	if err := report.Health(&b, aWeek("shop", map[string]int{"PG-01": 3, hostile: 1}), explain, panel.English); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"Health of shop", "75.00%", "1.5 h", "A wrong password", "3×", "2026-11-20: 8 changes, told once", "Rolled back: 1", "Unproven snapshots</dt><dd>2", `height="7.50" class="up"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(page, hostile) || strings.Contains(page, "http://") || strings.Contains(page, "https://") || strings.Contains(page, "<no value>") {
		t.Errorf("it is not harmless, or not whole:\n%s", page)
	}
}

func TestFleetHealthReport(t *testing.T) {
	f := core.FleetReport{Days: 7, Repairs: map[string]int{}, Instances: []core.HealthReport{aWeek("shop", map[string]int{"PG-01": 3}), {InstanceID: "new"}, aWeek("blog", map[string]int{"PG-01": 2})}}
	f.Instances[2].Uptime = nil
	f.Instances[2].Trend[0].Down = 9 * 3600
	f.Instances[2].Sum()
	f.Sum()
	var b bytes.Buffer
	if err := report.FleetHealth(&b, f, explain, panel.English); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	at := func(text string) int { return strings.Index(page, text) }
	for _, want := range []string{"Health of 3 instances", "60.00%", "5×", "flapped on 1 day; 2 unproven snapshots", "Nothing is known of these days"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if blog, shop, fresh := at(">blog<"), at(">shop<"), at(">new<"); blog < 0 || blog > shop || shop > fresh {
		t.Errorf("the order is %v", fmt.Sprint(blog, shop, fresh))
	}
}
