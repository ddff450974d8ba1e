package ui

import (
	"slices"
	"strings"

	"github.com/basewright/basewright/ui/panel"
)

// shown are the rows that a page which asks for itself again has, in their order.
// They are no part of the address that it tells others.
func (c *call) shown() []string {
	text := c.Query("rows")
	if text == "" {
		return nil
	}
	u := *c.Request.URL
	q := u.Query()
	q.Del("rows")
	u.RawQuery = q.Encode()
	c.Request.URL = &u
	ids := strings.Split(text, ",")
	return ids[:min(len(ids), fleetPage)]
}

// asShown puts rows in the order in which somebody reads them. One that is there
// stays, whatever has become of it, and one that is new stands at the end, as far
// as there is room: a list that sorts itself under a hand leads it to the wrong row.
func asShown(shown []string, all, fresh []panel.FleetRow) []panel.FleetRow {
	var stayed []panel.FleetRow
	for _, id := range shown {
		if n := slices.IndexFunc(all, func(r panel.FleetRow) bool { return r.ID == id }); n >= 0 {
			stayed = joined(stayed, all[n:n+1])
		}
	}
	rows := joined(stayed, fresh)
	return rows[:min(len(rows), fleetPage)]
}

// joined adds to a list the rows of others that it has not.
func joined(list, others []panel.FleetRow) []panel.FleetRow {
	for _, r := range others {
		if !slices.ContainsFunc(list, func(have panel.FleetRow) bool { return sameInstance(have, r) }) {
			list = append(list, r)
		}
	}
	return list
}

func sameInstance(a, b panel.FleetRow) bool { return a.ID == b.ID }

// liveAddress is where a page asks for itself again.
func liveAddress(address string, rows []panel.FleetRow) string {
	if len(rows) == 0 {
		return address
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	mark := "?"
	if strings.Contains(address, "?") {
		mark = "&"
	}
	return address + mark + "rows=" + strings.Join(ids, ",")
}
