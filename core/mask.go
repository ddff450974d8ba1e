package core

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Mask takes secrets out of what is shown or written down: the values that it
// knows, in every form in which they travel, and whatever looks like a secret.
// Errors of engines and databases, and logs, may quote anything. The zero Mask
// knows looks alone.
type Mask struct {
	heads map[string][]string // what is known, by its first bytes, the longest first
	seen  [1 << 10]uint64     // a bit for the hash of each head: most text passes at a glance
	known map[string]bool
}

// The length of values.
const (
	headSize    = 4       // of a head; a shorter value cannot be told from other text
	aloneSize   = 8       // a shorter value counts only where no letter or digit adjoins it
	wholeSize   = 4 << 10 // a longer value is known by its pieces
	pieceSize   = 128
	mostOfValue = 64 << 10 // of which so much is known
)

// NewMask knows the secrets of every environment that obs saw. It may be nil.
func NewMask(obs *Observation) *Mask {
	m := &Mask{}
	if obs == nil {
		return m
	}
	for _, v := range obs.Env.Vars {
		m.Know(v.Key, v.Value)
		m.Know(v.Key, v.Written)
	}
	for _, c := range obs.Containers {
		for k, v := range c.Env {
			m.Know(k, v)
		}
	}
	for _, s := range obs.Compose.Services {
		for k, v := range s.Env {
			m.Know(k, v)
		}
	}
	return m
}

var (
	// tellingKey names variables that hold secrets, openKey those that do not
	// whatever else the name holds, and publicKey those whose values people
	// must be able to read.
	tellingKey = regexp.MustCompile(`(?i)PASS|SECRET|TOKEN|CREDENTIAL|KEY|SALT|JWT|DSN`)
	openKey    = regexp.MustCompile(`(?i)^(GOTRUE_)?(VERIFY_JWT|FUNCTIONS_VERIFY_JWT|JWT_(EXP|EXPIRY|AUD|ISSUER|METHODS|VALIDMETHODS|ADMIN_ROLES|ADMIN_GROUP_NAME|DEFAULT_GROUP_NAME))$|_(REQUIRED|ENABLED|LENGTH|EXPIRY|TTL|INTERVAL)$`)
	publicKey  = regexp.MustCompile(`(?i)^(PATH|HOME|LANG|HOSTNAME|PORT|REGION|CONFIG|COMPOSE_FILE|PG(HOST|PORT|USER|DATABASE)|STUDIO_DEFAULT_.*|.*(ENABLE|DISABLE|MAILER|IMAGE)_.*)$` +
		`|(^|_)(HOST|HOSTNAME|PORT|USER|USERNAME|ROLE|ROLES|DB|DATABASE|NAME|SCHEMA|SCHEMAS|PATH|URL|URLS|LIST|EMAIL|BUCKET|DOMAIN|LOCATION|PLUGINS|ORDER|DRIVER|BACKEND|LEVEL|VERSION|IMAGE|TAG|TENANT_ID|PROJECT_ID|ID|REF|REGION|NODE|ORIGIN|FLAGS|ARGS|OPTS|QUERY|MODE|TYPE|FORMAT|TIMEOUT|SIZE|LIMIT|NUMBER|CONFIG|PREFIX|ROWS|GUCS|CONN|AUTOCONFIRM|TRANSACTION|WEBP)$`)
	plainValue = regexp.MustCompile(`^([0-9.]{1,4}|true|false|yes|no|on|off|null|none)$`)
	wordsValue = regexp.MustCompile(`^([0-9.:]+|[a-z]+([_.,/ -][a-z]+)*|/[A-Za-z0-9/._-]*)$`)
)

// vocabulary are words of every log of such a stack. Dots in their place would
// hide nothing, and tell that the password is one of them.
var vocabulary = map[string]bool{
	"postgres": true, "supabase": true, "supabase_admin": true, "admin": true, "root": true, "anon": true,
	"authenticated": true, "authenticator": true, "service_role": true, "realtime": true, "realtime-dev": true,
	"storage": true, "pooler": true, "analytics": true, "localhost": true, "password": true, "secret": true,
}

// TellsSecret reports whether a variable of that name holds a secret.
func TellsSecret(key string) bool { return tellingKey.MatchString(key) && !openKey.MatchString(key) }

// Know takes in the value of a variable, if it may be a secret. Under a name
// that tells of none, words, numbers, paths and addresses are not.
func (m *Mask) Know(key string, v Secret) {
	s := strings.TrimSpace(v.Reveal())
	scheme, rest, isURL := strings.Cut(s, "://")
	isURL = isURL && !strings.ContainsAny(scheme, " \t\n=:/")
	login, _, hasLogin := cutLast(rest, '@')
	if _, password, ok := strings.Cut(login, ":"); isURL && hasLogin && ok {
		m.Add(Secret(password)) // it may hold any character, as it stands and decoded
		if plain, err := url.PathUnescape(password); err == nil {
			m.Add(Secret(plain))
		}
	}
	telling := TellsSecret(key)
	switch {
	case len(s) < headSize, plainValue.MatchString(s), vocabulary[s], isURL && !strings.ContainsAny(rest, "@?"):
	case telling, len(s) >= aloneSize && !publicKey.MatchString(key) && !openKey.MatchString(key) && !wordsValue.MatchString(s):
		m.Add(v)
	case isURL && hasLogin:
		m.Add(v)
	}
}

// cutLast cuts s at the last c.
func cutLast(s string, c byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Add takes in a secret, whatever it is called.
func (m *Mask) Add(v Secret) {
	s := strings.TrimSpace(v.Reveal())
	if len(s) < headSize || vocabulary[s] || m.known[s] {
		return
	}
	if len(s) > wholeSize {
		for piece := range slices.Chunk([]byte(s[:min(len(s), mostOfValue)]), pieceSize) {
			m.learnForms(string(piece))
		}
		return
	}
	if strings.Contains(s, "\n") { // a key in several lines, which logs show one by one
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); len(line) >= 2*aloneSize {
				m.learn(line)
			}
		}
	}
	m.learnForms(s)
}

func (m *Mask) learnForms(s string) {
	for _, form := range formsOf(s) {
		m.learn(form)
	}
}

// learn takes in one form of a secret.
func (m *Mask) learn(s string) {
	if len(s) < headSize || m.known[s] {
		return
	}
	if m.heads == nil {
		m.heads, m.known = map[string][]string{}, map[string]bool{}
	}
	m.known[s] = true
	head, h := s[:headSize], hashOf(s)
	m.heads[head] = append(m.heads[head], s)
	slices.SortFunc(m.heads[head], func(a, b string) int { return len(b) - len(a) })
	m.seen[h>>6] |= 1 << (h & 63)
}

// hashOf is a hash of the first bytes of s, below 1<<16.
func hashOf(s string) uint32 {
	return (uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24) * 2654435761 >> 16
}

// Text returns s without secrets.
func (m *Mask) Text(s string) string { return MaskLooks(m.Values(s)) }

// Values returns s without the secrets that are known by value.
func (m *Mask) Values(s string) string {
	if m == nil || len(m.heads) == 0 {
		return s
	}
	var out strings.Builder
	done := 0
	for i := 0; i+headSize <= len(s); i++ {
		h := hashOf(s[i:])
		if m.seen[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, v := range m.heads[s[i:i+headSize]] {
			if strings.HasPrefix(s[i:], v) && (len(v) >= aloneSize || alone(s, i, i+len(v))) {
				if s[done:i] != "" || out.Len() == 0 {
					out.WriteString(s[done:i])
					out.WriteString(masked)
				}
				i += len(v)
				done = i
				i--
				break
			}
		}
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// alone reports whether s[from:to] is a word of its own.
func alone(s string, from, to int) bool {
	return (from == 0 || !wordByte(s[from-1])) && (to == len(s) || !wordByte(s[to]))
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Err returns err without secrets in its text. It keeps its code, and what it is
// to errors.Is.
func (m *Mask) Err(err error) error {
	if err == nil {
		return nil
	}
	return cleaned{m.Text(err.Error()), err}
}

// cleaned is an error whose text was masked. It does not unwrap, since what is
// inside may hold secrets.
type cleaned struct {
	text  string
	inner error
}

func (e cleaned) Error() string        { return e.text }
func (e cleaned) Is(target error) bool { return errors.Is(e.inner, target) }

func (e cleaned) As(target any) bool {
	p, ok := target.(**Error)
	if ok {
		*p = &Error{Code: CodeOf(e.inner), Message: e.text}
	}
	return ok
}
