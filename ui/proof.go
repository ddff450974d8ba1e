package ui

import (
	"errors"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// proofLife is how long a login, or a proof after it, opens what is fresh.
const proofLife = access.LastShown

// unproven is why a fresh route is closed: the login is too old, or what was shown
// to prove it was wrong.
type unproven struct{ error }

func (u unproven) Unwrap() error { return u.error }

var errOldLogin = core.Errorf(core.Forbidden, "you showed who you are more than 15 minutes ago; do it again with POST /api/me/proof, then send this once more")

type proofIn struct {
	Password string `json:"password"`
	Code     string `json:"code,omitempty" doc:"of the second factor, or a recovery code, for who has one"`
}

type proofOut struct {
	Reply
	Until time.Time `json:"proven_until"`
}

// proven refuses a fresh route to a login that is too old for it. A form of the
// panel may bring the proof along. An API token is no login: nobody sits before it
// who could be asked, and its verbs say all that it may.
func (c *call) proven() error {
	if c.route.fresh == "" || c.route.fresh == byCookie && !c.who.cookie || c.who.token != nil {
		return nil
	}
	age := c.Now().Sub(c.who.proved)
	if age <= proofLife && age > -time.Minute { // a clock that was set back makes no proof of the future
		return nil
	}
	if !c.route.page || c.PostForm("proof") == "" {
		return unproven{errOldLogin}
	}
	if err := c.proveAgain(proofIn{c.PostForm("proof"), c.PostForm("proof_code")}); err != nil {
		return unproven{err}
	}
	return nil
}

// proof has who is logged in show that it is still they.
func (c *call) proof() (any, error) {
	if c.who.token != nil {
		return nil, core.Errorf(core.Forbidden, "an API token is no login, and need not prove anything")
	}
	var in proofIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	return proofOut{ok("this login is proven"), c.Now().Add(proofLife).UTC()}, c.proveAgain(in)
}

// proveAgain wants of who is logged in what a login wants. The login does not last
// longer for it.
func (c *call) proveAgain(in proofIn) error {
	_, err := c.vouch(loginIn{c.who.user.Name, in.Password, in.Code})
	if errors.Is(err, errWrongLogin) {
		return errWrongPassword
	}
	if err != nil {
		return err
	}
	return nobodyOr(c.Store.ProveSession(c, c.who.session, c.Now(), c.entry("login.proof", "ok", "from "+c.ClientIP())))
}
