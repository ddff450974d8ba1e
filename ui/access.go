package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

// identity is who makes a request: a user, or a script with a token of theirs.
type identity struct {
	user    core.User
	token   *core.Token
	session string    // ID of the login, empty for a token
	cookie  bool      // a browser keeps the login
	proved  time.Time // when they last showed that it is they
}

// may reports whether the identity may do something on an instance, or on all.
func (w identity) may(v core.Verb, instance string) bool {
	return w.user.RoleOn(instance).May(v) && (w.token == nil || w.token.Allows(v, instance))
}

// sees reports whether the instance exists for the identity at all.
func (w identity) sees(instance string) bool {
	if w.user.RoleOn(instance) == "" {
		return false
	}
	return w.token == nil || slices.ContainsFunc(w.token.Verbs, func(v core.Verb) bool { return w.token.Allows(v, instance) })
}

func (w identity) actor() string {
	switch {
	case w.token != nil:
		return "token:" + w.token.Name + " of " + w.user.Name
	case w.user.Name != "":
		return "user:" + w.user.Name
	}
	return "nobody"
}

// The cookie's name, and the one where the browser came over TLS.
const (
	cookieName   = "basewright"
	secureCookie = "__Host-" + cookieName
)

var errNobody = &statusError{http.StatusUnauthorized, "log in with POST /api/login, or send an API token as Authorization: Bearer …"}

// authenticate finds out who makes the request. Whatever is wrong with what
// they show, they are told the same.
func (a *Agent) authenticate(c *gin.Context) (identity, error) {
	ctx := c.Request.Context() // Gin's own is used again for the next request
	if text, found := bearer(c.Request); found {
		if strings.HasPrefix(text, access.TokenPrefix) {
			return a.byToken(ctx, text)
		}
		claims, err := a.Keyring.Parse(text, a.Now())
		if err != nil {
			return identity{}, errNobody
		}
		w, err := a.bySession(ctx, claims.Session, "bearer")
		if err == nil && w.user.ID != claims.UserID {
			return identity{}, errNobody
		}
		return w, err
	}
	for _, name := range []string{secureCookie, cookieName} {
		if text, err := c.Cookie(name); err == nil && text != "" {
			return a.bySession(ctx, text, "cookie")
		}
	}
	return identity{}, errNobody
}

func bearer(r *http.Request) (string, bool) {
	scheme, text, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(text), found && strings.EqualFold(scheme, "Bearer")
}

func (a *Agent) byToken(ctx context.Context, text string) (identity, error) {
	t, err := a.Store.TokenByHash(ctx, access.Digest(text), a.Now())
	if err != nil {
		return identity{}, nobodyOr(err)
	}
	u, err := a.enabled(ctx, t.UserID)
	if err != nil {
		return identity{}, err
	}
	if err := a.Store.TouchToken(ctx, t, a.Now()); err != nil {
		a.Log.Warn("the use of a token could not be noted", "token", t.ID, "error", err)
	}
	return identity{user: u, token: &t}, nil
}

// bySession finds a login. What is shown as a cookie must have been given as
// one, and so a JWT.
func (a *Agent) bySession(ctx context.Context, text, kind string) (identity, error) {
	s, err := a.Store.Session(ctx, access.Digest(text), a.Now())
	if err != nil {
		return identity{}, nobodyOr(err)
	}
	if s.Kind != kind {
		return identity{}, errNobody
	}
	u, err := a.enabled(ctx, s.UserID)
	return identity{user: u, session: s.ID, cookie: kind == "cookie", proved: s.Proved}, err
}

func (a *Agent) enabled(ctx context.Context, id string) (core.User, error) {
	u, err := a.Store.User(ctx, id)
	if err != nil {
		return u, nobodyOr(err)
	}
	if u.Disabled {
		return core.User{}, errNobody
	}
	return u, nil
}

// nobodyOr hides that something is missing, and nothing else.
func nobodyOr(err error) error {
	if core.CodeOf(err) == core.NotFound {
		return errNobody
	}
	return err
}

// permit decides whether the call may be made, and finds its instance.
func (c *call) permit() error {
	switch c.route.on {
	case everybody:
		return nil
	case anybody: // the handler shows what they may see
		if c.who.token != nil && !slices.Contains(c.who.token.Verbs, c.route.may) {
			return forbidden(c.route.may)
		}
		return nil
	case everything:
		if !c.who.may(c.route.may, core.EveryInstance) {
			return forbidden(c.route.may)
		}
		return c.named()
	}
	id, err := c.instanceID()
	if err != nil {
		return err
	}
	if id == core.EveryInstance { // a schedule or a window of all
		if !c.who.may(c.route.may, id) {
			return c.missing()
		}
		return nil
	}
	if !c.who.sees(id) { // and nothing is looked up, or the time it takes would tell what there is
		return c.missing()
	}
	i, err := c.Store.Instance(c, id)
	if core.CodeOf(err) == core.NotFound && (c.route.on == oneChange || c.route.on == oneAside) { // which may have deleted it, and can be undone
		i, err = c.Store.Departed(c, id)
	}
	gone := err != nil && core.CodeOf(err) == core.NotFound
	switch {
	case gone && (c.route.on == oneChange && c.route.method == http.MethodGet || c.route.on == oneAside) && c.who.may(core.MayAdmin, core.EveryInstance):
		i = core.Instance{ID: id, Name: id, Project: id, Files: []string{}, Origin: core.Created, Mode: core.Observe} // one that is being made, or could not be
		c.gone = true
	case gone:
		return c.missing()
	case err != nil:
		return err
	case !c.who.may(c.route.may, id):
		return forbidden(c.route.may)
	}
	c.instance = i
	return nil
}

// named finds the instance in the path of a route that needs the permission on
// all, if it names one.
func (c *call) named() error {
	id := c.Param("id")
	if id == "" {
		return nil
	}
	i, err := c.Store.Instance(c, id)
	if core.CodeOf(err) == core.NotFound {
		return c.missing()
	}
	c.instance = i
	return err
}

func forbidden(v core.Verb) error {
	return core.Errorf(core.Forbidden, "this needs the permission %q here, which you do not have", v)
}

// missing is said of what is not there and of what the caller must not know of,
// in the same words.
func (c *call) missing() error {
	what, id := c.route.on.object()
	return core.Errorf(core.NotFound, "there is no %s %q", what, clip(c.Param(id), 60))
}

// instanceID returns the instance that the path means, itself or through what
// belongs to it.
func (c *call) instanceID() (string, error) {
	what, param := c.route.on.object()
	id := c.Param(param)
	if c.route.on == oneInstance {
		return id, nil
	}
	instance, err := c.Store.InstanceOf(c, what, id)
	if core.CodeOf(err) == core.NotFound {
		return "", c.missing()
	}
	return instance, err
}
