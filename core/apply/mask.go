package apply

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

const dots = "•••"

// mask takes the instance's secrets out of what is written down or shown. The
// errors of engines and databases may quote anything.
type mask struct {
	values   []string
	replacer *strings.Replacer
}

// newMask knows the values of every environment that obs saw, but those that
// cannot be secret.
func newMask(obs *core.Observation) *mask {
	m := &mask{}
	if obs != nil {
		for _, v := range obs.Env.Vars {
			m.know(v.Key, v.Value)
		}
		for _, c := range obs.Containers {
			for k, v := range c.Env {
				m.know(k, v)
			}
		}
		for _, s := range obs.Compose.Services {
			for k, v := range s.Env {
				m.know(k, v)
			}
		}
	}
	m.build()
	return m
}

// add makes the mask know one more secret.
func (m *mask) add(v core.Secret) {
	m.know("", v)
	m.build()
}

var (
	openKey   = regexp.MustCompile(`(_HOST|_HOSTNAME|_PORT|_USER|_USERNAME|_ROLE|_DB|_DATABASE|_NAME|_SCHEMA|_SCHEMAS|_LEVEL|_DRIVER|_PATH)$|^(PATH|HOME|LANG|HOSTNAME)$`)
	openValue = regexp.MustCompile(`^([0-9.]+|true|false|localhost|[a-z]+(_[a-z]+)*(,[a-z_]+)*|/[A-Za-z0-9/._-]*)$`)
	// looks matches secrets by their look, wherever they come from.
	looks = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+|SCRAM-SHA-256\$\S+|\bmd5[0-9a-f]{32}\b|\bsb_secret_[A-Za-z0-9_-]+`)
	inURL = regexp.MustCompile(`(://[^:/@\s]*:)[^@\s/]+@`)
)

// know takes in a value. A value of plain small letters under a key that tells
// of no secret is a word such as "postgres", and stays readable.
func (m *mask) know(key string, v core.Secret) {
	s := v.Reveal()
	u, err := url.Parse(s)
	isURL := err == nil && u.Scheme != "" && u.Host != ""
	if isURL && u.User != nil {
		if p, ok := u.User.Password(); ok && len(p) >= 4 {
			m.learn(p)
		}
	}
	telling := key == "" || strings.Contains(key, "PASS") || strings.Contains(key, "SECRET") || strings.Contains(key, "KEY") || strings.Contains(key, "TOKEN")
	switch {
	case len(s) < 4, !telling && (len(s) < 6 || openKey.MatchString(key) || openValue.MatchString(s)), isURL && u.User == nil && u.RawQuery == "":
		return
	}
	m.learn(s)
}

// learn takes in a secret with the forms in which it may travel.
func (m *mask) learn(s string) {
	quoted, _ := json.Marshal(s)
	m.values = append(m.values, s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`), strings.ReplaceAll(s, "'", "''"),
		base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
}

func (m *mask) build() {
	slices.SortFunc(m.values, func(a, b string) int { return len(b) - len(a) }) // the longest first
	pairs := make([]string, 0, 2*len(m.values))
	for _, v := range m.values {
		pairs = append(pairs, v, dots)
	}
	m.replacer = strings.NewReplacer(pairs...)
}

// text returns s without secrets.
func (m *mask) text(s string) string {
	s = looks.ReplaceAllString(m.replacer.Replace(s), dots)
	return inURL.ReplaceAllString(s, "${1}"+dots+"@")
}

// err returns err without secrets in its text. It keeps its code, and what it
// is to errors.Is.
func (m *mask) err(err error) error {
	if err == nil {
		return nil
	}
	return masked{m.text(err.Error()), err}
}

// masked is an error whose text was cleaned. It does not unwrap, since what is
// inside may hold secrets.
type masked struct {
	text  string
	inner error
}

func (e masked) Error() string        { return e.text }
func (e masked) Is(target error) bool { return errors.Is(e.inner, target) }

func (e masked) As(target any) bool {
	p, ok := target.(**core.Error)
	if ok {
		*p = &core.Error{Code: core.CodeOf(e.inner), Message: e.text}
	}
	return ok
}
