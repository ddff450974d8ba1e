package logs

import (
	"regexp"
	"strings"
)

const dots = "•••"

// masks hide what services print of secrets in their own logs: JSON Web Tokens,
// keys, key=value pairs, passwords in SQL and in HTTP headers.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), dots},
	{regexp.MustCompile(`sb_(secret|publishable)_[A-Za-z0-9_-]+`), dots},
	{regexp.MustCompile(`(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}${2}" + dots},
	{regexp.MustCompile(`(?i)(` + secretWords + `\\?["']?\s*[=:]\s*\\?")[^"\\]+`), "${1}" + dots},
	{regexp.MustCompile(`(?i)(` + secretWords + `\\?["']?\s*[=:]\s*\\?'?)[^\s"',;&\\]+`), "${1}" + dots},
	{regexp.MustCompile(`(?i)(\btoken\\?["']?(?:[=:]|\s*:\s*\\?")\\?["']?)[^\s"',;&\\]+`), "${1}" + dots},
	{regexp.MustCompile(`(?i)(\btoken:\s+)[A-Za-z0-9._-]{16,}`), "${1}" + dots},
	{regexp.MustCompile(`(?i)(\bpassword\s+')(?:[^']|'')*`), "${1}" + dots},
	{regexp.MustCompile(`SCRAM-SHA-256\$\S+`), dots},
}

const secretWords = `(?:password|passwd|secret|secret_key_base|secret_key|apikey|api_key|anon_key|service_key|role_key|enc_key|access_key|private_key|crypto_key|[a-z]_token)`

// credentials is a URL with something behind a colon in its authority: the
// port, or a password.
var credentials = regexp.MustCompile(`(\w+)://[^\s:/@"]+:[^\s"]*`)

// Mask hides secrets in a line of text.
func Mask(s string) string {
	if !suspicious(s) {
		return s
	}
	s = credentials.ReplaceAllStringFunc(s, maskURL)
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	return s
}

// maskURL hides the password in a URL. It may hold any character, an @ too.
func maskURL(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	i := len(scheme) + len("://")
	i += strings.IndexByte(url[i:], ':') + 1
	if web(scheme) && portOnly(url[i:]) {
		return url
	}
	if at := strings.LastIndexByte(url, '@'); at >= i {
		return url[:i] + dots + url[at:]
	}
	return url[:i] + dots
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
	return n > 0 && n < 6 && (n == len(s) || !(s[n] == '@' || s[n] >= '0' && s[n] <= '9' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z'))
}

// suspicious is a cheap look that most lines pass without the patterns.
func suspicious(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case ':', '=':
			if strings.HasPrefix(s[i:], "://") {
				if hasPassword(s, i) {
					return true
				}
			} else if secretKey(s[:i]) {
				return true
			}
		case 'y':
			if i > 0 && s[i-1] == 'e' && i+1 < len(s) && s[i+1] == 'J' {
				return true
			}
		case '_':
			if strings.HasPrefix(s[i+1:], "secret_") || strings.HasPrefix(s[i+1:], "publishable_") {
				return true
			}
		case '\'':
			if i > 2 && s[i-1] == ' ' && (s[i-2]|0x20) == 'd' {
				return true
			}
		case ' ':
			if i >= 5 && (s[i-1]|0x20) == 'r' && strings.EqualFold(s[i-5:i], "earer") ||
				i >= 4 && (s[i-1]|0x20) == 'c' && strings.EqualFold(s[i-4:i], "asic") {
				return true
			}
		case '$':
			if strings.HasSuffix(s[:i], "SCRAM-SHA-256") {
				return true
			}
		}
	}
	return false
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

// secretKey reports whether what stands before an = or a colon, or is the key of
// a field, names a secret.
func secretKey(s string) bool {
	for s != "" && (s[len(s)-1] == '"' || s[len(s)-1] == ' ' || s[len(s)-1] == '\'' || s[len(s)-1] == '\\') {
		s = s[:len(s)-1]
	}
	if s == "" {
		return false
	}
	var words []string
	switch s[len(s)-1] | 0x20 {
	case 'd':
		words = []string{"password", "passwd"}
	case 't':
		words = []string{"secret"}
	case 'n':
		words = []string{"token"}
	case 'e':
		words = []string{"key_base"}
	case 'y':
		words = []string{"apikey", "api_key", "anon_key", "service_key", "role_key", "secret_key", "enc_key", "access_key", "private_key", "crypto_key"}
	}
	for _, w := range words {
		if len(s) >= len(w) && strings.EqualFold(s[len(s)-len(w):], w) {
			return true
		}
	}
	return false
}
