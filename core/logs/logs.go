// Package logs turns the lines that containers print into entries: GoTrue and
// Node JSON, PostgREST, Kong, nginx and Envoy, PostgreSQL, Elixir, Vector, and
// whatever else, told apart by their look. An entry holds no terminal sequence
// and no secret.
//
// [Parse] keeps parts of the line it is given; it never fails and its cost is
// bounded by [MaxLine].
package logs

import (
	"encoding/json"
	"time"

	"github.com/basewright/basewright/core"
)

// What is kept of one line.
const (
	MaxLine   = 16 << 10 // bytes; the rest is dropped
	maxFields = 48
	maxDepth  = 3 // of nested objects that become fields; deeper ones stay text
)

// Entry is one line of a log, understood.
type Entry struct {
	At      time.Time    `json:"ts"`
	Service core.Service `json:"service"`
	Level   Level        `json:"level"`
	Message string       `json:"message"`
	Fields  Fields       `json:"fields,omitempty"`
	Code    string       `json:"code,omitempty"`   // SQLSTATE, or the service's own error code
	Status  int          `json:"status,omitempty"` // of HTTP

	isRequest bool // the message is a request line, in which no service names a code
}

// Level says how bad a line is, whatever words its service uses.
type Level string

const (
	Debug   Level = "debug"
	Info    Level = "info"
	Warning Level = "warning"
	Error   Level = "error"
	Fatal   Level = "fatal"
)

// Levels lists every level, the mildest first.
var Levels = []Level{Debug, Info, Warning, Error, Fatal}

var levelRank = map[Level]int{Debug: 1, Info: 2, Warning: 3, Error: 4, Fatal: 5}

// AtLeast reports whether l is as bad as other or worse.
func (l Level) AtLeast(other Level) bool { return levelRank[l] >= levelRank[other] }

// Field is a fact beside the message; a nested one is called outer.inner.
type Field struct{ Key, Value string }

// Fields are the facts of one line in its own order.
type Fields []Field

// Get returns the value of key, or "".
func (fs Fields) Get(key string) string {
	for _, f := range fs {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// MarshalJSON writes the fields as an object. Of equal keys the first counts.
func (fs Fields) MarshalJSON() ([]byte, error) {
	m := make(map[string]string, len(fs))
	for _, f := range fs {
		if _, twice := m[f.Key]; !twice {
			m[f.Key] = f.Value
		}
	}
	return json.Marshal(m)
}

// Parse understands a line that the service s printed. Without the engine's
// time stamp it takes the line's own, if that has a date.
func Parse(s core.Service, l core.LogLine) Entry {
	text := l.Text
	if !plain(text) || len(text) > MaxLine {
		text = Clean(text)
	}
	e := Entry{At: l.At, Service: s}
	for _, parse := range shapes {
		if parse(&e, text) {
			break
		}
	}
	e.finish()
	return e
}

// shapes are the looks of a line, tried in order; the last takes anything. Each
// looks at a few bytes before it begins.
var shapes = []func(*Entry, string) bool{
	parseJSON, parseAccess, parsePostgREST, parseElixir, parsePostgres, parseProxy, parseStamped, parseWords,
}

// finish fills in what follows from the rest and hides secrets.
func (e *Entry) finish() {
	if e.Level == "" && e.Status > 0 {
		e.Level = levelOfStatus(e.Status)
	}
	if e.Level == "" {
		e.Level = levelOfText(e.Message)
	}
	if e.Code == "" && !e.isRequest && (e.Level.AtLeast(Warning) || e.Status >= 400) {
		e.Code = codeOf(e)
	}
	e.Message = core.MaskLooks(e.Message)
	for i, f := range e.Fields {
		if core.NamesSecret(f.Key) && f.Value != "" {
			e.Fields[i].Value = core.Secret(f.Value).String()
		} else {
			e.Fields[i].Value = core.MaskLooks(f.Value)
		}
	}
}

// Hide takes out of e the secrets that m knows by value.
func (e *Entry) Hide(m *core.Mask) {
	e.Message = m.Values(e.Message)
	for i, f := range e.Fields {
		e.Fields[i].Value = m.Values(f.Value)
	}
}

func (e *Entry) add(key, value string) {
	if value == "" || value == "-" || len(e.Fields) == maxFields {
		return
	}
	if e.Fields == nil {
		e.Fields = make(Fields, 0, 8)
	}
	e.Fields = append(e.Fields, Field{key, value})
}

func levelOfStatus(status int) Level {
	switch {
	case status >= 500:
		return Error
	case status >= 400:
		return Warning
	}
	return Info
}

// levelWords are what services call their levels.
var levelWords = map[string]Level{
	"trace": Debug, "debug": Debug, "debug1": Debug, "debug2": Debug, "debug3": Debug, "debug4": Debug, "debug5": Debug,
	"info": Info, "log": Info, "notice": Info, "detail": Info, "hint": Info, "statement": Info, "context": Info, "query": Info,
	"warn": Warning, "warning": Warning,
	"error": Error, "err": Error, "crit": Fatal, "critical": Fatal, "alert": Fatal, "emerg": Fatal, "emergency": Fatal,
	"fatal": Fatal, "panic": Fatal,
	"10": Debug, "20": Debug, "30": Info, "40": Warning, "50": Error, "60": Fatal, // pino
}

// levelOf returns the level that a word stands for, or "".
func levelOf(word string) Level {
	var lower [9]byte
	if len(word) > len(lower) {
		return ""
	}
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return levelWords[string(lower[:len(word)])]
}
