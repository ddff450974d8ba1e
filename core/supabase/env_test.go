package supabase

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/basewright/basewright/core"
)

func TestParseEnv(t *testing.T) {
	tests := map[string]struct {
		file      string
		key, want string
		line      int
	}{
		"a plain value":                        {"A=1\nB=two\n", "B", "two", 2},
		"the last of equal keys counts":        {"A=1\nA=2\n", "A", "2", 2},
		"single quotes are literal":            {"A='pa$word'\n", "A", "pa$word", 1},
		"a hash inside a value stays":          {"A=a#b\n", "A", "a#b", 1},
		"a hash after a blank begins a remark": {"A=a #b\n", "A", "a", 1},
		"a comment and blank lines":            {"# A=0\n\nA=1\n", "A", "1", 3},
		"export before the key":                {"export A=1\n", "A", "1", 1},
		"a value over two lines":               {"A='x\ny'\nB=2\n", "B", "2", 3},
		"a byte order mark":                    {"\xef\xbb\xbfA=1\n", "A", "1", 1},
		"no newline at the end":                {"A=1", "A", "1", 1},
		"an empty value":                       {"A=\nB=1\n", "A", "", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			vars, err := ParseEnv([]byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			value, line := "missing", 0
			for _, v := range vars {
				if v.Key == tt.key {
					value, line = v.Value.Reveal(), v.Line
				}
			}
			if value != tt.want || line != tt.line {
				t.Errorf("%s = %q on line %d, want %q on line %d", tt.key, value, line, tt.want, tt.line)
			}
		})
	}
}

// TestParseEnvTellsWhatIsWritten: where Compose takes a dollar sign for a variable,
// what is written can be had, too.
func TestParseEnvTellsWhatIsWritten(t *testing.T) {
	for line, want := range map[string]struct{ value, written string }{
		`A=ab$cdef`:         {"ab", "ab$cdef"},
		`A="ab$cdef" # why`: {"ab", "ab$cdef"},
		`A=$cdef`:           {"", "$cdef"},
		`A=a${B:-b}`:        {"ab", "a${B:-b}"},
		`A=a$$b`:            {"a$b", "a$$b"},
		`A='ab$cdef'`:       {"ab$cdef", ""},
		`A="ab\$cdef"`:      {"ab$cdef", ""},
		`A='ab\$cdef'`:      {`ab\$cdef`, ""},
		`A=ab # a$b`:        {"ab", ""},
		`A=ab$`:             {"ab$", ""},
	} {
		vars, err := ParseEnv([]byte("X=$Y\n" + line + "\n"))
		if err != nil || len(vars) != 2 {
			t.Fatalf("%s: %v, %v", line, vars, err)
		}
		got := vars[1]
		if got.Value.Reveal() != want.value || got.Written.Reveal() != want.written || got.Line != 2 {
			t.Errorf("%s is read as %q, written %q in line %d", line, got.Value.Reveal(), got.Written.Reveal(), got.Line)
		}
	}
}

func TestParseEnvErrorsNameTheLineAndNoSecret(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"a quote too many":  {"A=1\nB='it''hunter2'\nC=3\n", "line 2"},
		"a NUL byte":        {"A=1\x00", "NUL byte at offset 3"},
		"a quote left open": {"A=1\nB='hunter2\n", "never closed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnv([]byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("err = %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestSetEnvTouchesOneLine(t *testing.T) {
	tests := map[string]struct{ file, key, value, want string }{
		"replaces in place":             {"# a\nA=1 # why\nB=2\n", "A", "9", "# a\nA=9\nB=2\n"},
		"keeps a missing last newline":  {"A=1\nB=2", "B", "3", "A=1\nB=3"},
		"adds a newline before it adds": {"A=1", "B", "2", "A=1\nB=2\n"},
		"keeps Windows line endings":    {"A=1\r\nB=2\r\n", "A", "3", "A=3\r\nB=2\r\n"},
		"replaces a value of two lines": {"A='x\ny'\nB=2\n", "A", "1", "A=1\nB=2\n"},
		"changes the last of two":       {"A=1\nA=2\n", "A", "3", "A=1\nA=3\n"},
		"quotes what needs it":          {"A=1\n", "A", "a b$c", "A='a b$c'\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := SetEnv([]byte(tt.file), tt.key, tt.value)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestUnsetEnv(t *testing.T) {
	got := UnsetEnv([]byte("A=1\nB='x\ny'\nC=3\nB=4\n"), "B")
	if string(got) != "A=1\nC=3\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzSetEnv checks against Compose's own parser that what is written reads
// back unchanged and that no other value moves.
func FuzzSetEnv(f *testing.F) {
	for _, v := range []string{"plain", "pa$word", "a#b", `it's "fine"`, "tab\tand\nnewline", `back\slash`, "ünïcode", " lead", "$(id)", "${A}", `\n`, `\$x`} {
		f.Add("A=1\nB=2\n", v)
	}
	f.Fuzz(func(t *testing.T, file, value string) {
		before, err := dotenv.UnmarshalBytesWithLookup([]byte(file), nil)
		if err != nil || bytes.ContainsAny([]byte(file), "\x00") || strings.Contains(file, "KEY") || strings.Contains(file, "$") {
			t.Skip()
		}
		if _, err := ParseEnv([]byte(file)); err != nil {
			t.Skip()
		}
		out, err := SetEnv([]byte(file), "KEY", value)
		if err != nil {
			t.Skip() // refused, not mangled
		}
		after, err := dotenv.UnmarshalBytesWithLookup(bytes.TrimPrefix(out, []byte("\xef\xbb\xbf")), nil)
		if err != nil {
			t.Fatalf("no longer parses: %v\n%q", err, out)
		}
		if after["KEY"] != value {
			t.Errorf("KEY = %q, want %q", after["KEY"], value)
		}
		for k, v := range before {
			if after[k] != v && k != "KEY" && k != "" { // Compose calls a last line without a sign a variable without a name
				t.Errorf("%s moved from %q to %q", k, v, after[k])
			}
		}
	})
}

// TestParseEnvIsBounded wants an answer to files made to take hours and all of the
// memory; without the bounds the test does not end.
func TestParseEnvIsBounded(t *testing.T) {
	growing := func(format string) string {
		var b strings.Builder
		b.WriteString("A0=xxxxxxxxxx\n")
		for i := 1; i < 13; i++ {
			fmt.Fprintf(&b, format, i, strings.Repeat(fmt.Sprintf("${A%d}", i-1), 10))
		}
		return b.String()
	}
	many := strings.Repeat("KEY=some value\n", 20_000)
	for name, tt := range map[string]struct{ file, want string }{
		"many lines and a bad one":      {many + "A B=x\n", "line 20001 cannot be read"},
		"a bad line and many":           {"A=1\nA B=x\n" + many, "line 2 cannot be read"},
		"many lines and an open quote":  {many + "B='x\n", "never closed"},
		"a file too large":              {strings.Repeat("A=xxxxxxxxxx\n", 1<<17), "larger than 1 MiB"},
		"values that grow":              {growing("A%d=%s\n"), "with line 6 the values"},
		"values that grow in quotes":    {growing("A%d=\"%s\"\n"), "with line 6 the values"},
		"values that grow on one line":  {"B='x' " + strings.ReplaceAll(growing("A%d=\"%s\" "), "\n", "\nC='' "), "the values"},
		"values that grow by a default": {growing("A%d=${NONE:-%s}\n"), "with line 6 the values"},
		"one value that doubles":        {"A=0123456789\n" + strings.Repeat("A=$A$A\n", 30), "the values"},
		"a dollar that is escaped":      {"A=" + strings.Repeat("x", 1000) + "\n" + strings.Repeat(`A="\0044{A}\0044{A}"`+"\n", 30), "the values"},
		"defaults beside defaults":      {"A=" + strings.Repeat("${B:-x}", 50_000) + "\n", "line 1 uses too many variables"},
		"a value of many lines":         {"A=\"" + strings.Repeat("\n", 200_000) + "\"\nB C=1\n", "line 200002 cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnv([]byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) || core.CodeOf(err) != core.Invalid {
				t.Errorf("err = %v, want %q in it", err, tt.want)
			}
		})
	}
	if vars, err := ParseEnv([]byte("A=\"" + strings.Repeat("\n", 200_000) + "\"\nB=1\n")); err != nil || len(vars) != 2 || vars[1].Line != 200_002 {
		t.Errorf("a long value: %v", err)
	}
}

// TestSetEnvBesideAnotherLine wants a last line that is no assignment either
// left alone or refused, never made a part of the new one.
func TestSetEnvBesideAnotherLine(t *testing.T) {
	for text, want := range map[string]string{"0": "0\nA=1\n", "0\n": "0\nA=1\n", "B": "B\nA=1\n", "t s": "", "#x": "#x\nA=1\n", "": "A=1\n", "\n": "\nA=1\n"} {
		got, err := SetEnv([]byte(text), "A", "1")
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%q became %q, %v; want %q", text, got, err, want)
		}
	}
	for _, name := range []string{"A=B", "A B", "", "1A", "A\nB", "A#"} {
		if _, err := SetEnv(nil, name, "1"); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q was taken for the name of a variable: %v", name, err)
		}
	}
}
