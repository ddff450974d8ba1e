package configure

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// isText reports whether a file can be edited as a text in a form: browsers take
// what is not UTF-8, and the ends of lines, for something else.
func isText(data []byte) bool {
	return utf8.Valid(data) && !bytes.ContainsRune(data, 0) && bytes.Count(data, []byte("\r")) == bytes.Count(data, []byte("\r\n"))
}

// unix is a text with the ends of lines that forms send, too.
func unix(data []byte) string { return strings.ReplaceAll(string(data), "\r\n", "\n") }

// ended joins the lines of an edited text. Those that are in the text of before end
// as they did there, others as most do.
func ended(before []byte, lines []string) string {
	was, ends := split(before)
	usual := "\n"
	if n := bytes.Count(before, []byte("\r\n")); 2*n > bytes.Count(before, []byte("\n")) {
		usual = "\r\n"
	}
	first, last := 0, 0
	for first < min(len(was), len(lines)) && was[first] == lines[first] {
		first++
	}
	for last < min(len(was), len(lines))-first && was[len(was)-1-last] == lines[len(lines)-1-last] {
		last++
	}
	between := map[string][]string{}
	for i := first; i < len(was)-last; i++ {
		between[was[i]] = append(between[was[i]], ends[i])
	}
	var b strings.Builder
	for i, line := range lines {
		b.WriteString(line)
		end := ""
		switch left := between[line]; {
		case i < first:
			end = ends[i]
		case i >= len(lines)-last:
			end = ends[len(was)-len(lines)+i]
		case len(left) > 0:
			end, between[line] = left[0], left[1:]
		}
		if end == "" { // a new line, or once the last
			end = usual
		}
		if i < len(lines)-1 {
			b.WriteString(end)
		}
	}
	return b.String()
}

// split returns the lines of a text, and how each ends; the last in nothing.
func split(data []byte) (lines, ends []string) {
	for _, line := range strings.SplitAfter(string(data), "\n") {
		bare := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		lines, ends = append(lines, bare), append(ends, line[len(bare):])
	}
	return lines, ends
}
