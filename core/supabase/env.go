package supabase

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/basewright/basewright/core"
)

var assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-\[\]]*)\s*[=:]`)

// ParseEnv reads a .env file as Docker Compose reads it and says on which line
// each variable stands. An error names the line.
func ParseEnv(data []byte) ([]core.EnvVar, error) {
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, core.Errorf(core.Invalid, "the file holds a NUL byte at offset %d; it is not a text file", bytes.IndexByte(data, 0))
	}
	text := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	values, err := dotenv.UnmarshalBytesWithLookup(text, nil)
	if err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "the file is not a valid .env: " + parseProblem(data, err)}
	}
	var vars []core.EnvVar
	for _, s := range statements(text) {
		if v, ok := values[s.key]; ok {
			vars = append(vars, core.EnvVar{Key: s.key, Value: core.Secret(v), Line: s.line})
		}
	}
	return vars, nil
}

// parseProblem rewrites the parser's message, which quotes the rest of the file
// and with it the secrets, into a line number.
func parseProblem(data []byte, err error) string {
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		if _, e := dotenv.UnmarshalBytesWithLookup([]byte(strings.Join(lines[:i+1], "\n")), nil); e != nil {
			if strings.Contains(e.Error(), "unterminated") {
				continue // a quoted value may go on in the next line
			}
			return fmt.Sprintf("line %d cannot be read", i+1)
		}
	}
	if strings.Contains(err.Error(), "unterminated") {
		return "a quoted value is never closed"
	}
	return "it cannot be read"
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
		for rest := strings.TrimLeft(lines[i][m[1]:], " \t"); open(rest) && i+1 < len(lines); {
			i++
			rest += "\n" + lines[i]
		}
		s.last = i + 1
		out = append(out, s)
	}
	return out
}

// open reports whether value begins with a quote that does not close in it.
func open(value string) bool {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return false
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case value[0]:
			return false
		}
	}
	return true
}

// SetEnv returns data with key set to value; every other line stays as it is,
// byte for byte, and so does the file's line ending. A new key goes to the end.
func SetEnv(data []byte, key, value string) ([]byte, error) {
	if !assignment.MatchString(key + "=") {
		return nil, core.Errorf(core.Invalid, "%q cannot be the name of a variable", key)
	}
	line, err := quote(value)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", key, err)
	}
	ending := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		ending = "\r\n"
	}
	line = key + "=" + line
	at, found := last(data, key)
	if !found {
		if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
			data = append(bytes.Clone(data), ending...)
		}
		return append(bytes.Clone(data), line+ending...), nil
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	tail := lines[at.last-1]
	if !bytes.HasSuffix(tail, []byte("\n")) {
		ending = ""
	}
	out := bytes.Join(lines[:at.line-1], nil)
	out = append(out, line+ending...)
	return append(out, bytes.Join(lines[at.last:], nil)...), nil
}

// UnsetEnv returns data without any assignment of key.
func UnsetEnv(data []byte, key string) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	for _, s := range statements(data) {
		if s.key == key {
			for i := s.line - 1; i < s.last; i++ {
				lines[i] = nil
			}
		}
	}
	return bytes.Join(lines, nil)
}

func last(data []byte, key string) (statement, bool) {
	found, ok := statement{}, false
	for _, s := range statements(data) {
		if s.key == key {
			found, ok = s, true
		}
	}
	return found, ok
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,~^-]*$`)

// quote writes value so that Compose reads it back unchanged: bare where that
// is safe, else in single quotes, else in double quotes with escapes.
func quote(value string) (string, error) {
	switch {
	case strings.ContainsRune(value, 0):
		return "", core.Errorf(core.Invalid, "a value cannot hold a NUL byte")
	case plain.MatchString(value):
		return value, nil
	case !strings.ContainsAny(value, "'\\\n\r"):
		return "'" + value + "'", nil
	}
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`)
	quoted := `"` + r.Replace(value) + `"`
	back, err := dotenv.UnmarshalBytesWithLookup([]byte("K="+quoted), nil)
	if err != nil || back["K"] != value {
		return "", core.Errorf(core.Invalid, "the value cannot be written to a .env file so that Compose reads it back unchanged")
	}
	return quoted, nil
}
