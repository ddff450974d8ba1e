package ui

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) adoptPage() (any, error) {
	p := &panel.Adopt{Frame: c.framed("fleet", "")}
	p.Title = p.Lang.T("adopt.title")
	out, err := c.discover()
	if err != nil {
		return nil, err
	}
	for _, f := range out.(discoverOut).Instances {
		p.Found = append(p.Found, panel.Found{Instance: f.Instance, Adopted: f.Adopted})
	}
	return p, nil
}

func (c *call) adoptByForm() (any, error) {
	c.given = adoptIn{Project: c.PostForm("project"), Name: strings.TrimSpace(c.PostForm("name"))}
	if _, err := c.adopt(); err != nil {
		return nil, err
	}
	return c.goTo(c.home(), "adopted")
}

func (c *call) createPage() (any, error) { return c.createWith(panel.Order{}, nil) }

func (c *call) createWith(o panel.Order, problems []string) (any, error) {
	p := &panel.Create{Frame: c.framed("fleet", ""), O: o, Problems: problems}
	p.Title = p.Lang.T("create.title")
	p.Open = cmp.Or(o.ID, o.Bind, o.Images, o.Postgres, o.SMTPHost) != ""
	return p, nil
}

// createByForm begins to make an instance, or says in the form all that is in
// the way.
func (c *call) createByForm() (any, error) {
	field := func(name string) string { return strings.TrimSpace(c.PostForm(name)) }
	o := panel.Order{Name: field("name"), ID: field("id"), URL: field("url"), SiteURL: field("site_url"), Bind: field("bind"), Images: field("images"), Postgres: field("postgres"),
		SMTPHost: field("smtp_host"), SMTPPort: field("smtp_port"), SMTPUser: field("smtp_user"), SMTPFrom: field("smtp_from")}
	in := CreateOrder{Name: o.Name, ID: o.ID, URL: o.URL, SiteURL: o.SiteURL, Bind: o.Bind, Images: o.Images,
		SMTPHost: o.SMTPHost, SMTPUser: o.SMTPUser, SMTPPassword: core.Secret(c.PostForm("smtp_password")), SMTPFrom: o.SMTPFrom}
	for _, n := range []struct {
		text string
		to   *int
	}{{o.Postgres, &in.Postgres}, {o.SMTPPort, &in.SMTPPort}} {
		if n.text == "" {
			continue
		}
		var err error
		if *n.to, err = strconv.Atoi(n.text); err != nil {
			return c.createWith(o, []string{clip(n.text, 40) + " is not a number"})
		}
	}
	c.given = in
	out, err := c.createInstance()
	if code := core.CodeOf(err); err != nil && (code == core.Invalid || code == core.Conflict) {
		return c.createWith(o, strings.Split(problemOf(err).Detail, "\n"))
	}
	return c.follow(out, err)
}
