package ui

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/store"
)

const (
	loginLife = 12 * time.Hour
	manyKeys  = 10_000 // limiters that are remembered
)

// logins slows down those who guess. Each address may try so often, and each
// name from addresses that never logged in as it; so a stranger can neither
// guess fast nor lock anybody out of where they are known.
type logins struct {
	mu      sync.Mutex
	now     func() time.Time
	address map[string]*rate.Limiter
	name    map[string]*rate.Limiter
	notes   map[string]*rate.Limiter
	known   map[string]bool // name and address
	codes   map[string]guesses
}

func (l *logins) init(now func() time.Time) {
	l.now = now
	l.address, l.name, l.notes, l.known = map[string]*rate.Limiter{}, map[string]*rate.Limiter{}, map[string]*rate.Limiter{}, map[string]bool{}
	l.codes = map[string]guesses{}
}

// take asks a limiter of a table, which forgets all of them when there are too
// many: memory counts more than a guess.
func (l *logins) take(table map[string]*rate.Limiter, key string, every time.Duration, burst int) bool {
	if len(table) > manyKeys {
		clear(table)
	}
	if table[key] == nil {
		table[key] = rate.NewLimiter(rate.Every(every), burst)
	}
	return table[key].AllowN(l.now(), 1)
}

// may reports whether a login may be tried, and whether it comes from where
// this user is known.
func (l *logins) may(name, address string) (allowed, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name = strings.ToLower(name) // as users are looked up: each spelling would have tries of its own
	known = l.isKnown(name, address)
	if known {
		return l.take(l.address, "known "+name+" "+address, time.Second, 20), true
	}
	return l.take(l.address, address, 6*time.Second, 10) && l.take(l.name, name, 6*time.Second, 20), false
}

// isKnown reports whether a user logged in from an address before, or is at this
// machine. The caller holds the lock.
func (l *logins) isKnown(name, address string) bool {
	return l.known[strings.ToLower(name)+" "+address] || address == "127.0.0.1" || address == "::1"
}

// mayBegin bounds how often an address begins a login at the issuer.
func (l *logins) mayBegin(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(l.address, "begin "+address, 3*time.Second, 20)
}

// succeeded remembers where a user logs in from.
func (l *logins) succeeded(name, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) > manyKeys {
		clear(l.known)
	}
	l.known[strings.ToLower(name)+" "+address] = true
}

// mayNote bounds how fast refusals fill the audit log.
func (l *logins) mayNote(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(l.notes, key, 10*time.Second, 20)
}

type loginIn struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Code     string `json:"code,omitempty" doc:"of the second factor, or a recovery code, for who has one"`
}

type loginOut struct {
	Reply
	Token   string    `json:"token" doc:"a JWT: Authorization: Bearer …"`
	Expires time.Time `json:"expires_at"`
	User    core.User `json:"user"`
}

type meOut struct {
	Reply
	User  core.User   `json:"user"`
	Token *core.Token `json:"token,omitempty" doc:"the API token that this is asked with"`
}

// errWrongLogin does not say which of the two it was.
var errWrongLogin = &statusError{http.StatusUnauthorized, "the user name or the password is wrong"}

// prove finds the user whose name and password the request holds.
func (c *call) prove() (core.User, error) {
	var in loginIn
	if err := c.body(&in); err != nil {
		return core.User{}, err
	}
	u, err := c.vouch(in)
	if err != nil {
		return core.User{}, err
	}
	c.Metrics.logins.WithLabelValues("ok").Inc()
	c.who.user = u
	return u, nil
}

// vouch finds the user of a name, a password and a code. Whatever these are wanted
// for, it is here that guessing is slow and written down.
func (c *call) vouch(in loginIn) (core.User, error) {
	address := c.ClientIP()
	allowed, known := c.logins.may(in.Username, address)
	if !allowed {
		c.Metrics.logins.WithLabelValues("throttled").Inc()
		c.Header("Retry-After", "10")
		return core.User{}, &statusError{http.StatusTooManyRequests, "too many logins; wait ten seconds"}
	}
	u, hash, err := c.Store.UserByName(c, in.Username)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return u, err
	}
	right, err := access.Matches(c, hash, in.Password, known)
	if err != nil {
		return u, err
	}
	if !right || u.Disabled {
		c.Metrics.logins.WithLabelValues("wrong").Inc()
		c.noteFailure(in.Username, address)
		return core.User{}, errWrongLogin
	}
	if err := c.checkFactor(u, in.Code); err != nil {
		c.Metrics.logins.WithLabelValues("no second factor").Inc()
		if in.Code != "" {
			c.noteFailure(in.Username, address)
		}
		return core.User{}, err
	}
	c.logins.succeeded(in.Username, address)
	return u, nil
}

// noteFailure writes a failed login down, not faster than an attacker could
// fill the disk with.
func (c *call) noteFailure(name, address string) {
	if !c.logins.mayNote("login") {
		return
	}
	if !core.ValidUserName(name) {
		name = "(not a name)" // people type their password there
	}
	e := core.AuditEntry{At: c.Now(), Actor: c.who.actor(), Action: "login", Outcome: "denied", Detail: "as " + name + " from " + address}
	if err := c.Store.Append(c, e); err != nil {
		c.Log.Error("a failed login could not be written down", "error", err)
	}
}

// open stores a login of somebody who showed at that moment who they are, and returns
// the text that stands for it.
func (c *call) open(u core.User, kind string, shown time.Time) (text string, expires time.Time, err error) {
	text, now := rand.Text()+rand.Text(), c.Now()
	expires = now.Add(loginLife)
	s := store.Session{ID: access.Digest(text), UserID: u.ID, Kind: kind, Created: now, Expires: expires, Proved: shown}
	return text, expires, c.Store.AddSession(c, s, c.entry("login", "ok", kind+" from "+c.ClientIP()))
}

func (c *call) login() (any, error) {
	u, err := c.prove()
	if err != nil {
		return nil, err
	}
	text, expires, err := c.open(u, "bearer", c.Now())
	if err != nil {
		return nil, err
	}
	token, err := c.Keyring.Sign(access.Claims{UserID: u.ID, Session: text, Expires: expires}, c.Now())
	return loginOut{ok(""), token, expires.UTC(), u}, err
}

func (c *call) openSession() (any, error) {
	u, err := c.prove()
	if err != nil {
		return nil, err
	}
	text, expires, err := c.open(u, "cookie", c.Now())
	if err != nil {
		return nil, err
	}
	c.setCookie(text, expires)
	return meOut{ok(""), u, nil}, nil
}

// setCookie sets the cookie, or takes it away when text is empty.
func (c *call) setCookie(text string, expires time.Time) {
	cookie := &http.Cookie{Name: cookieName, Value: text, Path: "/", Expires: expires, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if c.overTLS() {
		cookie.Name, cookie.Secure = secureCookie, true
	}
	if text == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, cookie)
}

// overTLS reports whether the client came over TLS, here or to a proxy that is
// trusted.
func (c *call) overTLS() bool {
	return c.Request.TLS != nil || c.ClientIP() != c.RemoteIP() && c.GetHeader("X-Forwarded-Proto") == "https"
}

func (c *call) logout() (any, error) {
	if c.who.token != nil {
		return nil, core.Errorf(core.Invalid, "an API token is no login; revoke it with DELETE /api/tokens/%s", c.who.token.ID)
	}
	if err := c.Store.EndSession(c, c.who.session, c.entry("logout", "ok", "")); err != nil {
		return nil, err
	}
	c.setCookie("", time.Time{})
	return ok("you are logged out"), nil
}

func (c *call) me() (any, error) { return meOut{ok(""), c.who.user, c.who.token}, nil }

type passwordIn struct {
	Old string `json:"old_password"`
	New string `json:"new_password"`
}

func (c *call) changePassword() (any, error) {
	var in passwordIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if err := access.CheckPassword(in.New); err != nil {
		return nil, err
	}
	allowed, _ := c.logins.may(c.who.user.Name, c.ClientIP())
	if !allowed {
		return nil, &statusError{http.StatusTooManyRequests, "too many tries; wait ten seconds"}
	}
	_, hash, err := c.Store.UserByName(c, c.who.user.Name)
	if err != nil {
		return nil, err
	}
	right, err := access.Matches(c, hash, in.Old, true)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, core.Errorf(core.Forbidden, "the old password is wrong")
	}
	err = c.Store.SetPassword(c, c.who.user.ID, access.Hash(in.New), c.who.session, c.entry("user.password", "ok", "their own"))
	return ok("the password is changed; your other logins are ended"), err
}
