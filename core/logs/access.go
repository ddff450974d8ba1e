package logs

import (
	"strconv"
	"strings"
	"time"
)

// parseAccess understands the access log that nginx, Kong and PostgREST share:
// 10.0.0.1 - anon [21/Nov/2026:21:34:36 +0000] "GET / HTTP/1.1" 503 119 "-" "curl"
func parseAccess(e *Entry, text string) bool {
	head, rest, ok := strings.Cut(text, ` [`)
	if !ok || len(head) > 200 {
		return false
	}
	stamp, rest, ok := strings.Cut(rest, `] "`)
	if !ok || len(stamp) > 40 {
		return false
	}
	host, user, ok := strings.Cut(head, " - ")
	if !ok {
		return false
	}
	tail, ok := e.request(rest)
	if !ok {
		return false
	}
	if e.At.IsZero() {
		e.At, _ = time.Parse("02/Jan/2006:15:04:05 -0700", stamp)
	}
	size, quoted, _ := strings.Cut(tail, ` "`)
	referer, agent, _ := strings.Cut(quoted, `" "`)
	e.add("bytes", strings.TrimSpace(size))
	e.add("referer", strings.TrimSuffix(referer, `"`))
	e.add("user_agent", strings.TrimSuffix(agent, `"`))
	e.add("remote_addr", host)
	e.add("user", user)
	return true
}

// request reads what follows the opening quote of a request line, the request
// and the status, and returns the rest.
func (e *Entry) request(rest string) (tail string, ok bool) {
	i := strings.Index(rest, `" `)
	if i < 0 || len(rest) < i+5 {
		return "", false
	}
	status, err := strconv.Atoi(rest[i+2 : i+5])
	if err != nil || status < 0 || len(rest) > i+5 && rest[i+5] != ' ' {
		return "", false
	}
	e.Status, e.Message, e.isRequest = status, rest[:i], true
	e.Fields = make(Fields, 0, 8)
	if method, path, ok := strings.Cut(e.Message, " "); ok {
		path, _, _ = strings.Cut(path, " ")
		e.add("method", method)
		e.add("path", path)
	}
	return rest[i+5:], true
}

// parseProxy understands what begins with a date in brackets or slashes: the
// access and server logs of Envoy, and nginx's error log.
func parseProxy(e *Entry, text string) bool {
	if len(text) < 22 {
		return false
	}
	if text[0] == '[' && isDigit(text[1]) {
		stamp, rest, ok := strings.Cut(text[1:], "]")
		switch {
		case !ok || len(stamp) > 40:
			return false
		case strings.HasPrefix(rest, ` "`):
			return parseEnvoyAccess(e, stamp, rest[2:])
		case strings.HasPrefix(rest, "["):
			return parseEnvoyServer(e, stamp, rest)
		}
		return false
	}
	return text[4] == '/' && text[7] == '/' && parseNginxError(e, text)
}

// [2026-11-21T21:34:36.123Z] "GET / HTTP/1.1" 503 UF 0 91 2000 - "-" "curl" "id" "host" "10.0.0.2:9999"
func parseEnvoyAccess(e *Entry, stamp, rest string) bool {
	tail, ok := e.request(rest)
	if !ok {
		return false
	}
	if e.At.IsZero() {
		e.At = timeOf(stamp)
	}
	words, quoted, _ := strings.Cut(tail, ` "`)
	for i, word := range strings.Fields(words) {
		if i < len(envoyWords) {
			e.add(envoyWords[i], word)
		}
	}
	for i, word := range strings.Split(strings.TrimSuffix(quoted, `"`), `" "`) {
		if i < len(envoyQuoted) {
			e.add(envoyQuoted[i], word)
		}
	}
	if flags := e.Fields.Get("response_flags"); flags != "" {
		e.Code = flags
	}
	return true
}

var (
	envoyWords  = [...]string{"response_flags", "bytes_received", "bytes", "duration", "upstream_time"}
	envoyQuoted = [...]string{"remote_addr", "user_agent", "request_id", "host", "upstream"}
)

// [2026-11-21 21:34:36.123][1][warning][config] [source/common/x.cc:90] message
func parseEnvoyServer(e *Entry, stamp, rest string) bool {
	thread, rest, _ := strings.Cut(rest[1:], "][")
	level, rest, ok := strings.Cut(rest, "][")
	if e.Level = levelOf(level); !ok || e.Level == "" {
		e.Level = ""
		return false
	}
	logger, rest, ok := strings.Cut(rest, "] ")
	if !ok {
		e.Level = ""
		return false
	}
	e.Message = rest
	if e.At.IsZero() {
		e.At, _ = time.Parse("2006-01-02 15:04:05.999", stamp)
	}
	e.add("thread", thread)
	e.add("logger", logger)
	return true
}

// 2026/11/21 21:34:36 [error] 1#0: *12 connect() failed, client: 10.0.0.1, request: "GET / HTTP/1.1"
func parseNginxError(e *Entry, text string) bool {
	stamp, rest, ok := strings.Cut(text, " [")
	if !ok || len(stamp) > 20 {
		return false
	}
	level, rest, ok := strings.Cut(rest, "] ")
	if e.Level = levelOf(level); !ok || e.Level == "" {
		e.Level = ""
		return false
	}
	if process, message, ok := strings.Cut(rest, ": "); ok && strings.IndexByte(process, '#') > 0 && len(process) < 24 {
		e.add("process", process)
		rest = message
	}
	if e.At.IsZero() {
		e.At, _ = time.Parse("2006/01/02 15:04:05", stamp)
	}
	if len(rest) > 1 && rest[0] == '*' && isDigit(rest[1]) {
		_, rest, _ = strings.Cut(rest, " ")
	}
	message, facts, ok := strings.Cut(rest, ", client: ")
	e.Message = message
	if !ok {
		return true
	}
	for fact := range strings.SplitSeq("client: "+facts, ", ") {
		if key, value, ok := strings.Cut(fact, ": "); ok {
			e.add(key, strings.Trim(value, `"`))
		}
	}
	return true
}
