package core

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// formsOf returns s as it may travel: as it is, in URLs, in JSON, JSON in JSON,
// Go's and SQL's and the shell's quotes, .env and compose files, in base64 wherever it begins there, in
// hexadecimal digits.
func formsOf(s string) []string {
	forms := append(make([]string, 0, 22), s)
	if !unescaped(s) {
		forms = append(forms, escapedForms(s)...)
	}
	if len(s) >= aloneSize {
		forms = append(forms, hex.EncodeToString([]byte(s)))
		for before := range 3 {
			std := base64Inside(s, before, base64.RawStdEncoding)
			forms = append(forms, std)
			if strings.ContainsAny(std, "+/") {
				forms = append(forms, toURL.Replace(std))
			}
		}
	}
	return forms
}

// toURL writes base64 in the alphabet of URLs.
var toURL = strings.NewReplacer("+", "-", "/", "_")

// unescaped reports whether s is the same in URLs, in JSON and in all quotes, as
// most secrets are.
func unescaped(s string) bool {
	for i := range len(s) {
		if c := s[i]; !wordByte(c) && c != '-' && c != '.' && c != '~' {
			return false
		}
	}
	return true
}

// escapedForms returns s as URLs, JSON, quotes and compose files hold it.
func escapedForms(s string) []string {
	quoted := strconv.Quote(s)
	once := inJSON(s, true)
	return []string{
		url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:], lowerEscapes(url.QueryEscape(s)),
		once, inJSON(s, false), inJSON(once, false), quoted[1 : len(quoted)-1],
		strings.ReplaceAll(s, "'", "''"), strings.ReplaceAll(s, "'", `'\''`),
		strings.ReplaceAll(s, "$", "$$"), strings.ReplaceAll(once, "$", "$$"), inDotenv.Replace(s), strings.ReplaceAll(s, "$", `\$`),
	}
}

// inDotenv writes a value as it stands between double quotes in a .env file. In
// compose files a dollar sign is doubled.
var inDotenv = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`)

// inJSON returns s as it stands between the quotes of a JSON string.
func inJSON(s string, html bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	if enc.Encode(s) != nil {
		return ""
	}
	text := strings.TrimSpace(b.String())
	return text[1 : len(text)-1]
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// base64Inside returns the digits that stand for s alone when it follows so many
// bytes, as a password does behind its user.
func base64Inside(s string, before int, enc *base64.Encoding) string {
	text := enc.EncodeToString(append(make([]byte, before), s...))
	first := (before*8 + 5) / 6       // the digits that hold a bit of what is before
	last := (before + len(s)) * 8 / 6 // the last digit may hold a bit of what follows
	return text[first:min(last, len(text))]
}
