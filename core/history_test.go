package core_test

import (
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestUptimeIsWeightedByTime(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	o := func(when string, s core.Status, codes ...string) core.Outline {
		return core.Outline{At: at(when), Status: s, Codes: codes}
	}
	tests := map[string]struct {
		list    []core.Outline
		percent float64
		known   bool
	}{
		"nothing is known": {nil, 0, false},
		"three hours up and one down, whatever the number of looks": {[]core.Outline{
			o("2026-11-20 00:00:00", core.Healthy), o("2026-11-20 03:00:00", core.Unhealthy, "PG-01"),
			o("2026-11-20 03:30:00", core.Unhealthy, "PG-01"), o("2026-11-20 04:00:00", core.Unknown)}, 75, true},
		"degraded serves, unknown does not count": {[]core.Outline{
			o("2026-11-20 00:00:00", core.Degraded, "DK-02"), o("2026-11-20 01:00:00", core.Unknown)}, 100, true},
		"what was before the time asked for speaks into it": {[]core.Outline{
			o("2026-11-19 23:00:00", core.Unhealthy), o("2026-11-20 01:00:00", core.Healthy), o("2026-11-20 02:00:00", core.Unknown)}, 50, true},
		"one look speaks for a day and no longer": {[]core.Outline{
			o("2026-11-20 00:00:00", core.Unhealthy)}, 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			days := core.Days(tt.list, at("2026-11-20 00:00:00"), at("2026-11-22 12:00:00"))
			percent, known := core.Uptime(days)
			if percent != tt.percent || known != tt.known {
				t.Errorf("uptime %v %v, want %v %v; %+v", percent, known, tt.percent, tt.known, days)
			}
			for _, d := range days {
				if d.Up+d.Down > 24*60*60 {
					t.Errorf("a day with %d seconds", d.Up+d.Down)
				}
			}
		})
	}
}

// TestAnOutageNobodyCouldLookAtIsOne: that a host did not answer for a while neither
// ends an outage nor begins another.
func TestAnOutageNobodyCouldLookAtIsOne(t *testing.T) {
	begin := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	var list []core.Outline
	for i, s := range []core.Status{core.Healthy, core.Unhealthy, core.Unknown, core.Unhealthy, core.Unknown, core.Healthy} {
		list = append(list, core.Outline{At: begin.Add(time.Duration(i) * time.Hour), Status: s})
	}
	days := core.Days(list, begin, begin.Add(6*time.Hour))
	if len(days) != 1 || days[0].Falls != 1 || days[0].Turns != 2 {
		t.Errorf("%+v, want one outage and two changes of status", days)
	}
}

func TestDaysSplitAtMidnightAndMerge(t *testing.T) {
	begin := time.Date(2026, 11, 20, 22, 0, 0, 0, time.UTC)
	list := []core.Outline{{At: begin, Status: core.Unhealthy, Codes: []string{"PG-01"}}, {At: begin.Add(4 * time.Hour), Status: core.Healthy}}
	days := core.Days(list, begin, begin.Add(5*time.Hour))
	if len(days) != 2 || days[0].Down != 7200 || days[1].Down != 7200 || days[1].Up != 3600 || days[0].Codes["PG-01"] != 1 {
		t.Fatalf("%+v", days)
	}
	twice := core.MergeDays(days, days)
	if len(twice) != 2 || twice[0].Down != 14400 || twice[0].Codes["PG-01"] != 2 || twice[0].Worst != core.Unhealthy {
		t.Errorf("%+v", twice)
	}
}
