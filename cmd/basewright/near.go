package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// mostNear is how many codes are offered for one that is not known.
const mostNear = 5

// nearCodes returns codes that may have been meant: those that look alike, or
// those whose title holds the word.
func nearCodes(all []core.Checker, asked string) []core.Explanation {
	type candidate struct {
		core.Explanation
		far int
	}
	var list []candidate
	for _, c := range all {
		for _, e := range c.Finds {
			far := distance(bare(asked), bare(e.Code))
			if len(asked) >= 3 && strings.Contains(strings.ToUpper(e.Title), asked) {
				far = 1
			}
			if far <= 2 {
				list = append(list, candidate{e, far})
			}
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return cmp.Or(a.far-b.far, strings.Compare(a.Code, b.Code)) })
	var near []core.Explanation
	for _, c := range list[:min(len(list), mostNear)] {
		if c.far == list[0].far {
			near = append(near, c.Explanation)
		}
	}
	return near
}

// bare is a code without what people leave out or put in: pg1 is PG-01.
func bare(code string) string {
	letters := strings.TrimRight(code, "0123456789")
	digits := strings.TrimLeft(code[len(letters):], "0")
	return strings.Trim(letters, "-_ .") + digits
}

// distance is the number of letters to add, take or change to make b of a, or 9
// where that is plainly many.
func distance(a, b string) int {
	if len(a) > 12 || len(b) > 12 {
		return 9
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0]++
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
