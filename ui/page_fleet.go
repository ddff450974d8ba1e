package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
	"github.com/basewright/basewright/ui/panel"
)

const (
	fleetPage = 50 // instances on a page
	trendDays = 14
	mostPicks = 200
)

// brief is what lists of instances tell of a diagnosis.
type brief struct {
	codes  []string // of root causes
	titles []string
	blind  string // why it could not look

	exposed []core.Finding // what the page of isolation tells of it
}

func (c *call) fleetPage() (any, error) {
	shown := c.shown()
	p := &panel.Fleet{Frame: c.framed("fleet", ""), Query: strings.TrimSpace(clip(c.Query("q"), 100)), Status: c.Query("status"),
		Sort: cmp.Or(c.Query("sort"), "worst"), Group: c.Query("group"), Tag: clip(c.Query("tag"), 40)}
	p.Title = p.Lang.T("nav.fleet")
	all, err := c.fleetRows(p.Lang)
	if err != nil {
		return nil, err
	}
	p.Total, p.Tags = len(all), tagsOf(all)
	found := c.sifted(p, all)
	p.Found = len(found)
	first, then := orderOfGroups(p.Group), orderOf(p.Sort)
	slices.SortStableFunc(found, func(a, b panel.FleetRow) int { return cmp.Or(first(a, b), then(a, b)) })
	page, err := c.number("page", 1, 1_000_000)
	if err != nil {
		return nil, err
	}
	var rows []panel.FleetRow
	p.Pager, rows = paged(c.Request.URL, found, page, fleetPage)
	if len(shown) > 0 {
		fresh := rows
		rows = asShown(shown, all, fresh)
		slices.SortStableFunc(rows, first)
		found, p.Moved = joined(found, rows), !slices.EqualFunc(rows, fresh, sameInstance)
	}
	p.Live, p.Shown = liveAddress(p.Address, rows), len(rows)
	for _, r := range rows {
		p.MayDiagnose = p.MayDiagnose || c.who.may(core.MayDiagnose, r.ID)
	}
	err = c.addTrends(rows)
	p.Groups = grouped(p.Group, rows, found)
	return p, err
}

// sifted returns the rows that the search and the filters leave, and counts
// those of each status.
func (c *call) sifted(p *panel.Fleet, all []panel.FleetRow) []panel.FleetRow {
	counts, found := map[string]int{}, []panel.FleetRow{}
	for _, r := range all {
		if !matches(r, p.Query) || p.Tag != "" && !slices.Contains(r.Tags, p.Tag) {
			continue
		}
		counts[string(r.Status)]++
		if p.Status == "" || p.Status == string(r.Status) {
			found = append(found, r)
		}
	}
	for _, s := range []core.Status{core.Unhealthy, core.Degraded, core.Unknown, core.Healthy} {
		n, chosen := counts[string(s)], p.Status == string(s)
		if n == 0 && !chosen {
			continue
		}
		to := string(s)
		if chosen {
			to = ""
		}
		p.Tally = append(p.Tally, panel.Tally{Status: string(s), N: n, Href: elsewhere(c.Request.URL, "status", to)})
	}
	return found
}

// fleetRows are the instances that the caller may see, without their trends.
func (c *call) fleetRows(l panel.Lang) ([]panel.FleetRow, error) {
	mine, glances, err := c.visible()
	if err != nil {
		return nil, err
	}
	shots, err := c.Store.NewestSnapshots(c)
	if err != nil {
		return nil, err
	}
	production, err := c.production()
	if err != nil {
		return nil, err
	}
	var rows []panel.FleetRow
	for _, i := range mine {
		r := panel.FleetRow{ID: i.ID, Name: i.Name, Tags: i.Tags, Release: i.Release, Host: c.Host, Status: core.Unknown, Production: slices.Contains(production, i.ID), Change: c.Changes.Holder(i.ID)}
		if err := c.Diagnoses.Failed(i.ID); err != nil {
			r.Failed = whyFailed(err)
		}
		if at, has := shots[i.ID]; has {
			r.Snapshot = &at
		}
		if g, has := glances[i.ID]; has {
			b, err := c.briefOf(g)
			if err != nil {
				return nil, err
			}
			r.Status, r.Diagnosed, r.Blind = g.Status, &g.At, b.blind
			if len(b.codes) > 0 {
				r.Code, r.Cause, r.More = b.codes[0], l.Title(b.codes[0], b.titles[0]), len(b.codes)-1
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// briefOf returns what a diagnosis found in short. Diagnoses never change, so
// that each is read once.
func (c *call) briefOf(g store.Glance) (brief, error) {
	room := &c.Agent.panel
	room.mu.Lock()
	b, known := room.known[g.ID]
	room.mu.Unlock()
	if known {
		return b, nil
	}
	d, err := c.Store.Diagnosis(c, g.ID)
	if err != nil {
		return b, err
	}
	for _, code := range d.RootCauses {
		n := slices.IndexFunc(d.Findings, func(f core.Finding) bool { return f.Code == code && f.CausedBy == nil })
		if n < 0 || slices.Contains(b.codes, code) {
			continue
		}
		b.codes, b.titles = append(b.codes, code), append(b.titles, d.Findings[n].Title)
	}
	if d.Status == core.Unknown && len(d.Unknowns) > 0 {
		b.blind = d.Unknowns[0].Reason
	}
	b.exposed = exposures(&d)
	room.mu.Lock()
	defer room.mu.Unlock()
	if len(room.known) > manyKeys {
		clear(room.known)
	}
	room.known[g.ID] = b
	return b, nil
}

func matches(r panel.FleetRow, query string) bool {
	own := strings.ToLower(r.ID + " " + r.Name + " " + r.Code + " " + r.Cause + " " + strings.Join(r.Tags, " "))
	return !slices.ContainsFunc(strings.Fields(strings.ToLower(query)), func(word string) bool { return !strings.Contains(own, word) })
}

var badness = map[core.Status]int{core.Unhealthy: 0, core.Degraded: 1, core.Unknown: 2, core.Healthy: 3}

// orderOf compares rows by what somebody wants to see first.
func orderOf(sort string) func(a, b panel.FleetRow) int {
	name := func(a, b panel.FleetRow) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	}
	age := func(of func(panel.FleetRow) *time.Time) func(a, b panel.FleetRow) int {
		when := func(r panel.FleetRow) time.Time {
			if t := of(r); t != nil {
				return *t
			}
			return time.Time{}
		}
		return func(a, b panel.FleetRow) int { return cmp.Or(when(a).Compare(when(b)), name(a, b)) }
	}
	switch sort {
	case "name":
		return name
	case "diagnosed":
		return age(func(r panel.FleetRow) *time.Time { return r.Diagnosed })
	case "snapshot":
		return age(func(r panel.FleetRow) *time.Time { return r.Snapshot })
	}
	return func(a, b panel.FleetRow) int { return cmp.Or(badness[a.Status]-badness[b.Status], name(a, b)) }
}

// paged cuts one page out of a list.
func paged[T any](u *url.URL, list []T, page, size int) (panel.Pager, []T) {
	pages := max(1, (len(list)+size-1)/size)
	page = max(1, min(page, pages)) // also where the number asked for was refused
	at := func(n int) string {
		if n < 1 || n > pages {
			return ""
		}
		q := u.Query()
		q.Del("done")
		q.Set("page", strconv.Itoa(n))
		return u.EscapedPath() + "?" + q.Encode()
	}
	return panel.Pager{Page: page, Pages: pages, Before: at(page - 1), After: at(page + 1)}, list[(page-1)*size : min(len(list), page*size)]
}

// past is the days of an instance as they are drawn. They hold until there is
// another diagnosis, or another day.
type past struct {
	newest string // ID of the last diagnosis that is in them
	first  time.Time
	bars   []panel.Bar
}

// addTrends gives rows the days that lie behind them. Only of instances with
// something new are they read.
func (c *call) addTrends(rows []panel.FleetRow) error {
	newest, err := c.Store.NewestDiagnoses(c)
	if err != nil {
		return err
	}
	now := c.Now().UTC()
	first := now.Truncate(24*time.Hour).AddDate(0, 0, 1-trendDays)
	room := &c.Agent.panel
	var stale []string
	room.mu.Lock()
	for i, r := range rows {
		if p, drawn := room.past[r.ID]; drawn && p.newest == newest[r.ID] && p.first.Equal(first) {
			rows[i].Trend = p.bars
			continue
		}
		stale = append(stale, r.ID)
	}
	room.mu.Unlock()
	if len(stale) == 0 {
		return nil
	}
	trends, err := c.Store.Trends(c, stale, first, now.Add(time.Millisecond)) // with one of this moment, which is the newest
	if err != nil {
		return err
	}
	room.mu.Lock()
	defer room.mu.Unlock()
	if len(room.past) > manyKeys {
		clear(room.past)
	}
	for i, r := range rows {
		if slices.Contains(stale, r.ID) {
			rows[i].Trend = barsOf(trends[r.ID], first)
			room.past[r.ID] = past{newest[r.ID], first, rows[i].Trend}
		}
	}
	return nil
}

// barsOf makes one bar for each day since first, also where nothing is known.
func barsOf(days []core.Day, first time.Time) []panel.Bar {
	bars := make([]panel.Bar, trendDays)
	for i := range bars {
		bars[i].Day = first.AddDate(0, 0, i)
		n := slices.IndexFunc(days, func(d core.Day) bool { return d.Day == bars[i].Day.Format(time.DateOnly) })
		if n < 0 {
			continue
		}
		d := days[n]
		switch {
		case d.Worst != "":
			bars[i].Status = d.Worst
		case d.Down > 0:
			bars[i].Status = core.Unhealthy
		case d.Up > 0:
			bars[i].Status = core.Healthy
		}
	}
	return bars
}
