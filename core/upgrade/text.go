package upgrade

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// clash is a piece of a text that both sides changed, each in its own way.
type clash struct {
	line               int // where it begins in ours, from 1
	base, ours, theirs string
}

// mergeText returns ours with the changes that lead from base to theirs. Where both
// changed the same lines, or lines beside each other, take says who wins; with "" the
// piece stays as in ours and is a clash.
func mergeText(base, ours, theirs string, take Side) (merged string, clashes []clash) {
	a, b := udiff.Lines(base, ours), udiff.Lines(base, theirs)
	var out strings.Builder
	at, line := 0, 1
	for len(a) > 0 || len(b) > 0 {
		na, nb, start, end := region(a, b)
		out.WriteString(base[at:start])
		line += strings.Count(base[at:start], "\n")
		mine, other := edited(base, a[:na], start, end), edited(base, b[:nb], start, end)
		switch {
		case na == 0 || mine != other && nb > 0 && take == Theirs:
			out.WriteString(other)
		case nb == 0 || mine == other || take == Ours:
			out.WriteString(mine)
		default:
			clashes = append(clashes, clash{line, base[start:end], mine, other})
			out.WriteString(mine)
		}
		line += strings.Count(mine, "\n")
		a, b, at = a[na:], b[nb:], end
	}
	out.WriteString(base[at:])
	return out.String(), clashes
}

// region returns the first piece of the base text that is changed, and how many of
// the edits of each side are in it: those that overlap or touch.
func region(a, b []udiff.Edit) (na, nb, start, end int) {
	switch {
	case len(a) == 0:
		start = b[0].Start
	case len(b) == 0:
		start = a[0].Start
	default:
		start = min(a[0].Start, b[0].Start)
	}
	end = start
	for {
		switch {
		case na < len(a) && a[na].Start <= end:
			end = max(end, a[na].End)
			na++
		case nb < len(b) && b[nb].Start <= end:
			end = max(end, b[nb].End)
			nb++
		default:
			return na, nb, start, end
		}
	}
}

// edited is the piece of base from start to end after the edits, which lie in it.
func edited(base string, edits []udiff.Edit, start, end int) string {
	var out strings.Builder
	at := start
	for _, e := range edits {
		out.WriteString(base[at:e.Start])
		out.WriteString(e.New)
		at = e.End
	}
	out.WriteString(base[at:end])
	return out.String()
}

// changed counts the lines that go from one text and come with the other.
func changed(before, after string) (gone, come int) {
	for _, e := range udiff.Lines(before, after) {
		gone += strings.Count(before[e.Start:e.End], "\n")
		come += strings.Count(e.New, "\n")
	}
	return gone, come
}
