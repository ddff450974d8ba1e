package repairs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

const dots = "•••"

// redactor takes the secrets of an instance out of text: the values it knows,
// and what looks like a key or a password's hash wherever it comes from.
type redactor struct{ known *strings.Replacer }

// telling matches secrets by their look.
var telling = regexp.MustCompile(
	`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+` + // JSON web token
		`|SCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b` + // password as PostgreSQL keeps it
		`|\bsb_secret_[A-Za-z0-9_-]+` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*`)

// urlPassword matches the password in a URL.
var urlPassword = regexp.MustCompile(`(://[^:/@\s]*:)[^@\s]+@`)

var (
	// secretKey names the variables of a container that hold secrets; most of
	// the rest are paths and versions, which text must keep.
	secretKey = regexp.MustCompile(`PASS|SECRET|KEY|TOKEN|JWT|CREDENTIAL`)

	// word is a value that is no secret worth the name, and that would take
	// ordinary words such as postgres out of every text.
	word = regexp.MustCompile(`^[a-z_]{1,15}$`)
)

func newRedactor(o *core.Observation) *redactor {
	var values []string
	add := func(key string, v core.Secret) {
		if len(v) >= 8 && !isOpen(key, v) && !word.MatchString(v.Reveal()) {
			values = append(values, v.Reveal())
		}
	}
	for _, v := range o.Env.Vars {
		add(v.Key, v.Value)
	}
	for _, c := range o.Containers {
		for k, v := range c.Env {
			if secretKey.MatchString(k) {
				add(k, v)
			}
		}
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest first
	var pairs []string
	for _, v := range slices.Compact(values) {
		pairs = append(pairs, v, dots)
	}
	return &redactor{strings.NewReplacer(pairs...)}
}

func (r *redactor) clean(s string) string {
	s = r.known.Replace(s)
	s = telling.ReplaceAllString(s, dots)
	return urlPassword.ReplaceAllString(s, "${1}"+dots+"@")
}
