package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// groupings are what the list may be grouped by.
var groupings = map[string]func(panel.FleetRow) string{
	"tag": func(r panel.FleetRow) string {
		if len(r.Tags) == 0 {
			return ""
		}
		return r.Tags[0]
	},
	"host":    func(r panel.FleetRow) string { return r.Host },
	"release": func(r panel.FleetRow) string { return r.Release },
	"status":  func(r panel.FleetRow) string { return string(r.Status) },
}

// orderOfGroups compares rows by their groups: by name, those without one last;
// a status by how bad it is.
func orderOfGroups(by string) func(a, b panel.FleetRow) int {
	of := groupings[by]
	switch {
	case of == nil:
		return func(panel.FleetRow, panel.FleetRow) int { return 0 }
	case by == "status":
		return func(a, b panel.FleetRow) int { return badness[a.Status] - badness[b.Status] }
	}
	return func(a, b panel.FleetRow) int {
		return cmp.Or(cmp.Compare(btoi(of(a) == ""), btoi(of(b) == "")), strings.Compare(of(a), of(b)))
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// grouped parts the rows of a page, which stand in the order of their groups;
// each group says how many the whole list has of it.
func grouped(by string, rows, all []panel.FleetRow) []panel.FleetGroup {
	of := groupings[by]
	if of == nil {
		return []panel.FleetGroup{{Rows: rows}}
	}
	counts := map[string]int{}
	for _, r := range all {
		counts[of(r)]++
	}
	var groups []panel.FleetGroup
	for _, r := range rows {
		name := of(r)
		if n := len(groups); n == 0 || groups[n-1].Name != name {
			groups = append(groups, panel.FleetGroup{By: by, Name: name, N: counts[name]})
		}
		last := &groups[len(groups)-1]
		last.Rows = append(last.Rows, r)
	}
	return groups
}

// tagsOf are all tags of the rows, in order.
func tagsOf(rows []panel.FleetRow) []string {
	var tags []string
	for _, r := range rows {
		tags = append(tags, r.Tags...)
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// elsewhere is the address of a list with one part of its query changed, from
// its first page.
func elsewhere(u *url.URL, name, value string) string {
	q := u.Query()
	q.Del("done")
	q.Del("page")
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + q.Encode()
}

// tagsIn reads tags as people write them, with spaces or commas between.
func tagsIn(text string) ([]string, error) {
	return core.Tags(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == ',' }))
}
