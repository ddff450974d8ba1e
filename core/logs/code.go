package logs

import "strings"

// codeOf finds the code that a service names in prose: a SQLSTATE, or an error
// of PostgREST. The last SQLSTATE counts, for it is the innermost cause.
func codeOf(e *Entry) string {
	if c := stateIn(e.Message); c != "" {
		return c
	}
	for _, f := range e.Fields {
		if !strings.HasPrefix(f.Key, "err") {
			continue
		}
		if c := stateIn(f.Value); c != "" {
			return c
		}
	}
	for _, key := range codeFields {
		if v := e.Fields.Get(key); len(v) > 3 && len(v) <= 64 { // three digits are an HTTP status
			return v
		}
	}
	if c := codeIn(e.Message); c != "" {
		return c
	}
	for _, f := range e.Fields {
		if !strings.HasPrefix(f.Key, "err") {
			continue
		}
		if c := codeIn(f.Value); c != "" {
			return c
		}
	}
	return ""
}

// codeFields are the fields that hold a code, the most telling first.
var codeFields = []string{"error.code", "err.code", "error_code", "code", "error.originalError.code"}

// stateIn returns the last SQLSTATE that text calls by that name, or "".
func stateIn(text string) string {
	if i := lastIndex(text, "SQLSTATE"); i >= 0 {
		if c := strings.TrimLeft(text[i+len("SQLSTATE"):], " =:["); len(c) >= 5 && isSQLState(c[:5]) {
			return c[:5]
		}
	}
	return ""
}

// codeIn finds a code in prose by what stands around it.
func codeIn(text string) string {
	for _, before := range []string{`"code":"`, `"code": "`, "FATAL ", "ERROR ", "FATAL:  ", "ERROR:  "} {
		if i := lastIndex(text, before); i >= 0 {
			if c := codeAt(text[i+len(before):]); c != "" {
				return c
			}
		}
	}
	if i := strings.Index(text, "PGRST"); i >= 0 {
		return codeAt(text[i:])
	}
	if n := len(text); n > 7 && text[n-1] == ')' && text[n-7] == '(' && isSQLState(text[n-6:n-1]) {
		return text[n-6 : n-1]
	}
	for _, k := range known {
		if strings.Contains(text, k.text) {
			return k.state
		}
	}
	return ""
}

// known are refusals of PostgreSQL that its log names without their SQLSTATE.
// Source: ereport calls in src/backend of PostgreSQL 15 to 17.
var known = []struct{ text, state string }{
	{"password authentication failed for user", "28P01"},
	{"sorry, too many clients already", "53300"},
	{"remaining connection slots are reserved", "53300"},
	{"No space left on device", "53100"},
	{"the database system is starting up", "57P03"},
	{"the database system is shutting down", "57P03"},
	{"the database system is in recovery mode", "57P03"},
}

// lastIndex is strings.LastIndex, fast where there is nothing, as is usual.
func lastIndex(text, part string) int {
	if !strings.Contains(text, part) {
		return -1
	}
	return strings.LastIndex(text, part)
}

// codeAt returns the code that s begins with, or "".
func codeAt(s string) string {
	if strings.HasPrefix(s, "PGRST") {
		n := len("PGRST")
		for n < len(s) && n < 8 && (isDigit(s[n]) || s[n] == 'X') {
			n++
		}
		if n == 8 {
			return s[:n]
		}
	}
	if len(s) >= 5 && isSQLState(s[:5]) && (len(s) == 5 || !isWord(s[5])) {
		return s[:5]
	}
	return ""
}

// isSQLState reports whether s looks like a SQLSTATE: five capitals and digits,
// with a digit among them.
func isSQLState(s string) bool {
	digits := 0
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
			digits++
		case s[i] < 'A' || s[i] > 'Z':
			return false
		}
	}
	return len(s) == 5 && digits > 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
