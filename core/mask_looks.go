package core

import (
	"regexp"
	"strings"
)

// hint is what a cheap look at text tells of the secrets that it may hold.
type hint uint16

const (
	hintURL hint = 1 << iota
	hintKey
	hintToken
	hintScheme
	hintQuoted
	hintAssigned
	hintHash
	hintPEM
)

// looks are how secrets stand in logs, errors and files. What is in the first
// group stays.
var looks = []struct {
	when    hint
	pattern *regexp.Regexp
}{
	{hintToken, regexp.MustCompile(`()eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)},
	{hintKey, regexp.MustCompile(`()sb_(?:secret|publishable)_[A-Za-z0-9_-]+`)},
	{hintScheme, regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}`)},
	{hintAssigned, regexp.MustCompile(`(?i)(` + secretWords + `\\?["']?\s*[=:]\s*\\?")[^"\\]+`)},
	{hintAssigned, regexp.MustCompile(`(?i)(` + secretWords + `\\?["']?\s*[=:]\s*\\?'?)[^\s"',;&\\]+`)},
	{hintAssigned, regexp.MustCompile(`(?i)(\btoken\\?["']?(?:[=:]|\s*:\s*\\?")\\?["']?)[^\s"',;&\\]+`)},
	{hintAssigned, regexp.MustCompile(`(?i)(\btoken:\s+)[A-Za-z0-9._-]{16,}`)},
	{hintQuoted, regexp.MustCompile(`(?i)(\bpassword\s+')(?:[^']|'')*`)},
	{hintHash, regexp.MustCompile(`()SCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b`)},
	{hintPEM, regexp.MustCompile(`()-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*`)},
}

const secretWords = `(?:password|passwd|secret|secret_key_base|secret_key|apikey|api_key|anon_key|service_key|role_key|enc_key|access_key|private_key|crypto_key|[a-z]_token)`

var (
	// credentials is a URL with something behind a colon in its authority: the
	// port, or a password.
	credentials = regexp.MustCompile(`(\w+)://[^\s:/@"]+:[^\s"]*`)

	// reference is the name of a variable in place of a value. Nothing or another
	// variable may stand in for it.
	reference = regexp.MustCompile(`^(\$\{\w+(:?-(\$\{\w+\})?)?\}|\$[A-Z][A-Z0-9_]{3,})$`)
)

// IsVariable reports whether s is the name of a variable in place of a value, as
// ${POSTGRES_PASSWORD} is.
func IsVariable(s string) bool { return reference.MatchString(s) }

// MaskLooks hides in s what looks like a secret. What stands for a variable, as
// in password: ${POSTGRES_PASSWORD}, is none.
func MaskLooks(s string) string {
	hints := hintsOf(s)
	if hints == 0 {
		return s
	}
	if hints&hintURL != 0 {
		s = credentials.ReplaceAllStringFunc(s, maskURL)
	}
	for _, l := range looks {
		if hints&l.when != 0 {
			s = hide(l.pattern, s)
		}
	}
	return s
}

// hide puts dots in place of what pattern finds behind its first group.
func hide(pattern *regexp.Regexp, s string) string {
	found := pattern.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return s
	}
	var b strings.Builder
	done := 0
	for _, at := range found {
		keep, end := max(at[0], at[3]), at[1]
		b.WriteString(s[done:keep])
		if IsVariable(s[keep:end]) {
			b.WriteString(s[keep:end])
		} else {
			b.WriteString(masked)
		}
		done = end
	}
	b.WriteString(s[done:])
	return b.String()
}

// maskURL hides the password in a URL. It may hold any character, an @ too.
func maskURL(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	i := len(scheme) + len("://")
	i += strings.IndexByte(url[i:], ':') + 1
	if web(scheme) && portOnly(url[i:]) {
		return url
	}
	at := strings.LastIndexByte(url, '@')
	port, _, _ := strings.Cut(url[i:], "/")
	switch {
	case at < i && IsVariable(port):
		return url
	case at < i:
		return url[:i] + masked
	case IsVariable(url[i:at]):
		return url
	}
	return url[:i] + masked + url[at:]
}

func web(scheme string) bool {
	switch scheme {
	case "http", "https", "ws", "wss":
		return true
	}
	return false
}

// portOnly reports whether s begins with a port that ends there.
func portOnly(s string) bool {
	n := 0
	for n < len(s) && n < 6 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n > 0 && n < 6 && (n == len(s) || s[n] != '@' && (s[n] == '_' || !wordByte(s[n])))
}

// hinting are the bytes at which hintsOf stops.
var hinting = [256]bool{':': true, '=': true, 'y': true, '_': true, '\'': true, ' ': true, '$': true, 'm': true, '-': true}

// hintsOf is a cheap look that most text passes without the patterns.
func hintsOf(s string) (h hint) {
	for i := range len(s) {
		if !hinting[s[i]] {
			continue
		}
		switch s[i] {
		case ':', '=':
			if strings.HasPrefix(s[i:], "://") {
				if hasPassword(s, i) {
					h |= hintURL
				}
			} else if NamesSecret(s[:i]) {
				h |= hintAssigned
			}
		case 'y':
			if i > 0 && s[i-1] == 'e' && i+1 < len(s) && s[i+1] == 'J' {
				h |= hintToken
			}
		case '_':
			if strings.HasPrefix(s[i+1:], "secret_") || strings.HasPrefix(s[i+1:], "publishable_") {
				h |= hintKey
			}
		case '\'':
			if i > 2 && s[i-1] == ' ' && (s[i-2]|0x20) == 'd' {
				h |= hintQuoted
			}
		case ' ':
			if i >= 5 && (s[i-1]|0x20) == 'r' && strings.EqualFold(s[i-5:i], "earer") ||
				i >= 4 && (s[i-1]|0x20) == 'c' && strings.EqualFold(s[i-4:i], "asic") {
				h |= hintScheme
			}
		case '$':
			if strings.HasSuffix(s[:i], "SCRAM-SHA-256") {
				h |= hintHash
			}
		case 'm':
			if strings.HasPrefix(s[i:], "md5") && len(s) >= i+35 {
				h |= hintHash
			}
		case '-':
			if strings.HasPrefix(s[i:], "-----BEGIN ") {
				h |= hintPEM
			}
		}
	}
	return h
}

// hasPassword reports whether the URL whose "://" is at i may hold a password.
func hasPassword(s string, i int) bool {
	rest := s[i+3:]
	for j := range len(rest) {
		switch rest[j] {
		case '@':
			return true
		case ':':
			start := i
			for start > 0 && s[start-1] >= 'a' && s[start-1] <= 'z' {
				start--
			}
			return !web(s[start:i]) || !portOnly(rest[j+1:])
		case ' ', '\t', '/', '"', '\'', '?', '#', ',', ';', ')':
			return false
		}
	}
	return false
}

// NamesSecret reports whether s, or what stands there before an = or a colon,
// ends with a word under which secrets stand.
func NamesSecret(s string) bool {
	for s != "" && (s[len(s)-1] == '"' || s[len(s)-1] == ' ' || s[len(s)-1] == '\'' || s[len(s)-1] == '\\') {
		s = s[:len(s)-1]
	}
	if s == "" {
		return false
	}
	for _, w := range secretNames[s[len(s)-1]|0x20] {
		if len(s) >= len(w) && strings.EqualFold(s[len(s)-len(w):], w) {
			return true
		}
	}
	return false
}

// secretNames are words under which secrets stand, by their last letter.
var secretNames = [256][]string{
	'd': {"password", "passwd"},
	't': {"secret"},
	'n': {"token"},
	'e': {"key_base"},
	'y': {"apikey", "api_key", "anon_key", "service_key", "role_key", "secret_key", "enc_key", "access_key", "private_key", "crypto_key"},
}
