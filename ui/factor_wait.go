package ui

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
)

// Who has the password of a user may try so many codes in a row; after that there is
// a wait after each, which doubles.
const (
	freeCodes   = 10
	firstWait   = time.Minute
	longestWait = time.Hour

	codesAtOnce = 6 // and then one each
	codeEvery   = 10 * time.Second
)

// guesses are codes in a row of which none was right.
type guesses struct {
	wrong int
	until time.Time // when the next one is taken
}

// guess counts a code before it is looked at, so that many at once are many. It
// returns how long to wait when it must not be looked at, and else how many it is in
// a row and how long the next one waits if it is wrong.
func (l *logins) guess(place string) (wait time.Duration, inRow int, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.codes) > manyKeys {
		clear(l.codes)
	}
	g, now := l.codes[place], l.now()
	if now.Before(g.until) {
		return g.until.Sub(now), g.wrong, 0
	}
	if wait := l.take(l.notes, "factor "+place, codeEvery, codesAtOnce); wait > 0 {
		return wait, g.wrong, 0
	}
	g.wrong++
	if over := g.wrong - freeCodes; over >= 0 {
		next = min(firstWait<<min(over, 10), longestWait)
		g.until = now.Add(next)
	}
	l.codes[place] = g
	return 0, g.wrong, next
}

// recovery bounds how often recovery codes are tried. They are too long to be guessed,
// so they never wait for wrong codes.
func (l *logins) recovery(place string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(l.notes, "recovery "+place, codeEvery, codesAtOnce)
}

// guessed forgets the codes before a right one.
func (l *logins) guessed(place string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.codes, place)
}

// place returns where codes of a user are counted: by the login of theirs that shows
// one, by the browser or an address where they are known, and else for all other addresses together.
// So a stranger neither guesses from many addresses nor makes the user wait where
// they are at home.
func (c *call) place(u core.User) string {
	if c.who.session != "" && c.who.user.ID == u.ID {
		return "session " + c.who.session
	}
	if from := c.from(u.Name); c.logins.knows(u.Name, from) {
		return "user " + u.ID + " " + from
	}
	return "user " + u.ID
}

// checkFactor wants the code of a user's second factor, or a recovery code.
func (c *call) checkFactor(u core.User, code string) error {
	if !u.SecondFactor {
		return nil
	}
	if code == "" {
		return factorMissing{c.codeStatus()}
	}
	place := c.place(u)
	if strings.Contains(code, "-") {
		if wait := c.logins.recovery(place); wait > 0 {
			return c.later(wait)
		}
		return c.useRecovery(u, code)
	}
	wait, inRow, next := c.logins.guess(place)
	if wait > 0 {
		return c.later(wait)
	}
	err := c.useCode(u, code)
	switch {
	case err == nil:
		c.logins.guessed(place)
	case next > 0:
		c.noteGuesses(u, inRow, next)
	}
	return err
}

// later asks to come back after a while.
func (c *call) later(wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	c.Header("Retry-After", strconv.Itoa(seconds))
	return &statusError{http.StatusTooManyRequests, fmt.Sprintf("too many codes; wait %s, or use a recovery code", time.Duration(seconds)*time.Second)}
}

// noteGuesses writes down that somebody who has the password does not have the app.
func (c *call) noteGuesses(u core.User, inRow int, next time.Duration) {
	e := core.AuditEntry{At: c.Now(), Actor: "nobody", Action: "login.codes", Outcome: "denied",
		Detail: fmt.Sprintf("%d wrong codes in a row as %s, the last from %s, by who has the password; the next is taken in %s", inRow, u.Name, c.ClientIP(), next)}
	if err := c.Store.Append(c, e); err != nil {
		c.Log.Error("wrong codes could not be written down", "error", err)
	}
}
