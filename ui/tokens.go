package ui

import (
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
)

const (
	usualTokenDays = 90
	maxTokenDays   = 366
)

type tokensOut struct {
	Reply
	Tokens []core.Token `json:"tokens"`
}

type tokenIn struct {
	Name      string      `json:"name"`
	Verbs     []core.Verb `json:"verbs" doc:"what it may do: read, logs, config, diagnose, restart, snapshot, repair, schedule, admin"`
	Instances []string    `json:"instances,omitempty" doc:"on which; all that its user has when left out"`
	Days      int         `json:"days,omitempty" doc:"how long; 90 when left out, and never longer than the API token that makes it"`
}

type tokenOut struct {
	Reply
	Token core.Token `json:"token"`
	Text  string     `json:"text" doc:"shown once"`
}

func (c *call) listTokens() (any, error) {
	user := c.who.user.ID
	if c.Query("all") == "1" {
		if !c.who.may(core.MayAdmin, core.EveryInstance) {
			return nil, forbidden(core.MayAdmin)
		}
		user = ""
	}
	tokens, err := c.Store.Tokens(c, user)
	return tokensOut{ok(""), tokens}, err
}

func (c *call) addToken() (any, error) {
	var in tokenIn
	if err := c.body(&in); err != nil {
		return nil, err
	}
	t, err := NewToken(in.Name, in.Verbs, in.Instances, in.Days, c.Now())
	if err != nil {
		return nil, err
	}
	// A token that makes another must not make a stronger one, nor one that outlives it.
	if own := c.who.token; own != nil {
		if t.Expires.After(own.Expires) {
			t.Expires = own.Expires
		}
		for _, v := range t.Verbs {
			for _, i := range t.Instances {
				if !own.Allows(v, i) {
					return nil, core.Errorf(core.Forbidden, "this API token may not make one that may %q on %s", v, clip(i, 60))
				}
			}
		}
	}
	t.UserID = c.who.user.ID
	text := access.NewToken()
	err = c.Store.AddToken(c, t, access.Digest(text), c.entry("token.add", "ok", t.Name))
	return tokenOut{ok("the token is made; this is the only time that it is shown"), t, text}, err
}

// NewToken makes a token without an owner, or says what is wrong with it.
func NewToken(name string, verbs []core.Verb, instances []string, days int, now time.Time) (core.Token, error) {
	if days == 0 {
		days = usualTokenDays
	}
	if len(instances) == 0 {
		instances = []string{core.EveryInstance}
	}
	t := core.Token{ID: core.NewID(), Name: name, Verbs: verbs, Instances: instances, Created: now.UTC(), Expires: now.UTC().AddDate(0, 0, days)}
	switch {
	case !core.ValidUserName(name):
		return t, core.Errorf(core.Invalid, "a token's name has 1 to 64 letters, digits and . _ @ -, and begins with a letter or a digit")
	case days < 1 || days > maxTokenDays:
		return t, core.Errorf(core.Invalid, "a token lasts from 1 to %d days", maxTokenDays)
	case len(verbs) == 0:
		return t, core.Errorf(core.Invalid, "a token needs verbs: some of %v", core.Verbs)
	case len(instances) > 1000:
		return t, core.Errorf(core.Invalid, "a token names at most 1000 instances; use * for all")
	}
	for _, v := range verbs {
		if !slices.Contains(core.Verbs, v) {
			return t, core.Errorf(core.Invalid, "%q is not a verb; there are %v", clip(string(v), 60), core.Verbs)
		}
	}
	for _, i := range instances {
		if i != core.EveryInstance && !core.ValidID(i) {
			return t, core.Errorf(core.Invalid, "%q is not the id of an instance, nor * for all", clip(i, 60))
		}
	}
	return t, nil
}

func (c *call) revokeToken() (any, error) {
	user := c.who.user.ID
	if c.who.may(core.MayAdmin, core.EveryInstance) {
		user = ""
	}
	id := c.Param("tid")
	return ok("the token is revoked"), c.Store.RevokeToken(c, id, user, c.entry("token.revoke", "ok", clip(id, 60)))
}
