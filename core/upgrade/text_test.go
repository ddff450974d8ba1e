package upgrade

import (
	"strings"
	"testing"
)

func TestMergeText(t *testing.T) {
	const base = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"
	swap := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(base) }
	for name, tt := range map[string]struct {
		ours, theirs string
		take         Side
		want         string
		clashes      int
	}{
		"only the release changed":            {base, swap("two", "2"), "", swap("two", "2"), 0},
		"only the person changed":             {swap("two", "2"), base, "", swap("two", "2"), 0},
		"each changed another line":           {swap("two", "2"), swap("six", "6"), "", swap("two", "2", "six", "6"), 0},
		"both made the same change":           {swap("two", "2"), swap("two", "2"), "", swap("two", "2"), 0},
		"both changed a line":                 {swap("two", "2"), swap("two", "zwei"), "", swap("two", "2"), 1},
		"both changed a line, ours wins":      {swap("two", "2", "six", "6"), swap("two", "zwei", "seven\n", ""), Ours, swap("two", "2", "six", "6"), 0},
		"both changed a line, theirs wins":    {swap("two", "2", "four", "4"), swap("two", "zwei"), Theirs, swap("two", "zwei", "four", "4"), 0},
		"lines beside each other":             {swap("two", "2"), swap("three", "3"), "", swap("two", "2"), 1},
		"the person removed what was changed": {swap("two\nthree\n", ""), swap("three", "3"), "", swap("two\nthree\n", ""), 1},
		"both added at the end":               {base + "mine\n", base + "theirs\n", "", base + "mine\n", 1},
		"one clash of two changes":            {swap("two", "2"), swap("two", "zwei", "six", "6"), "", swap("two", "2", "six", "6"), 1},
		"the person removed the file":         {"", swap("two", "2"), "", "", 1},
		"no newline at the end":               {strings.TrimSuffix(base, "\n"), swap("one", "1"), "", strings.TrimSuffix(swap("one", "1"), "\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, clashes := mergeText(base, tt.ours, tt.theirs, tt.take)
			if got != tt.want || len(clashes) != tt.clashes {
				t.Errorf("got %q with %+v, want %q with %d", got, clashes, tt.want, tt.clashes)
			}
		})
	}
}

func TestClashesSayWhere(t *testing.T) {
	_, clashes := mergeText("a\nb\nc\nd\n", "x\na\nb\nc\nD\n", "a\nb\nc\n4\n", "")
	want := clash{line: 5, base: "d\n", ours: "D\n", theirs: "4\n"}
	if len(clashes) != 1 || clashes[0] != want {
		t.Errorf("got %+v, want %+v", clashes, want)
	}
}

// FuzzMergeText holds that nothing of one side is lost where the other changed
// nothing, and that a merge without clashes is the same from both ends.
func FuzzMergeText(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nx\nc\n", "a\nb\nd\n")
	f.Add("", "mine\n", "theirs\n")
	f.Add("a", "a\n", "")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		if got, clashes := mergeText(base, ours, base, ""); got != ours || len(clashes) > 0 {
			t.Errorf("the release changed nothing: got %q, %d clashes", got, len(clashes))
		}
		if got, clashes := mergeText(base, base, theirs, ""); got != theirs || len(clashes) > 0 {
			t.Errorf("the person changed nothing: got %q, %d clashes", got, len(clashes))
		}
		one, clashes := mergeText(base, ours, theirs, "")
		other, reverse := mergeText(base, theirs, ours, "")
		if len(clashes) != len(reverse) || len(clashes) == 0 && one != other {
			t.Errorf("from one end %q with %d clashes, from the other %q with %d", one, len(clashes), other, len(reverse))
		}
		if taken, left := mergeText(base, ours, theirs, Theirs); len(left) > 0 || len(clashes) == 0 && taken != one {
			t.Errorf("decided, there are %d clashes and %q", len(left), taken)
		}
	})
}
