package ui

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// manyKeys are the limiters that are remembered.
const manyKeys = 10_000

// logins slows down those who guess. Each address may try so often, and each
// name from places where it never logged in; so a stranger can neither guess fast
// nor lock anybody out of where they are known. A browser in which somebody logged
// in is a place of its own: behind one address there may be a stranger, too.
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
// many: memory counts more than a guess. It returns how long to wait first.
func (l *logins) take(table map[string]*rate.Limiter, key string, every time.Duration, burst int) time.Duration {
	if len(table) > manyKeys {
		clear(table)
	}
	if table[key] == nil {
		table[key] = rate.NewLimiter(rate.Every(every), burst)
	}
	return reserve(table[key], l.now())
}

// try returns how long a login must wait before it is looked at, and whether it comes
// from where this user is known.
func (l *logins) try(name, from string) (wait time.Duration, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name = strings.ToLower(name) // as users are looked up: each spelling would have tries of its own
	if l.isKnown(name, from) {
		return l.take(l.address, "known "+name+" "+from, time.Second, 20), true
	}
	if wait = l.take(l.address, from, 6*time.Second, 10); wait == 0 {
		wait = l.take(l.name, name, 6*time.Second, 20)
	}
	return wait, false
}

// isKnown reports whether a user logged in from a place before, or is at this
// machine. The caller holds the lock.
func (l *logins) isKnown(name, from string) bool {
	return l.known[strings.ToLower(name)+" "+from] || strings.HasPrefix(from, ownBrowser) || from == "127.0.0.1" || from == "::1"
}

// knows is isKnown for who does not hold the lock.
func (l *logins) knows(name, from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isKnown(name, from)
}

// begin bounds how often an address begins a login at the issuer.
func (l *logins) begin(address string) (wait time.Duration) {
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
	return l.take(l.notes, key, 10*time.Second, 20) == 0
}

// mayTry counts a try of a password, or says how long to wait first. known is
// whether it comes from where this user is known.
func (c *call) mayTry(name string) (known bool, err error) {
	wait, known := c.logins.try(name, c.from(name))
	return known, c.wait(wait)
}

// wait refuses what must wait, and says how long.
func (c *call) wait(wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	c.Header("Retry-After", strconv.Itoa(seconds))
	return &statusError{http.StatusTooManyRequests, fmt.Sprintf("too many logins; wait %d s", seconds)}
}

// deviceCookie says which browser this is, and who logged in there before.
const deviceCookie = "basewright-device"

// ownBrowser begins the place of a login that is known by the browser; no address does.
const ownBrowser = "browser "

// from is the place from where somebody logs in: a browser in which they did before,
// and else an address.
func (c *call) from(name string) string {
	text, _ := c.Cookie(deviceCookie)
	if d := access.OpenDevice(c.Store.Key(), text); d.ID != "" && strings.EqualFold(d.User, name) {
		return ownBrowser + d.ID
	}
	return c.ClientIP()
}

// setDevice has the browser know that the user logged in there.
func (c *call) setDevice(u core.User) {
	if strings.HasPrefix(c.from(u.Name), ownBrowser) {
		return
	}
	const year = 365 * 24 * time.Hour
	d := access.Device{ID: core.NewID(), User: u.Name}
	http.SetCookie(c.Writer, &http.Cookie{Name: deviceCookie, Value: d.Seal(c.Store.Key()), Path: "/", MaxAge: int(year.Seconds()),
		HttpOnly: true, Secure: c.overTLS(), SameSite: http.SameSiteStrictMode})
}
