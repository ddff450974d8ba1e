package logs

import (
	"strings"
	"time"
)

// parsePostgREST understands 21/Nov/2026:21:34:45 +0000: message
func parsePostgREST(e *Entry, text string) bool {
	const stamp = "21/Nov/2026:21:34:45 +0000"
	if len(text) < len(stamp)+2 || text[2] != '/' || text[6] != '/' || text[len(stamp)] != ':' {
		return false
	}
	if e.At.IsZero() {
		e.At, _ = time.Parse("02/Jan/2006:15:04:05 -0700", text[:len(stamp)])
	}
	e.Message = strings.TrimLeft(text[len(stamp)+1:], " ")
	if strings.Contains(e.Message, `"code":"`) {
		e.Level = Error
	}
	return true
}

// parsePostgres understands PostgreSQL's stderr under the prefixes that
// Supabase and the plain image set:
// 10.0.0.1 2026-11-21 21:34:37.429 UTC [3020] user@database FATAL:  message
func parsePostgres(e *Entry, text string) bool {
	open := strings.Index(text, " [")
	if open < 19 || open > 120 {
		return false
	}
	head := strings.TrimLeft(text[:open], " ")
	host := ""
	if i := strings.IndexByte(head, ' '); i > 0 && !isDate(head) {
		host, head = head[:i], head[i+1:]
	}
	pid, rest, ok := strings.Cut(text[open+2:], "] ")
	if !ok || !isDate(head) || pid == "" || !isDigit(pid[0]) {
		return false
	}
	said, message, ok := strings.Cut(rest, ":  ")
	if !ok || len(said) > 200 {
		return false
	}
	word := said[strings.LastIndexByte(said, ' ')+1:]
	if e.Level = levelOf(word); e.Level == "" {
		return false
	}
	if e.At.IsZero() {
		e.At, _ = time.Parse("2006-01-02 15:04:05.999 MST", head)
	}
	e.Message = message
	e.add("host", host)
	e.add("pid", pid)
	if user, database, ok := strings.Cut(strings.TrimSpace(strings.TrimSuffix(said, word)), "@"); ok {
		e.add("user", user)
		e.add("database", database)
	}
	e.add("severity", word)
	if len(message) > 7 && message[5] == ':' && isSQLState(message[:5]) {
		e.Code = message[:5]
	}
	return true
}

// isDate reports whether s begins with a date such as 2026-11-21.
func isDate(s string) bool {
	return len(s) >= 10 && isDigit(s[0]) && s[4] == '-' && s[7] == '-' && isDigit(s[9])
}

// parseElixir understands Realtime, Supavisor and Logflare:
// 21:34:57.830 project=dev [error] external_id=dev MalformedJWT: message
func parseElixir(e *Entry, text string) bool {
	if strings.HasPrefix(text, "** (") {
		e.Level, e.Message = Error, text
		return true
	}
	const stamp = "21:34:57.830"
	if len(text) < len(stamp)+4 || text[2] != ':' || text[5] != ':' || text[8] != '.' || !isDigit(text[0]) {
		return false
	}
	rest := e.pairs(strings.TrimLeft(text[len(stamp):], "0123456789 "))
	if len(rest) < 3 || rest[0] != '[' {
		return false
	}
	word, rest, ok := strings.Cut(rest[1:], "]")
	if e.Level = levelOf(word); !ok || e.Level == "" {
		return false
	}
	e.Message = e.pairs(strings.TrimLeft(rest, " "))
	if !e.Level.AtLeast(Warning) {
		return true
	}
	if name, _, ok := strings.Cut(e.Message, ": "); ok && isErrorName(name) {
		e.Code = name
	}
	return true
}

// pairs reads key=value words off the front and returns what follows them.
func (e *Entry) pairs(s string) string {
	for {
		word, rest, _ := strings.Cut(s, " ")
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" || value == "" || strings.IndexFunc(key, notIdentifier) >= 0 || len(e.Fields) == maxFields {
			return s
		}
		e.add(key, value)
		s = strings.TrimLeft(rest, " ")
	}
}

func notIdentifier(r rune) bool { return r >= 0x80 || !isWord(byte(r)) && r != '.' && r != '-' }

// isErrorName reports whether s is a name such as MalformedJWT.
func isErrorName(s string) bool {
	if len(s) < 6 || len(s) > 60 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	capitals := 0
	for i := range len(s) {
		if !isWord(s[i]) {
			return false
		}
		if s[i] >= 'A' && s[i] <= 'Z' {
			capitals++
		}
	}
	return capitals >= 2 && capitals < len(s)
}

// parseStamped understands a time stamp and a level in either order: Vector's
// 2026-11-21T21:34:36.1Z  INFO vector::app: message key=value
// and imgproxy's
// INFO    [2026-11-21T21:33:04Z] message key=value
func parseStamped(e *Entry, text string) bool {
	first, rest, ok := strings.Cut(text, " ")
	second, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	stamp, word := first, second
	if strings.HasPrefix(second, "[") {
		stamp, word = strings.Trim(second, "[]"), first
	}
	level := levelOf(strings.Trim(word, "[]:"))
	if !ok || level == "" || !isDate(stamp) {
		return false
	}
	e.Level = level
	if e.At.IsZero() {
		e.At = timeOf(stamp)
	}
	e.Message = strings.TrimLeft(rest, " ")
	e.trailing(e.Message)
	return true
}

// trailing reads key=value and key="a value" pairs anywhere in s.
func (e *Entry) trailing(s string) {
	for s != "" && len(e.Fields) < maxFields {
		i := strings.IndexByte(s, '=')
		if i < 0 {
			return
		}
		key := s[strings.LastIndexAny(s[:i], " {")+1 : i]
		s = s[i+1:]
		value, rest, _ := strings.Cut(s, " ")
		if strings.HasPrefix(s, `"`) {
			value, rest, _ = strings.Cut(s[1:], `"`)
		}
		if key == "" || strings.IndexFunc(key, notIdentifier) >= 0 {
			continue
		}
		e.take(key, strings.TrimRight(value, "},:"))
		s = rest
	}
}

// parseWords takes any line: [Error] message, Error: message, or just words.
func parseWords(e *Entry, text string) bool {
	e.Message = strings.TrimSpace(text)
	if strings.HasPrefix(e.Message, "[") {
		if word, rest, ok := strings.Cut(e.Message[1:], "] "); ok {
			if e.Level = levelOf(word); e.Level != "" {
				e.Message = rest
			}
		}
	}
	return true
}

// badWords are what tells the level of a line that names none, the worst first.
var badWords = []struct {
	level Level
	words []string
}{
	{Fatal, []string{"panic:", "FATAL", "PANIC", "fatal error"}},
	{Error, []string{"ERROR", "Error:", "error:", "Uncaught ", "Unhandled", "⨯", "Failed to ", "failed to ", "Exception"}},
	{Warning, []string{"WARN", "Warning", "warning:", "⚠"}},
}

func levelOfText(text string) Level {
	for _, b := range badWords {
		for _, w := range b.words {
			if strings.Contains(text, w) {
				return b.level
			}
		}
	}
	return Info
}
