package ui

import (
	"slices"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) tokensPage() (any, error) { return c.tokens(nil, "") }

// tokens is the page of API tokens; once is the text of one that was just made.
func (c *call) tokens(once *panel.Once, problem string) (*panel.Tokens, error) {
	p := &panel.Tokens{Frame: c.framed("tokens", ""), Once: once, Problem: problem, Days: usualTokenDays, MaxDays: maxTokenDays,
		Everybodys: c.Query("all") == "1"}
	if problem != "" {
		p.Name = clip(c.PostForm("name"), 64)
	}
	p.Title = p.Lang.T("nav.tokens")
	out, err := c.listTokens()
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if p.Everybodys {
		users, err := c.Store.Users(c)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			names[u.ID] = u.Name
		}
	}
	for _, t := range out.(tokensOut).Tokens {
		p.Tokens = append(p.Tokens, panel.Token{Token: t, Owner: names[t.UserID], Over: t.Expires.Before(c.Now())})
	}
	all, err := c.Store.Instances(c)
	for _, i := range all {
		if c.who.sees(i.ID) {
			p.Instances = append(p.Instances, i.ID)
		}
	}
	for _, v := range core.Verbs {
		if c.mayAnywhere(v, p.Instances) {
			p.Verbs = append(p.Verbs, v)
		}
	}
	return p, err
}

// mayAnywhere reports whether a token could use a verb at all.
func (c *call) mayAnywhere(v core.Verb, instances []string) bool {
	return slices.ContainsFunc(append([]string{core.EveryInstance}, instances...), func(i string) bool { return c.who.may(v, i) })
}

func (c *call) wrongToken(err error) (any, error) {
	return c.again(err, func(problem string) (panel.Page, error) { return c.tokens(nil, problem) })
}

// tokenMade makes a token and shows its text, which nobody can ask for again.
func (c *call) tokenMade() (any, error) {
	in := tokenIn{Name: c.PostForm("name"), Instances: strings.Fields(strings.ReplaceAll(c.PostForm("instances"), ",", " "))}
	for _, v := range c.PostFormArray("verb") {
		in.Verbs = append(in.Verbs, core.Verb(v))
	}
	if text := c.PostForm("days"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 {
			return c.wrongToken(core.Errorf(core.Invalid, "a token lasts from 1 to %d days", maxTokenDays))
		}
		in.Days = days
	}
	c.given = in
	out, err := c.addToken()
	if err != nil {
		return c.wrongToken(err)
	}
	made := out.(tokenOut)
	return c.tokens(&panel.Once{Of: made.Token.Name, Text: made.Text}, "")
}

func (c *call) tokenRevoked() (any, error) {
	if _, err := c.revokeToken(); err != nil {
		return nil, err
	}
	return c.goTo("/tokens", "revoked")
}
