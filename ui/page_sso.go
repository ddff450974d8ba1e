package ui

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/ui/panel"
)

// attemptCookie holds a login that is under way, sealed: at the issuer, or one
// that waits for a second factor.
const attemptCookie = "basewright-login"

// longestNext bounds the address to which a login leads: it is part of a cookie.
const longestNext = 1000

// wanted is the page to which a login leads.
func wanted(next string) string {
	if next = ours(next); len(next) > longestNext {
		return "/"
	}
	return next
}

// leaveForIssuer sends somebody to where they log in.
func (c *call) leaveForIssuer() (any, error) {
	if c.SingleSignOn == nil {
		return nil, core.Errorf(core.NotFound, "single sign-on is not set up here")
	}
	if err := c.wait(c.logins.begin(c.ClientIP())); err != nil {
		return nil, err
	}
	address, a, err := c.SingleSignOn.Begin(c, wanted(c.Query("next")), c.Now())
	if err != nil {
		return nil, err
	}
	c.attemptCookie(a.Seal(c.Store.Key()), a.Expires)
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
	a := access.OpenAttempt(c.Store.Key(), text)
	c.attemptCookie("", time.Time{})
	u, shown, err := c.vouchedFor(a)
	switch {
	case err != nil:
		return c.notLetIn(err)
	case u.SecondFactor:
		return c.wantCode(access.Vouched{UserID: u.ID, Next: wanted(a.Next), Expires: c.Now().Add(codeTime), Shown: shown})
	}
	return c.letIn(u, a.Next, shown)
}

// letIn opens the login of a user whom the issuer vouched for, and who showed it at that
// moment who they are.
func (c *call) letIn(u core.User, next string, shown time.Time) (any, error) {
	c.who.user = u
	session, expires, err := c.open(u, "cookie", shown)
	if err != nil {
		return c.notLetIn(err)
	}
	c.logins.succeeded(u.Name, c.ClientIP())
	c.Metrics.logins.WithLabelValues("ok").Inc()
	c.setCookie(session, expires)
	c.setDevice(u)
	// A redirect would still count as coming from the issuer's site, and the
	// browser would not show the cookie that it was just given.
	c.Header("Refresh", "0; url="+ours(next))
	p := &panel.Entered{Frame: c.framed("", ""), Next: ours(next)}
	p.Title, p.User = p.Lang.T("login.title"), ""
	return p, nil
}

// notLetIn says at the door why somebody is not let in.
func (c *call) notLetIn(err error) (any, error) {
	problem := problemOf(err)
	if problem.Status >= http.StatusInternalServerError {
		return nil, err
	}
	c.Metrics.logins.WithLabelValues("refused").Inc()
	c.who = identity{}
	p := &panel.Login{Frame: c.framed("", ""), Problem: problem.Detail, Issuer: c.issuer()}
	p.Title = p.Lang.T("login.title")
	c.press(c.Context, problem.Status, p, "")
	return nil, nil
}

// codeTime is how long who comes from the issuer may look for the code of their
// second factor.
const codeTime = 5 * time.Minute

// wantCode asks who has a second factor for its code: the issuer's word does not
// stand in for it.
func (c *call) wantCode(v access.Vouched) (any, error) {
	c.attemptCookie(v.Seal(c.Store.Key()), v.Expires)
	p := &panel.LoginCode{Frame: c.framed("", "")}
	p.Title, p.User = p.Lang.T("login.title"), ""
	return p, nil
}

// codeAfterIssuer lets in who shows the code that was wanted.
func (c *call) codeAfterIssuer() (any, error) {
	text, _ := c.Cookie(attemptCookie)
	v := access.OpenVouched(c.Store.Key(), text, c.Now())
	if v.UserID == "" {
		return c.notLetIn(&statusError{http.StatusUnauthorized, "this login is past; begin it again"})
	}
	u, err := c.enabled(c, v.UserID)
	if err != nil {
		return c.notLetIn(err)
	}
	code := c.PostForm("code")
	if err := c.checkFactor(u, code); err != nil {
		problem := problemOf(err)
		if problem.Status >= http.StatusInternalServerError {
			return nil, err
		}
		c.Metrics.logins.WithLabelValues("no second factor").Inc()
		if code != "" {
			c.noteFailure(u.Name, c.ClientIP())
		}
		p := &panel.LoginCode{Frame: c.framed("", ""), Problem: problem.Detail}
		p.Title = p.Lang.T("login.title")
		c.press(c.Context, problem.Status, p, "")
		return nil, nil
	}
	c.attemptCookie("", time.Time{})
	return c.letIn(u, v.Next, v.Shown)
}

// vouchedFor returns the user whom the issuer vouches for, with the role that
// their groups give, and when they showed it who they are.
func (c *call) vouchedFor(a access.Attempt) (core.User, time.Time, error) {
	if said := c.Query("error"); said != "" {
		return core.User{}, time.Time{}, core.Errorf(core.Forbidden, "%s did not let you in: %s", c.SingleSignOn.Host(), clip(said, 60))
	}
	p, err := c.SingleSignOn.Finish(c, a, c.Query("state"), c.Query("code"), c.Now())
	if err != nil {
		return core.User{}, time.Time{}, err
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
	return u, p.Shown, err
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
	_, hash := access.Draw() // nobody knows the password: there is no other way in than the issuer
	err := c.Store.AddUser(c, u, hash, e)
	if core.CodeOf(err) == core.Conflict {
		return u, c.unwelcome(p, "a user of that name is somebody else")
	}
	return u, err
}

// regrade gives a user the role of their groups, where the issuer decides. Roles
// on single instances are an admin's to give; who is in no group any more loses
// these, too.
func (c *call) regrade(u *core.User, p access.Person) error {
	if len(c.SingleSignOn.Roles) == 0 {
		return nil
	}
	role := p.Role.Stronger(c.SingleSignOn.NewRole)
	if role == "" {
		for _, instance := range slices.Sorted(maps.Keys(u.Grants)) {
			if err := c.byGroups(u, instance, ""); err != nil {
				return err
			}
		}
		return c.unwelcome(p, "their groups give no role")
	}
	return c.byGroups(u, core.EveryInstance, role)
}

// byGroups gives a user a role on an instance, or takes it away when it is "".
func (c *call) byGroups(u *core.User, instance string, role core.Role) error {
	had := u.Grants[instance]
	if role == had {
		return nil
	}
	e := core.AuditEntry{At: c.Now(), Actor: "issuer:" + c.SingleSignOn.Host(), Action: "user.grant", Outcome: "ok", Detail: u.Name + ": " + string(role) + " on " + instance + " by their groups"}
	if role == "" {
		e.Action, e.Detail = "user.revoke", u.Name+": no more "+string(had)+" on "+instance+", by their groups"
	}
	if instance != core.EveryInstance {
		e.Instance = instance
	}
	if err := c.Store.Grant(c, u.ID, instance, role, e); err != nil {
		return err
	}
	if u.Grants == nil {
		u.Grants = map[string]core.Role{}
	}
	if u.Grants[instance] = role; role == "" {
		delete(u.Grants, instance)
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
