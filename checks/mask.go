package checks

import (
	"regexp"

	"github.com/basewright/basewright/core"
)

// masks hide what services print of secrets in their own logs: passwords in
// connection strings, JSON Web Tokens, key=value pairs.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(\w+://[^\s:/@]+:)[^\s]*(@)`), "${1}•••${2}"},
	{regexp.MustCompile(`(\w+://[^\s:/@]+:)[^\s@"]+`), "${1}•••"},
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`), "•••"},
	{regexp.MustCompile(`(?i)((?:password|passwd|secret|apikey|api_key|token)["']?\s*[=:]\s*["']?)[^\s"',;&]+`), "${1}•••"},
	{regexp.MustCompile(`sb_(secret|publishable)_[A-Za-z0-9_-]+`), "•••"},
}

// Mask hides secrets in a line of text.
func Mask(s string) string {
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	return s
}

// fingerprint names a secret in evidence without showing it.
func fingerprint(t core.Target, s core.Secret) string { return "fingerprint " + t.Key.Of(s) }
