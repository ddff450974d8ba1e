package core

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Count is a code and how often it was a root cause.
type Count struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// HealthReport is the health of an instance over some days.
type HealthReport struct {
	InstanceID string         `json:"instance_id"`
	Days       int            `json:"days"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Uptime     *float64       `json:"uptime_percentage" doc:"of the time of which something is known; null when nothing is"`
	Total      int            `json:"total_diagnostics"`
	Trend      []Day          `json:"health_trend"`
	Issues     []Count        `json:"most_common_issues"`
	Repairs    map[string]int `json:"repairs" doc:"changes by how they ended"`
	Outages    int            `json:"outages" doc:"how often it became unhealthy"`
	MeanRepair *float64       `json:"mean_time_to_repair_seconds" doc:"how long it was unhealthy at a time, from the diagnosis that found it to the one that found it mended; null when it never was"`
	Turns      int            `json:"status_changes"`
	Flapping   []Flap         `json:"flapping" doc:"days on which the status changed too often to tell each"`
	Unproven   int            `json:"unproven_snapshots" doc:"snapshots of which no restore was ever tried"`
}

// Flap is a day on which the status of an instance changed too often.
type Flap struct {
	Day   string `json:"day"`
	Turns int    `json:"status_changes"`
}

// FleetReport is the health of several instances over some days.
type FleetReport struct {
	Days       int            `json:"days"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Uptime     *float64       `json:"uptime_percentage" doc:"of the time of which something is known, of all instances together; null when nothing is"`
	Total      int            `json:"total_diagnostics"`
	Issues     []Count        `json:"most_common_issues"`
	Repairs    map[string]int `json:"repairs" doc:"changes by how they ended"`
	Outages    int            `json:"outages"`
	MeanRepair *float64       `json:"mean_time_to_repair_seconds" doc:"how long an instance was unhealthy at a time; null when none was"`
	Flapping   []string       `json:"flapping" doc:"instances whose status changed too often"`
	Unproven   int            `json:"unproven_snapshots"`
	Instances  []HealthReport `json:"instances" doc:"the least healthy first"`
}

// CSV writes the trend, a line for each day.
func (r HealthReport) CSV(out io.Writer) error { return writeCSV(out, []HealthReport{r}) }

// writeCSV writes the trends of several instances.
func writeCSV(out io.Writer, reports []HealthReport) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"instance", "day", "diagnostics", "up_seconds", "down_seconds", "worst", "root_causes", "status_changes", "outages"})
	for _, r := range reports {
		for _, d := range r.Trend {
			var codes []string
			for code, n := range d.Codes {
				codes = append(codes, code+"×"+strconv.Itoa(n))
			}
			slices.Sort(codes)
			_ = w.Write([]string{r.InstanceID, d.Day, strconv.Itoa(d.Runs), strconv.FormatInt(d.Up, 10), strconv.FormatInt(d.Down, 10), string(d.Worst),
				strings.Join(codes, " "), strconv.Itoa(d.Turns), strconv.Itoa(d.Falls)})
		}
	}
	w.Flush()
	return w.Error()
}

// CSV writes the trend of each instance, a line for each day.
func (f FleetReport) CSV(out io.Writer) error { return writeCSV(out, f.Instances) }

// Sum fills in what follows from the trend.
func (r *HealthReport) Sum() {
	if percent, known := Uptime(r.Trend); known {
		r.Uptime = &percent
	}
	r.MeanRepair = meanRepair(r.Trend)
	counts := map[string]int{}
	for _, d := range r.Trend {
		r.Total, r.Turns, r.Outages = r.Total+d.Runs, r.Turns+d.Turns, r.Outages+d.Falls
		if d.flaps() {
			r.Flapping = append(r.Flapping, Flap{d.Day, d.Turns})
		}
		for code, n := range d.Codes {
			counts[code] += n
		}
	}
	r.Issues = counted(counts)
}

// counted orders counts, the most common first.
func counted(counts map[string]int) []Count {
	list := make([]Count, 0, len(counts))
	for code, n := range counts {
		list = append(list, Count{code, n})
	}
	slices.SortFunc(list, func(a, b Count) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Code, b.Code)) })
	return list
}

func meanRepair(days []Day) *float64 {
	mean, known := meanDown(days)
	if !known {
		return nil
	}
	seconds := mean.Seconds()
	return &seconds
}

// Sum fills in what follows from the reports of the instances, and orders these.
func (f *FleetReport) Sum() {
	counts := map[string]int{}
	var all []Day
	for _, r := range f.Instances {
		all = append(all, r.Trend...)
		f.Total, f.Outages, f.Unproven = f.Total+r.Total, f.Outages+r.Outages, f.Unproven+r.Unproven
		if len(r.Flapping) > 0 {
			f.Flapping = append(f.Flapping, r.InstanceID)
		}
		for state, n := range r.Repairs {
			f.Repairs[state] += n
		}
		for _, c := range r.Issues {
			counts[c.Code] += c.Count
		}
	}
	f.Issues = counted(counts)
	if percent, known := Uptime(all); known {
		f.Uptime = &percent
	}
	f.MeanRepair = meanRepair(all)
	slices.SortStableFunc(f.Instances, func(a, b HealthReport) int {
		return cmp.Or(cmp.Compare(a.health(), b.health()), strings.Compare(a.InstanceID, b.InstanceID))
	})
}

// health orders reports: what nobody knows anything of comes last.
func (r HealthReport) health() float64 {
	if r.Uptime == nil {
		return 101
	}
	return *r.Uptime
}
