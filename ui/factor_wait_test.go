package ui

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/store"
)

// guessing is a world in which ana, who is known at 192.0.2.1, has a second factor, and
// a clock that the test moves.
type guessing struct {
	*world
	now    time.Time
	secret core.Secret
	codes  []any
}

func newGuessing(t *testing.T) *guessing {
	g := &guessing{world: newWorld(t), now: time.Now()}
	g.a.Now = func() time.Time { return g.now }
	g.a.logins.now = g.a.Now
	g.secret, _, g.codes = g.withFactor()
	g.now = g.now.Add(time.Minute)
	return g
}

// tries shows a code with the right password, fifteen seconds after the last.
func (g *guessing) tries(address, code string) (status int, wait time.Duration) {
	g.now = g.now.Add(15 * time.Second)
	if code == "" {
		code = g.code(g.secret, 0)
	}
	rec := g.logInAt(address, "/api/login", goodPassword, code)
	s, _ := strconv.Atoi(rec.Header().Get("Retry-After"))
	return rec.Code, time.Duration(s) * time.Second
}

func (g *guessing) wants(status int, address, code, what string) {
	g.t.Helper()
	if got, _ := g.tries(address, code); got != status {
		g.t.Errorf("%s: %d, want %d", what, got, status)
	}
}

const wrongCode = "0000000" // one digit too many is never right

// TestWrongCodesInARow: who has the password gets ten tries, and then a wait after each
// that doubles up to an hour, from all addresses that ana never logged in from together.
func TestWrongCodesInARow(t *testing.T) {
	g := newGuessing(t)
	for n := range freeCodes {
		g.wants(http.StatusUnauthorized, "203.0.113."+strconv.Itoa(n), wrongCode, "a wrong code")
	}
	guesses, began := 0, g.now
	for want := time.Minute; g.now.Sub(began) < 24*time.Hour; want = min(2*want, time.Hour) {
		code, wait := g.tries("203.0.113.99", "")
		if code != http.StatusTooManyRequests || wait != want-15*time.Second {
			t.Fatalf("a right code too early: %d, to wait %s of %s", code, wait, want)
		}
		g.now = g.now.Add(wait)
		g.wants(http.StatusUnauthorized, "203.0.113.99", wrongCode, "a wrong code after the wait")
		guesses++
	}
	if guesses > 30 {
		t.Errorf("%d codes were tried in a day", guesses)
	}
	g.now = g.now.Add(time.Hour)
	g.wants(http.StatusOK, "203.0.113.99", "", "the right code after the wait")
	for range freeCodes - 1 {
		g.wants(http.StatusUnauthorized, "203.0.113.98", wrongCode, "a wrong code, counted anew")
	}
	g.wants(http.StatusOK, "203.0.113.98", "", "the right code before the tenth wrong one")
	entries, err := g.a.Store.FindAudit(t.Context(), store.AuditQuery{Text: "10 wrong codes", Limit: 10})
	must(t, err)
	if len(entries) != 1 || entries[0].Outcome != "denied" || !strings.Contains(entries[0].Detail, "ana") || !strings.Contains(entries[0].Detail, "203.0.113.9") {
		t.Errorf("the audit log: %+v", entries)
	}
}

// TestAStrangerLocksNobodyOut: whoever guesses codes of ana makes neither where she is
// known wait, nor a recovery code anywhere; and without her password nothing counts.
func TestAStrangerLocksNobodyOut(t *testing.T) {
	g := newGuessing(t)
	for range 2 * freeCodes {
		g.now = g.now.Add(15 * time.Second)
		g.logInAt("203.0.113.9", "/api/login", "not the password", wrongCode)
	}
	g.wants(http.StatusUnauthorized, "203.0.113.9", wrongCode, "the first code with the password")
	for range freeCodes {
		g.tries("203.0.113.9", wrongCode)
	}
	g.wants(http.StatusTooManyRequests, "203.0.113.9", "", "the stranger")
	g.wants(http.StatusTooManyRequests, "198.51.100.7", "", "ana where she never was")
	g.wants(http.StatusOK, "192.0.2.1", "", "ana where she is known")
	g.wants(http.StatusOK, "198.51.100.7", g.codes[0].(string), "a recovery code")
	g.wants(http.StatusOK, "198.51.100.7", "", "ana where she was once")
	for range freeCodes {
		g.wants(http.StatusUnauthorized, "192.0.2.1", wrongCode, "a wrong code where ana is known")
	}
	g.wants(http.StatusTooManyRequests, "192.0.2.1", "", "a guess where ana is known")
	g.wants(http.StatusOK, "198.51.100.7", "", "ana elsewhere")
}
