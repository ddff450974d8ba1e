package logs

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// parseJSON understands a line that is a JSON object: GoTrue's logrus, the pino
// of Storage and Meta, and others with their usual keys. Of a line that was cut
// it keeps what there is.
func parseJSON(e *Entry, text string) bool {
	start := strings.TrimLeft(text, " \t")
	if len(start) < 2 || start[0] != '{' {
		return false
	}
	e.Fields = make(Fields, 0, 12)
	s := scanner{text: start}
	whole := s.object(e, "", 1)
	if !whole && len(e.Fields) == 0 && e.Message == "" {
		e.Fields, e.Level, e.Status = nil, "", 0
		return false
	}
	if e.Message == "" {
		e.Message = text
		for _, key := range [...]string{"error.message", "err.message", "error", "err", "event_message"} {
			if v := e.Fields.Get(key); v != "" {
				e.Message = v
				break
			}
		}
	}
	if e.Status >= 500 && !e.Level.AtLeast(Error) {
		e.Level = Error // services call an answer of 500 information
	}
	return true
}

// take puts a value where its key belongs.
func (e *Entry) take(key, value string) {
	switch key {
	case "level", "severity", "log_level":
		if l := levelOf(value); l != "" && e.Level == "" {
			e.Level = l
			return
		}
	case "msg", "message":
		if e.Message == "" {
			e.Message = value
			return
		}
	case "time", "ts", "timestamp":
		if e.At.IsZero() {
			e.At = timeOf(value)
		}
		return
	case "status", "statusCode", "res.statusCode":
		if n, err := strconv.Atoi(value); err == nil && n >= 100 && n < 600 {
			e.Status = n
			return
		}
	}
	e.add(key, value)
}

// timeOf reads RFC 3339 or milliseconds since 1970, or gives the zero time.
func timeOf(value string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return t
	}
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil && ms > 1e11 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// scanner walks over JSON text. It accepts more than JSON, never less.
type scanner struct {
	text string
	at   int
}

// object reads the object at the scanner into fields of e, nested ones with
// their path. It reports whether it came to the end.
func (s *scanner) object(e *Entry, path string, depth int) bool {
	s.at++ // {
	for {
		switch s.peek() {
		case '}':
			s.at++
			return true
		case ',':
			s.at++
			continue
		case '"':
		default:
			return false
		}
		key, ok := s.str()
		if !ok || s.peek() != ':' {
			return false
		}
		s.at++
		if path != "" {
			key = path + "." + key
		}
		if !s.value(e, key, depth) {
			return false
		}
	}
}

// value reads one value into the field key.
func (s *scanner) value(e *Entry, key string, depth int) bool {
	start := s.at
	switch s.peek() {
	case 0:
		return false
	case '"':
		v, ok := s.str()
		e.take(key, v)
		return ok
	case '{':
		if depth < maxDepth && len(e.Fields) < maxFields {
			return s.object(e, key, depth+1)
		}
		fallthrough
	case '[':
		ok := s.skip()
		e.take(key, strings.TrimSpace(s.text[start:s.at]))
		return ok
	}
	for s.at < len(s.text) && !strings.ContainsRune(",}] \t", rune(s.text[s.at])) {
		s.at++
	}
	if v := strings.TrimSpace(s.text[start:s.at]); v != "null" {
		e.take(key, v)
	}
	return s.at < len(s.text)
}

// skip passes over an array or object without looking into it.
func (s *scanner) skip() bool {
	depth := 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			if _, ok := s.str(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return true
		}
	}
	return false
}

// peek returns the next byte that is not blank, or 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.text) {
		if c := s.text[s.at]; c != ' ' && c != '\t' {
			return c
		}
		s.at++
	}
	return 0
}

// str reads the string at the scanner. Without escapes it is a part of the text.
func (s *scanner) str() (string, bool) {
	s.at++ // "
	rest := s.text[s.at:]
	end := strings.IndexByte(rest, '"')
	if end >= 0 && strings.IndexByte(rest[:end], '\\') < 0 {
		s.at += end + 1
		return rest[:end], true
	}
	var b strings.Builder
	b.Grow(max(end, 64))
	for s.at < len(s.text) {
		n := 0
		for rest = s.text[s.at:]; n < len(rest) && rest[n] != '"' && rest[n] != '\\'; n++ {
		}
		b.WriteString(rest[:n])
		if s.at += n + 1; n == len(rest) {
			s.at = len(s.text)
		} else if rest[n] == '"' {
			return decoded(b.String()), true
		} else {
			s.escape(&b)
		}
	}
	return decoded(b.String()), false
}

// decoded makes text that was hidden behind escapes as harmless as the rest.
func decoded(v string) string {
	if plain(v) {
		return v
	}
	return Clean(v)
}

// escape reads what follows a backslash.
func (s *scanner) escape(b *strings.Builder) {
	if s.at == len(s.text) {
		return
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case 'n', 'r', 't':
		b.WriteByte(' ')
	case 'b', 'f':
	case 'u':
		r := s.hex()
		if utf16.IsSurrogate(r) && strings.HasPrefix(s.text[s.at:], `\u`) {
			s.at += 2
			r = utf16.DecodeRune(r, s.hex())
		}
		if r != utf8.RuneError {
			b.WriteRune(r)
		}
	default:
		b.WriteByte(c)
	}
}

func (s *scanner) hex() rune {
	if len(s.text) < s.at+4 {
		s.at = len(s.text)
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(s.text[s.at:s.at+4], 16, 16)
	s.at += 4
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
