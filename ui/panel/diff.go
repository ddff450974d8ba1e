package panel

import (
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// DiffLine is a line of an effect: what was, what will be, or what stays the
// same around it.
type DiffLine struct{ Kind, Text string }

const (
	aroundLines = 3    // that stay the same, before and after what changes
	mostDiff    = 1500 // lines of each side
)

// hunk compares the two sides of an effect. Long runs of lines that are the same
// on both are left out, but for a few around what changes.
func hunk(d core.Diff) []DiffLine {
	return around(compared(lines(d.Before), lines(d.After)))
}

// compared lays two texts side by side by their longest common sequence of
// lines.
func compared(was, will []string) []DiffLine {
	common := make([][]int, len(was)+1) // of was[i:] and will[j:]
	for i := range common {
		common[i] = make([]int, len(will)+1)
	}
	for i := len(was) - 1; i >= 0; i-- {
		for j := len(will) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if was[i] == will[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out []DiffLine
	i, j := 0, 0
	for i < len(was) || j < len(will) {
		switch {
		case i < len(was) && j < len(will) && was[i] == will[j]:
			out = append(out, DiffLine{"same", was[i]})
			i, j = i+1, j+1
		case j == len(will) || i < len(was) && common[i+1][j] >= common[i][j+1]:
			out = append(out, DiffLine{"was", was[i]})
			i++
		default:
			out = append(out, DiffLine{"will", will[j]})
			j++
		}
	}
	return out
}

// around keeps what changes and a few lines around it; what is left out in
// between is marked.
func around(all []DiffLine) []DiffLine {
	var out []DiffLine
	left := false
	for i, line := range all {
		near := slices.ContainsFunc(all[max(0, i-aroundLines):min(len(all), i+aroundLines+1)], func(l DiffLine) bool { return l.Kind != "same" })
		switch {
		case near:
			if left && len(out) > 0 {
				out = append(out, DiffLine{"same", "⋯"})
			}
			out, left = append(out, line), false
		default:
			left = true
		}
	}
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
