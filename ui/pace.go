package ui

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limit is how fast somebody may ask: so many at once, and so many a second from
// then on.
type limit struct {
	burst  int
	second rate.Limit
}

// What a user may ask, and a token of theirs; heavy is what makes the engine, a
// database or a playbook work. A token is counted for its user, too, and gets half
// of that: a script that runs away leaves its owner the panel. Diagnoses have a
// limit of their own, for each instance.
var (
	userLimits  = map[bool]limit{false: {40_000, 2000}, true: {100, 5}}
	tokenLimits = map[bool]limit{false: {20_000, 1000}, true: {50, 2.5}}
)

// paces counts who asks how fast.
type paces struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

// take counts one request of somebody, or says how long they must wait first.
func (p *paces) take(who string, l limit, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || len(p.of) > manyKeys {
		p.of = map[string]*rate.Limiter{}
	}
	if p.of[who] == nil {
		p.of[who] = rate.NewLimiter(l.second, l.burst)
	}
	return reserve(p.of[who], now)
}

// reserve takes one place of a limiter now, or returns how long to wait for it.
func reserve(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// paced counts the call for its user and its token, and refuses one too many.
func (c *call) paced() error {
	if c.route.on == everybody {
		return nil
	}
	heavy, now := c.route.heavy, c.Now()
	wait := time.Duration(0)
	if c.who.token != nil {
		wait = c.paces.take(fmt.Sprintf("token %s %v", c.who.token.ID, heavy), tokenLimits[heavy], now)
	}
	if wait == 0 {
		wait = c.paces.take(fmt.Sprintf("user %s %v", c.who.user.ID, heavy), userLimits[heavy], now)
	}
	if wait == 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	c.Header("Retry-After", fmt.Sprint(seconds))
	return &statusError{http.StatusTooManyRequests, fmt.Sprintf("too many requests of %s; wait %d s", c.who.actor(), seconds)}
}
