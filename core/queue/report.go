package queue

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// Count is a code and how often it was a root cause.
type Count struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// Report is the health of an instance over some days.
type Report struct {
	InstanceID string         `json:"instance_id"`
	Days       int            `json:"days"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Uptime     *float64       `json:"uptime_percentage" doc:"of the time of which something is known; null when nothing is"`
	Total      int            `json:"total_diagnostics"`
	Trend      []core.Day     `json:"health_trend"`
	Issues     []Count        `json:"most_common_issues"`
	Repairs    map[string]int `json:"repairs" doc:"changes by how they ended"`
	MeanRepair *float64       `json:"mean_time_to_repair_seconds"`
	Unproven   int            `json:"unproven_snapshots" doc:"snapshots of which no restore was ever tried"`
}

// MakeReport sums up the last days of an instance.
func MakeReport(ctx context.Context, s *store.Store, instance string, days int, now time.Time) (Report, error) {
	r := Report{InstanceID: instance, Days: days, From: now.UTC().AddDate(0, 0, -days), To: now.UTC(), Issues: []Count{}, Repairs: map[string]int{}}
	var err error
	if r.Trend, err = s.Trend(ctx, instance, r.From, r.To); err != nil {
		return r, err
	}
	if percent, known := core.Uptime(r.Trend); known {
		r.Uptime = &percent
	}
	counts := map[string]int{}
	for _, d := range r.Trend {
		r.Total += d.Runs
		for code, n := range d.Codes {
			counts[code] += n
		}
	}
	for code, n := range counts {
		r.Issues = append(r.Issues, Count{code, n})
	}
	slices.SortFunc(r.Issues, func(a, b Count) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Code, b.Code)) })
	if err := r.repairs(ctx, s); err != nil {
		return r, err
	}
	snapshots, err := s.Snapshots(ctx, instance)
	for _, n := range snapshots {
		if n.Proof.Level != core.Proven {
			r.Unproven++
		}
	}
	return r, err
}

// repairs counts the changes of the time, and how long those took that mended.
func (r *Report) repairs(ctx context.Context, s *store.Store) error {
	changes, err := s.Changes(ctx, r.InstanceID, 0)
	if err != nil {
		return err
	}
	var took time.Duration
	mended := 0
	for _, c := range changes {
		if c.Created.Before(r.From) {
			continue
		}
		r.Repairs[string(c.State)]++
		if c.State == core.Committed && c.Plan.Finding != "" {
			took, mended = took+c.Finished.Sub(c.Created), mended+1
		}
	}
	if mended > 0 {
		mean := took.Seconds() / float64(mended)
		r.MeanRepair = &mean
	}
	return nil
}

// CSV writes the trend, a line for each day.
func (r Report) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"instance", "day", "diagnostics", "up_seconds", "down_seconds", "worst", "root_causes"})
	for _, d := range r.Trend {
		var codes []string
		for code, n := range d.Codes {
			codes = append(codes, code+"×"+strconv.Itoa(n))
		}
		slices.Sort(codes)
		_ = w.Write([]string{r.InstanceID, d.Day, strconv.Itoa(d.Runs), strconv.FormatInt(d.Up, 10), strconv.FormatInt(d.Down, 10), string(d.Worst), strings.Join(codes, " ")})
	}
	w.Flush()
	return w.Error()
}
