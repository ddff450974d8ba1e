package panel

import (
	"strings"

	"github.com/basewright/basewright/core"
)

// DiffLine is a line of an effect: what was, what will be, or what stays the
// same around it.
type DiffLine struct{ Kind, Text string }

const (
	aroundLines = 3   // that stay the same, before and after what changes
	mostDiff    = 400 // lines of each side
)

// hunk compares the two sides of an effect. Lines at the beginning and the end
// that are the same on both are left out, but for a few around the change.
func hunk(d core.Diff) []DiffLine {
	was, will := lines(d.Before), lines(d.After)
	head := 0
	for head < len(was) && head < len(will) && was[head] == will[head] {
		head++
	}
	tail := 0
	for tail < len(was)-head && tail < len(will)-head && was[len(was)-1-tail] == will[len(will)-1-tail] {
		tail++
	}
	var out []DiffLine
	add := func(kind string, list []string) {
		for _, text := range list {
			out = append(out, DiffLine{kind, text})
		}
	}
	end := len(was) - tail
	add("same", was[max(0, head-aroundLines):head])
	add("was", was[head:end])
	add("will", will[head:len(will)-tail])
	add("same", was[end:min(len(was), end+aroundLines)])
	return out
}

// lines parts a text that may have several, each made harmless.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	list := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(list) > mostDiff {
		list = append(list[:mostDiff], "…")
	}
	for i := range list {
		list[i] = text(strings.ReplaceAll(list[i], "\t", "    "))
	}
	return list
}
