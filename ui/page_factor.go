package ui

import (
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) factorPage() (any, error) { return c.factor("") }

// factor is the page of one's second factor: a secret to begin with, the one
// that was typed in already, or the way to have none.
func (c *call) factor(problem string) (*panel.Factor, error) {
	p := &panel.Factor{Frame: c.framed("settings", ""), Problem: problem, On: c.who.user.SecondFactor, Secret: clip(c.PostForm("secret"), 100)}
	p.Title = p.Lang.T("factor.title")
	if p.On || p.Secret != "" {
		return p, nil
	}
	out, err := c.proposeFactor()
	if err != nil {
		return nil, err
	}
	p.Secret = out.(factorOut).Secret
	return p, nil
}

func (c *call) wrongFactor(err error) (any, error) {
	return c.again(err, func(problem string) (panel.Page, error) { return c.factor(problem) })
}

// factorSet has a second factor from now on and shows the recovery codes, once.
func (c *call) factorSet() (any, error) {
	c.given = factorIn{Secret: c.PostForm("secret"), Code: c.PostForm("code"), Password: c.PostForm("password")}
	out, err := c.setFactor()
	if err != nil {
		return c.wrongFactor(err)
	}
	p := &panel.Factor{Frame: c.framed("settings", ""), On: true, Recovery: out.(factorSetOut).Recovery}
	p.Title = p.Lang.T("factor.title")
	return p, nil
}

func (c *call) factorRemoved() (any, error) {
	c.given = factorOffIn{Password: c.PostForm("password"), Code: c.PostForm("code")}
	if _, err := c.removeFactor(); err != nil {
		return c.wrongFactor(err)
	}
	return c.goTo("/settings", "saved")
}
