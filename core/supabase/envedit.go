package supabase

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/basewright/basewright/core"
)

// variableName is what statements finds again, and shells take or ignore.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.\-\[\]]*$`)

// SetEnv returns data with key set to value; every other line stays as it is,
// byte for byte, and so does the file's line ending. A new key goes to the end.
//
// A file that Compose reads and would not read after the edit, or not as meant,
// is refused: a last line without a value is nothing until another one follows.
func SetEnv(data []byte, key, value string) ([]byte, error) {
	out, err := assign(data, key, value)
	if err != nil {
		return nil, err
	}
	if _, err := ParseEnv(data); err != nil {
		return out, nil //nolint:nilerr // it cannot become worse
	}
	vars, err := ParseEnv(out)
	if got, _ := (core.EnvFile{Vars: vars}).Lookup(key); err != nil || got.Reveal() != value {
		return nil, core.Errorf(core.Invalid, "%s cannot be set: a line of the file is no assignment and would swallow it; mend the file first", key)
	}
	return out, nil
}

// assign edits data as SetEnv does, whatever Compose makes of it.
func assign(data []byte, key, value string) ([]byte, error) {
	if !variableName.MatchString(key) {
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
