package core

import (
	"cmp"
	"slices"
	"time"
)

// Day is what remains of the diagnoses of one instance on one day, UTC, after
// they themselves were thinned out.
type Day struct {
	Instance string         `json:"-"`
	Day      string         `json:"day"` // 2026-11-21
	Runs     int            `json:"diagnostics"`
	Up       int64          `json:"up_seconds"`   // known to be healthy or degraded
	Down     int64          `json:"down_seconds"` // known to be unhealthy
	Worst    Status         `json:"worst"`
	Codes    map[string]int `json:"codes"` // root causes and how often
	Turns    int            `json:"status_changes"`
	Falls    int            `json:"outages"` // how often it became unhealthy
}

// flapping is how many changes of status on one day are told as one thing.
const flapping = 6

// flaps reports whether the status changed too often on that day to tell each.
func (d Day) flaps() bool { return d.Turns >= flapping }

// Outline is a diagnosis as a trend needs it.
type Outline struct {
	At     time.Time
	Status Status
	Codes  []string // root causes
}

// maxSilence is how long a diagnosis speaks for an instance when no other
// follows; after that nobody knows.
const maxSilence = 24 * time.Hour

var statusRank = map[Status]int{Healthy: 1, Unknown: 2, Degraded: 3, Unhealthy: 4}

// WorseStatus returns the worse of two; "" is better than any.
func WorseStatus(a, b Status) Status {
	if statusRank[b] > statusRank[a] {
		return b
	}
	return a
}

// Days folds diagnoses, oldest first, into days. Each speaks until the next, or
// until end; what lies between from and end counts.
func Days(list []Outline, from, end time.Time) []Day {
	days := map[string]*Day{}
	day := func(at time.Time) *Day {
		key := at.UTC().Format(time.DateOnly)
		if days[key] == nil {
			days[key] = &Day{Day: key, Codes: map[string]int{}}
		}
		return days[key]
	}
	was := Unknown // the last status that was known
	for i, o := range list {
		if o.Status != Unknown {
			was = o.Status
		}
		if !o.At.Before(from) && o.At.Before(end) {
			d := day(o.At)
			d.Runs++
			d.Worst = WorseStatus(d.Worst, o.Status)
			for _, c := range o.Codes {
				d.Codes[c]++
			}
		}
		until := end
		if i+1 < len(list) {
			until = earlier(until, list[i+1].At)
			if next := list[i+1]; !next.At.Before(from) && !next.At.After(end) {
				turn(was, next.Status, day(next.At))
			}
		}
		until = earlier(until, o.At.Add(maxSilence))
		spread(o.Status, later(o.At, from), until, day)
	}
	sorted := make([]Day, 0, len(days))
	for _, d := range days {
		sorted = append(sorted, *d)
	}
	slices.SortFunc(sorted, func(a, b Day) int { return cmp.Compare(a.Day, b.Day) })
	return sorted
}

// Turned reports whether a status is another one than the last that was known. That
// nobody could look is no change.
func Turned(was, now Status) bool { return was != now && was != Unknown && now != Unknown }

// turn counts what it means that a status followed the last one that was known.
func turn(was, now Status, on *Day) {
	if Turned(was, now) {
		on.Turns++
	}
	if was != now && now == Unhealthy {
		on.Falls++ // also from what nobody knew
	}
}

// spread adds the time from at until end to the days that it lies in.
func spread(status Status, at, end time.Time, day func(time.Time) *Day) {
	for at.Before(end) {
		midnight := at.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		stop := earlier(midnight, end)
		seconds := int64(stop.Sub(at).Round(time.Second) / time.Second)
		d := day(at)
		switch status {
		case Healthy, Degraded:
			d.Up += seconds
		case Unhealthy:
			d.Down += seconds
		}
		at = stop
	}
}

// MergeDays adds up days of the same date, ordered by date.
func MergeDays(lists ...[]Day) []Day {
	merged := map[string]Day{}
	for _, d := range slices.Concat(lists...) {
		m, ok := merged[d.Day]
		if !ok {
			m = Day{Instance: d.Instance, Day: d.Day, Codes: map[string]int{}}
		}
		m.Runs, m.Up, m.Down, m.Worst = m.Runs+d.Runs, m.Up+d.Up, m.Down+d.Down, WorseStatus(m.Worst, d.Worst)
		m.Turns, m.Falls = m.Turns+d.Turns, m.Falls+d.Falls
		for c, n := range d.Codes {
			m.Codes[c] += n
		}
		merged[d.Day] = m
	}
	days := make([]Day, 0, len(merged))
	for _, d := range merged {
		days = append(days, d)
	}
	slices.SortFunc(days, func(a, b Day) int { return cmp.Compare(a.Day, b.Day) })
	return days
}

// Uptime is the percentage of the known time in which an instance was not
// unhealthy; known is false when nothing is known.
func Uptime(days []Day) (percent float64, known bool) {
	var up, down int64
	for _, d := range days {
		up, down = up+d.Up, down+d.Down
	}
	if up+down == 0 {
		return 0, false
	}
	return 100 * float64(up) / float64(up+down), true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// meanDown is how long an instance was unhealthy at a time; known is false when
// it never was.
func meanDown(days []Day) (mean time.Duration, known bool) {
	var down int64
	falls := 0
	for _, d := range days {
		down, falls = down+d.Down, falls+d.Falls
	}
	if down == 0 {
		return 0, false
	}
	return time.Duration(down) * time.Second / time.Duration(max(falls, 1)), true // it may have been so before the first day
}
