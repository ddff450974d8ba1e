package ui

import (
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// The days on the list of instances are those of now: after another diagnosis,
// and on another day.
func TestDaysOfTheFleetAreFresh(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)
	w.a.Now = func() time.Time { return now }
	today := func() core.Status {
		t.Helper()
		c := &call{Agent: w.a, ctx: t.Context()}
		rows := []panel.FleetRow{{ID: "shop"}, {ID: "other"}}
		must(t, c.addTrends(rows))
		if bars := rows[1].Trend; len(bars) != trendDays || bars[trendDays-1].Status != "" {
			t.Errorf("of another instance: %+v", bars)
		}
		return rows[0].Trend[trendDays-1].Status
	}
	look := func(s core.Status, mode core.Depth) {
		d := aDiagnosis("shop")
		d.Timestamp, d.Status, d.Mode = now, s, mode
		must(t, w.a.Store.SaveDiagnosis(t.Context(), d))
	}
	if got := today(); got != "" {
		t.Errorf("of nothing: %s", got)
	}
	look(core.Healthy, core.Full)
	now = now.Add(time.Minute)
	if got := today(); got != core.Healthy || today() != core.Healthy {
		t.Errorf("after the first: %s", got)
	}
	look(core.Unhealthy, core.Quick)
	if got := today(); got != core.Unhealthy {
		t.Errorf("after the second: %s", got)
	}
	now = now.Add(12 * time.Hour)
	if got := today(); got != core.Unhealthy {
		t.Errorf("on the next day, while it speaks: %s", got)
	}
	now = now.Add(48 * time.Hour)
	if got := today(); got != "" {
		t.Errorf("when nobody knows any more: %s", got)
	}
}
