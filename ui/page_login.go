package ui

import (
	"net/http"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) loginPage() (any, error) {
	if who, err := c.authenticate(c.Context); err == nil && who.token == nil {
		return c.goTo(ours(c.Query("next")), "")
	}
	p := &panel.Login{Frame: c.framed("", ""), Next: ours(c.Query("next")), Issuer: c.issuer()}
	p.Title = p.Lang.T("login.title")
	if c.Query("ended") != "" {
		p.Notice = p.Lang.T("login.ended")
	}
	return p, nil
}

// enter logs in by the form. What is wrong is said in it.
func (c *call) enter() (any, error) {
	in := loginIn{c.PostForm("username"), c.PostForm("password"), c.PostForm("code")}
	next := ours(c.PostForm("next"))
	c.given = in
	_, err := c.openSession()
	if err == nil {
		return c.goTo(next, "")
	}
	problem := problemOf(err)
	if problem.Status >= http.StatusInternalServerError {
		return nil, err
	}
	p := &panel.Login{Frame: c.framed("", ""), Username: clip(in.Username, 64), Next: next, Problem: problem.Detail, Code: problem.Factor || in.Code != "", Issuer: c.issuer()}
	p.Title = p.Lang.T("login.title")
	c.press(c.Context, problem.Status, p, "")
	return nil, nil
}

// issuer is how people call where they log in besides here, "" for nowhere.
func (a *Agent) issuer() string {
	if a.SingleSignOn == nil {
		return ""
	}
	return a.SingleSignOn.Host()
}

func (c *call) leave() (any, error) {
	if _, err := c.logout(); err != nil {
		return nil, err
	}
	return c.goTo("/login?ended=1", "")
}

// chooseLanguage keeps the language for who is logged in, wherever they are, and in
// this browser for whoever is not.
func (c *call) chooseLanguage() (any, error) {
	lang := panel.Lang(c.PostForm("lang"))
	if !slices.Contains(panel.Langs, lang) {
		return nil, core.Errorf(core.Invalid, "the panel does not speak %q", clip(string(lang), 20))
	}
	c.prefer(langCookie, string(lang))
	if who, err := c.authenticate(c.Context); err == nil && who.token == nil {
		if err := c.Store.SetLanguage(c, who.user.ID, string(lang)); err != nil {
			return nil, err
		}
	}
	return c.goTo(backOf(c.Context), "")
}

func (c *call) chooseTheme() (any, error) {
	theme := c.PostForm("theme")
	if !slices.Contains([]string{"", "light", "dark"}, theme) {
		return nil, core.Errorf(core.Invalid, "theme is light, dark or empty")
	}
	c.prefer(themeCookie, theme)
	return c.goTo(backOf(c.Context), "")
}

// prefer keeps how somebody likes to see the panel, in their browser.
func (c *call) prefer(name, value string) {
	const year = 365 * 24 * time.Hour
	http.SetCookie(c.Writer, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(year.Seconds()), HttpOnly: true, Secure: c.overTLS(), SameSite: http.SameSiteLaxMode})
}
