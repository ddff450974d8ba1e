package logs

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/basewright/basewright/core"
)

// shape fuzzes one parser by itself, so that it meets what others would take.
// Whatever the line, an entry is bounded, harmless to a terminal and valid JSON.
func shape(f *testing.F, parse func(*Entry, string) bool) {
	for _, l := range lines {
		f.Add(l.text)
	}
	for _, text := range hostileLines {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = Clean(text)
		e := Entry{}
		if !parse(&e, text) {
			return
		}
		e.finish()
		sound(t, text, e)
	})
}

// hostileLines are what attackers log.
var hostileLines = []string{
	"\x1b[31mred\x1b]52;c;ZXZpbA==\x07\x9b31m", "a\rb\x00c\u202ed\u2028e", "\xff\xfe\xc3\x28", `{"level":"\u001b[31m","msg":"\ud800","a":{"b":{"c":{"d":1}}}}`,
	`{"level":50,"msg":"x","status":"503","err":{"code":"28P01"}`, `[2026] "" 5`, ` [1] a@b :  `, `2026/11/21 [error] #: *`, "21:34:57.830 a=b c= [error]",
	`x - y [z] "" 200`, `INFO    [2026-11-21T21:33:04Z] a="b`, `** (`, `postgres://u:p@ss:5432@h:1/x?password=a@b`, `password=`, "Bearer ", `{"a":"\u`, `{"a":"\`,
}

// sound wants an entry that every output can show.
func sound(t *testing.T, text string, e Entry) {
	t.Helper()
	if levelRank[e.Level] == 0 {
		t.Errorf("level %q of %q", e.Level, text)
	}
	// Dots in place of a secret are longer than one byte of it.
	if len(e.Message) > 4*MaxLine || len(e.Fields) > maxFields || e.Status < 0 || e.Status > 999 {
		t.Errorf("%d bytes, %d fields, status %d of %q", len(e.Message), len(e.Fields), e.Status, text)
	}
	all := []string{e.Message, e.Code}
	for _, field := range e.Fields {
		all = append(all, field.Key, field.Value)
	}
	for _, s := range all {
		if strings.ContainsAny(s, "\x1b\n\r\u202e\u0000\u009b") || !utf8.ValidString(s) {
			t.Errorf("%q came out as %q", text, s)
		}
	}
	if _, err := json.Marshal(e); err != nil {
		t.Error(err)
	}
}

func FuzzJSON(f *testing.F)      { shape(f, parseJSON) }
func FuzzAccess(f *testing.F)    { shape(f, parseAccess) }
func FuzzPostgREST(f *testing.F) { shape(f, parsePostgREST) }
func FuzzElixir(f *testing.F)    { shape(f, parseElixir) }
func FuzzPostgres(f *testing.F)  { shape(f, parsePostgres) }
func FuzzProxy(f *testing.F)     { shape(f, parseProxy) }
func FuzzEnvoyServer(f *testing.F) {
	shape(f, func(e *Entry, s string) bool { return parseEnvoyServer(e, "", "["+s) })
}
func FuzzNginxError(f *testing.F) { shape(f, parseNginxError) }
func FuzzStamped(f *testing.F)    { shape(f, parseStamped) }
func FuzzWords(f *testing.F)      { shape(f, parseWords) }

// FuzzClean wants any bytes to come out as bounded text that a terminal ignores,
// and cleaning twice to change nothing.
func FuzzClean(f *testing.F) {
	for _, text := range hostileLines {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := Clean(text)
		if len(once) > MaxLine || !utf8.ValidString(once) || strings.ContainsAny(once, "\x1b\n\r\u202e\u0000\u009b") || Clean(once) != once {
			t.Errorf("%q came out as %q", text, once)
		}
	})
}

// FuzzParse wants the same of the whole way of a line, and no known secret left.
func FuzzParse(f *testing.F) {
	for _, l := range lines {
		f.Add(l.text, "Hunter2-Hunter2")
	}
	for _, text := range hostileLines {
		f.Add(text, "s3cret\x1b")
	}
	const hidden = "•••" // in place of a secret
	f.Fuzz(func(t *testing.T, text, secret string) {
		m := core.NewMask(nil)
		m.Add(core.Secret(secret))
		e := Parse(core.DB, core.LogLine{Text: text + " " + secret + " ends"})
		e.Hide(m)
		sound(t, text, e)
		if len(secret) >= 8 && len(text) < 1000 && secret == Clean(strings.TrimSpace(secret)) && !strings.Contains(hidden, secret) && strings.Contains(e.Message, " "+secret+" ends") {
			t.Errorf("%q is left in %q", secret, e.Message)
		}
	})
}
