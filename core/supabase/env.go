package supabase

import (
	"bytes"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/basewright/basewright/core"
)

var assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-\[\]]*)\s*[=:]`)

// maxEnv bounds a .env file, as written and with its variables filled in. That
// of a stack has a few KB.
const maxEnv = 1 << 20

// ParseEnv reads a .env file as Docker Compose reads it and says on which line
// each variable stands. An error names the line.
func ParseEnv(data []byte) ([]core.EnvVar, error) {
	values, err := parseEnv(data, nil)
	if err != nil {
		return nil, err
	}
	written := asWritten(data)
	var vars []core.EnvVar
	for _, s := range statements(bytes.TrimPrefix(data, byteOrderMark)) {
		v, ok := values[s.key]
		if !ok {
			continue
		}
		e := core.EnvVar{Key: s.key, Value: core.Secret(v), Line: s.line}
		if w := written[s.key]; strings.Count(w, "$") > strings.Count(v, "$") {
			e.Written = core.Secret(w)
		}
		vars = append(vars, e)
	}
	return vars, nil
}

// dollar stands for a dollar sign that is to be nothing but that: no text has it.
const dollar = "\ue0ff"

// asWritten reads a file that can be read, with every dollar sign as it stands
// there; nothing of one without them.
func asWritten(data []byte) map[string]string {
	if !bytes.ContainsRune(data, '$') || bytes.Contains(data, []byte(dollar)) {
		return nil
	}
	text := strings.NewReplacer(`\$`, dollar, "$", dollar).Replace(string(data))
	values, err := parseEnv([]byte(text), nil)
	if err != nil {
		return nil
	}
	for key, v := range values {
		values[key] = strings.ReplaceAll(v, dollar, "$")
	}
	return values
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// parseEnv reads a file of variables that may use those of outer.
func parseEnv(data []byte, outer map[string]string) (map[string]string, error) {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return nil, core.Errorf(core.Invalid, "the file holds a NUL byte at offset %d; it is not a text file", at)
	}
	if len(data) > maxEnv {
		return nil, core.Errorf(core.Invalid, "the file is larger than %d MiB; that is not a .env", maxEnv>>20)
	}
	text := string(bytes.TrimPrefix(data, byteOrderMark))
	if err := checkGrowth(text, outer); err != nil {
		return nil, err
	}
	lookup := func(name string) (string, bool) {
		v, ok := outer[name]
		return v, ok
	}
	values, err := dotenv.UnmarshalWithLookup(text, lookup)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the file is not a valid .env: %s", parseProblem(text, err, lookup))
	}
	return values, nil
}

// parseProblem rewrites the parser's message, which quotes the rest of the file
// and with it the secrets, into a line number: that of the shortest beginning of
// the file that cannot be read. One that ends within quotes may still go on.
func parseProblem(text string, err error, lookup dotenv.LookupFn) string {
	if unterminated.MatchString(err.Error()) {
		return "a quoted value is never closed"
	}
	lines := strings.SplitAfter(text, "\n")
	ends := make([]int, len(lines))
	for i, end := 0, 0; i < len(lines); i++ {
		end += len(lines[i])
		ends[i] = end
	}
	first := sort.Search(len(lines), func(i int) bool {
		_, err := dotenv.UnmarshalWithLookup(text[:ends[i]], lookup)
		return err != nil && !unterminated.MatchString(err.Error())
	})
	if first == len(lines) {
		return "it cannot be read"
	}
	return fmt.Sprintf("line %d cannot be read", first+1)
}

var unterminated = regexp.MustCompile(`^line \d+: unterminated quoted value`)

// checkGrowth refuses a file that a few lines of ${A}${A} would make huge: it
// adds up how long each value may become, before anything expands it.
func checkGrowth(text string, outer map[string]string) error {
	own, total := map[string]int{}, 0
	return eachAssignment(text, func(key, value string, line int) error {
		size := len(value)
		if value == "" || value[0] != '\'' {
			var ok bool
			value = strings.ReplaceAll(value, `\0044`, "$") // an escaped dollar counts, too
			if size, ok = grown(value, func(name string) int { return max(len(outer[name]), own[name]) }); !ok {
				return core.Errorf(core.Invalid, "line %d uses too many variables", line)
			}
		}
		if total += size; total > maxEnv {
			return core.Errorf(core.Invalid, "with line %d the values become larger than %d MiB; that is not a .env", line, maxEnv>>20)
		}
		own[key] = size
		return nil
	})
}

var reference = regexp.MustCompile(`\$\{?((?i:[_a-z][_a-z0-9]*))`)

// grown says how long value may become, given the length of each variable. It
// is not ok when filling it in would take too long: Compose reads the rest of
// a value once more for each variable with a default.
func grown(value string, length func(name string) int) (size int, ok bool) {
	const work = 1 << 26
	size = len(value)
	names := reference.FindAllStringSubmatch(value, -1)
	for _, m := range names {
		size += length(m[1])
	}
	return size, strings.Count(value, "${")*len(value) <= work
}

var exported = regexp.MustCompile(`^export\s+`)

// eachAssignment visits what Compose takes for assignments, with the value as
// written. There may be several on one line, one behind another's quote.
func eachAssignment(text string, visit func(key, value string, line int) error) error {
	for line := 1; ; {
		rest := strings.TrimLeftFunc(text, unicode.IsSpace)
		line += strings.Count(text[:len(text)-len(rest)], "\n")
		stop := "=:\n"
		if strings.HasPrefix(rest, "#") {
			stop = "\n"
		}
		at := strings.IndexAny(rest, stop)
		if at < 0 {
			return nil
		}
		if rest[at] == '\n' {
			text = rest[at:]
			continue
		}
		key := strings.TrimSpace(exported.ReplaceAllString(rest[:at], ""))
		value := strings.TrimLeft(rest[at+1:], "\t\v\f\r \u0085\u00a0")
		end := valueEnd(value)
		if err := visit(key, value[:end], line); err != nil {
			return err
		}
		text = value[end:]
		line += strings.Count(rest[:len(rest)-len(text)], "\n")
	}
}

// valueEnd returns where the value ends that text begins with.
func valueEnd(text string) int {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		if at := closingQuote(text[1:], text[0]); at >= 0 {
			return at + 2
		}
		return len(text)
	}
	if at := strings.IndexByte(text, '\n'); at >= 0 {
		return at
	}
	return len(text)
}

// statement is one assignment of a .env file: lines first to last (counted from
// 1; a quoted value may span several).
type statement struct {
	key        string
	line, last int
}

// statements finds the assignments in a .env file that parses.
func statements(data []byte) []statement {
	lines := strings.Split(string(data), "\n")
	var out []statement
	for i := 0; i < len(lines); i++ {
		m := assignment.FindStringSubmatchIndex(lines[i])
		if m == nil {
			continue
		}
		s := statement{key: lines[i][m[2]:m[3]], line: i + 1}
		value := strings.TrimLeft(lines[i][m[1]:], " \t")
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			for part := value[1:]; closingQuote(part, value[0]) < 0 && i+1 < len(lines); part = lines[i] {
				i++
			}
		}
		s.last = i + 1
		out = append(out, s)
	}
	return out
}

// closingQuote returns the index of the first quote in text that no backslash
// precedes, or -1.
func closingQuote(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return -1
}
