package ui

import (
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/store"
)

const loginLife = 12 * time.Hour

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
	known, err := c.mayTry(in.Username)
	if err != nil {
		c.Metrics.logins.WithLabelValues("throttled").Inc()
		return core.User{}, err
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
	c.setDevice(u)
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
	err := c.repassword(in.Old)
	if errors.Is(err, errWrongPassword) {
		return nil, core.Errorf(core.Forbidden, "the old password is wrong")
	}
	if err != nil {
		return nil, err
	}
	err = c.Store.SetPassword(c, c.who.user.ID, access.Hash(in.New), c.who.session, c.entry("user.password", "ok", "their own"))
	return ok("the password is changed; your other logins are ended"), err
}
