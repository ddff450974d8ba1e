package ui

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/ui/panel"
)

// attempts are the logins that people are away for at the issuer, by the digest
// of what their browser keeps.
type attempts struct {
	mu   sync.Mutex
	open map[string]access.Attempt
}

const (
	attemptCookie = "basewright-login"
	manyAttempts  = 1000
)

// keep remembers an attempt, and reports whether there was room: strangers can
// begin as many as they like.
func (l *attempts) keep(key string, a access.Attempt, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]access.Attempt{}
	}
	for k, old := range l.open {
		if len(l.open) >= manyAttempts && now.After(old.Expires) {
			delete(l.open, k)
		}
	}
	if len(l.open) >= manyAttempts {
		return false
	}
	l.open[key] = a
	return true
}

// take returns an attempt, which counts once.
func (l *attempts) take(key string) access.Attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.open[key]
	delete(l.open, key)
	return a
}

// leaveForIssuer sends somebody to where they log in.
func (c *call) leaveForIssuer() (any, error) {
	if c.SingleSignOn == nil {
		return nil, core.Errorf(core.NotFound, "single sign-on is not set up here")
	}
	if !c.logins.mayBegin(c.ClientIP()) {
		return nil, &statusError{http.StatusTooManyRequests, "too many logins; wait ten seconds"}
	}
	address, a, err := c.SingleSignOn.Begin(c, ours(c.Query("next")), c.Now())
	if err != nil {
		return nil, err
	}
	text := rand.Text()
	if !c.attempts.keep(access.Digest(text), a, c.Now()) {
		return nil, &statusError{http.StatusServiceUnavailable, "too many logins are open; wait a minute, or log in with a password"}
	}
	c.attemptCookie(text, a.Expires)
	c.Redirect(http.StatusSeeOther, address)
	return nil, nil
}

// attemptCookie sets what proves that a login ends in the browser in which it
// began. It comes along from the issuer, so it cannot be strict.
func (c *call) attemptCookie(text string, expires time.Time) {
	k := &http.Cookie{Name: attemptCookie, Value: text, Path: "/login/sso", Expires: expires, HttpOnly: true, Secure: c.overTLS(), SameSite: http.SameSiteLaxMode}
	if text == "" {
		k.MaxAge = -1
	}
	http.SetCookie(c.Writer, k)
}

// backFromIssuer logs in who comes back, or says at the door why not.
func (c *call) backFromIssuer() (any, error) {
	if c.SingleSignOn == nil {
		return nil, core.Errorf(core.NotFound, "single sign-on is not set up here")
	}
	text, _ := c.Cookie(attemptCookie)
	a := c.attempts.take(access.Digest(text))
	c.attemptCookie("", time.Time{})
	u, err := c.vouchedFor(a)
	if err == nil {
		c.who.user = u
		var session string
		var expires time.Time
		if session, expires, err = c.open(u, "cookie"); err == nil {
			c.Metrics.logins.WithLabelValues("ok").Inc()
			c.setCookie(session, expires)
			// A redirect would still count as coming from the issuer's site, and the
			// browser would not show the cookie that it was just given.
			c.Header("Refresh", "0; url="+ours(a.Next))
			p := &panel.Entered{Frame: c.framed("", ""), Next: ours(a.Next)}
			p.Title, p.User = p.Lang.T("login.title"), ""
			return p, nil
		}
	}
	problem := problemOf(err)
	if problem.Status >= http.StatusInternalServerError {
		return nil, err
	}
	c.Metrics.logins.WithLabelValues("refused").Inc()
	c.who = identity{}
	p := &panel.Login{Frame: c.framed("", ""), Problem: problem.Detail, Issuer: c.SingleSignOn.Host()}
	p.Title = p.Lang.T("login.title")
	c.press(c.Context, problem.Status, p, "")
	return nil, nil
}

// vouchedFor returns the user whom the issuer vouches for, with the role that
// their groups give.
func (c *call) vouchedFor(a access.Attempt) (core.User, error) {
	if said := c.Query("error"); said != "" {
		return core.User{}, core.Errorf(core.Forbidden, "%s did not let you in: %s", c.SingleSignOn.Host(), clip(said, 60))
	}
	p, err := c.SingleSignOn.Finish(c, a, c.Query("state"), c.Query("code"), c.Now())
	if err != nil {
		return core.User{}, err
	}
	u, err := c.Store.UserBySubject(c, p.Subject)
	switch {
	case core.CodeOf(err) == core.NotFound:
		u, err = c.newcomer(p)
	case err == nil && !u.Disabled:
		err = c.regrade(&u, p)
	}
	if err == nil && u.Disabled {
		err = c.unwelcome(p, "the user is locked out")
	}
	return u, err
}

// newcomer makes the user of somebody who was never here, where that is wanted.
func (c *call) newcomer(p access.Person) (core.User, error) {
	sso := c.SingleSignOn
	role := sso.NewRole
	if len(sso.Roles) > 0 && p.Role != "" {
		role = p.Role
	}
	switch {
	case sso.NewRole == "" || role == "":
		return core.User{}, c.unwelcome(p, "there is no such user")
	case p.Name == "":
		return core.User{}, c.unwelcome(p, "the issuer tells no name that could be a user's")
	}
	u := core.User{ID: core.NewID(), Name: p.Name, Subject: p.Subject, Created: c.Now().UTC(), Grants: map[string]core.Role{core.EveryInstance: role}}
	e := core.AuditEntry{At: c.Now(), Actor: "user:" + u.Name, Action: "user.add", Outcome: "ok", Detail: u.Name + ": " + string(role) + " on *, by single sign-on as " + clip(p.Subject, 200)}
	// Nobody knows this password: there is no other way in than the issuer.
	err := c.Store.AddUser(c, u, access.Hash(rand.Text()), e)
	if core.CodeOf(err) == core.Conflict {
		return u, c.unwelcome(p, "a user of that name is somebody else")
	}
	return u, err
}

// regrade gives a user the role of their groups, where the issuer decides.
func (c *call) regrade(u *core.User, p access.Person) error {
	if len(c.SingleSignOn.Roles) == 0 {
		return nil
	}
	role := p.Role.Stronger(c.SingleSignOn.NewRole)
	had := u.Grants[core.EveryInstance]
	if role != had {
		e := core.AuditEntry{At: c.Now(), Actor: "issuer:" + c.SingleSignOn.Host(), Action: "user.grant", Outcome: "ok", Detail: u.Name + ": " + string(role) + " on * by their groups"}
		if role == "" {
			e.Action, e.Detail = "user.revoke", u.Name+": nothing more on *, by their groups"
		}
		if err := c.Store.Grant(c, u.ID, core.EveryInstance, role, e); err != nil {
			return err
		}
		if u.Grants[core.EveryInstance] = role; role == "" {
			delete(u.Grants, core.EveryInstance)
		}
	}
	if len(u.Grants) == 0 {
		return c.unwelcome(p, "their groups give no role")
	}
	return nil
}

// unwelcome writes down who was not let in, as an admin needs it to link a user.
func (c *call) unwelcome(p access.Person, why string) error {
	if c.logins.mayNote("login") {
		e := core.AuditEntry{At: c.Now(), Actor: "nobody", Action: "login", Outcome: "denied", Detail: "as " + clip(p.Subject, 200) + " from " + c.ClientIP() + ": " + why}
		if err := c.Store.Append(c, e); err != nil {
			return err
		}
	}
	return core.Errorf(core.Forbidden, "%s knows you, Basewright does not let you in: %s; ask an admin", c.SingleSignOn.Host(), why)
}
