package docker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for name, row := range map[string]struct{ in, want string }{
		"plain text":             {"hello\tworld", "hello\tworld"},
		"colours":                {"\x1b[1;31mred\x1b[0m", "red"},
		"a clipboard sequence":   {"a\x1b]52;c;cm0gLXJm\x07b", "ab"},
		"a title, ended by ST":   {"a\x1b]0;title\x1b\\b", "ab"},
		"an unended sequence":    {"a\x1b]0;title", "a"},
		"a lone escape":          {"a\x1b", "a"},
		"two-character escapes":  {"a\x1bcb", "ab"},
		"overwriting":            {"good\rbad", "goodbad"},
		"right to left":          {"a\u202egnp.exe", "agnp.exe"},
		"C1 control characters":  {"a\u009b31mb", "a31mb"},
		"bytes that are no text": {"a\xff\xfeb", "a\ufffd\ufffdb"},
		"other languages":        {"žluťoučký 馬", "žluťoučký 馬"},
		"NUL":                    {"a\x00b", "ab"},
		"CSI cut by a newline":   {"a\x1b[31\nb", "a\nb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := clean([]byte(row.in), 100); got != row.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTailIsBounded(t *testing.T) {
	var kept tailKeeper
	w := &lineWriter{keep: &kept}
	chunk := bytes.Repeat([]byte("ž\x1b[1m"), 1000)
	for range 2000 { // one line of 12 MB
		w.Write(chunk)
	}
	w.Write([]byte("\n"))
	for i := range 1000 {
		fmt.Fprintf(w, "2026-11-21T20:00:00.5Z line %d %s\n", i, strings.Repeat("x", 20<<10))
	}
	w.flush()
	size := 0
	for _, l := range kept.lines {
		size += len(l.Text)
		if len(l.Text) > maxLine || !utf8.ValidString(l.Text) {
			t.Fatalf("a line of %d bytes", len(l.Text))
		}
	}
	if size > maxTail || len(kept.lines) < 30 || !strings.HasPrefix(kept.lines[len(kept.lines)-1].Text, "line 999") {
		t.Fatalf("kept %d lines, %d bytes", len(kept.lines), size)
	}
	if kept.lines[0].At.IsZero() {
		t.Error("the time stamp is lost")
	}
}
