package ui

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// again shows a page once more with what was wrong with the form on it. What is
// no mistake of whoever sent it is a page of its own.
func (c *call) again(cause error, show func(problem string) (panel.Page, error)) (any, error) {
	p := problemOf(cause)
	if p.Status >= http.StatusInternalServerError || p.Status == http.StatusNotFound {
		return nil, cause
	}
	if p.Status == http.StatusForbidden { // they may send the form; what is wrong is a password in it
		p.Status = http.StatusBadRequest
	}
	made, err := show(p.Detail)
	if err != nil {
		return nil, err
	}
	c.press(c.Context, p.Status, made, "")
	return nil, nil
}

// palettePage lists where somebody can go, for the palette.
func (c *call) palettePage() (any, error) {
	p := &panel.Palette{Frame: c.framed("", "")}
	p.Title = p.Lang.T("palette.title")
	for _, group := range p.Nav {
		for _, item := range group.Items {
			p.Places = append(p.Places, panel.Place{Href: item.Href, Icon: item.ID, Title: p.Lang.T("nav." + item.ID)})
		}
	}
	p.Places = append(p.Places, panel.Place{Href: "/settings", Icon: "settings", Title: p.Lang.T("nav.settings")})
	for _, more := range []struct{ href, icon, title string }{{"/adopt", "eye", p.Lang.T("palette.adopt")}, {"/new", "plus", p.Lang.T("palette.create")}} {
		if r := c.panel.pages[more.href]; r != nil && c.who.may(r.may, core.EveryInstance) {
			p.Places = append(p.Places, panel.Place{Href: more.href, Icon: more.icon, Title: more.title})
		}
	}
	mine, glances, err := c.visible()
	if err != nil {
		return nil, err
	}
	for _, i := range mine {
		status := core.Unknown
		if g, known := glances[i.ID]; known {
			status = g.Status
		}
		p.Places = append(p.Places, panel.Place{Href: "/instances/" + i.ID, Icon: string(status), Title: i.Name, Note: i.ID})
	}
	return p, nil
}

func (c *call) settingsPage() (any, error) { return c.settings(""), nil }

func (c *call) settings(problem string) *panel.Settings {
	p := &panel.Settings{Frame: c.framed("settings", ""), Problem: problem, Grants: grantsOf(c.who.user), Factor: c.who.user.SecondFactor}
	p.Title = p.Lang.T("nav.settings")
	if p.Admin {
		p.Effective = c.Effective
	}
	return p
}

func (c *call) settingsPassword() (any, error) {
	show := func(problem string) (panel.Page, error) { return c.settings(problem), nil }
	in := passwordIn{c.PostForm("old"), c.PostForm("new")}
	if in.New != c.PostForm("again") {
		f := c.frame(c.Context, c.who)
		return c.again(core.Errorf(core.Invalid, "%s", f.Lang.T("settings.password.differs")), show)
	}
	c.given = in
	if _, err := c.changePassword(); err != nil {
		return c.again(err, show)
	}
	return c.goTo("/settings", "password")
}

func grantsOf(u core.User) []panel.Grant {
	var list []panel.Grant
	for instance, role := range u.Grants {
		list = append(list, panel.Grant{Instance: instance, Role: role})
	}
	slices.SortFunc(list, func(a, b panel.Grant) int {
		return slices.Compare([]string{a.Instance}, []string{b.Instance})
	})
	return list
}

func (c *call) aboutPage() (any, error) {
	p := &panel.About{Frame: c.framed("about", ""), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	p.Title = p.Lang.T("nav.about")
	codes := map[string]bool{}
	for _, k := range c.Checks() {
		p.Checks++
		for _, e := range k.Finds {
			codes[e.Code] = true
		}
	}
	p.Codes = len(codes)
	books, _, err := c.Playbooks(c)
	if err != nil {
		return nil, err
	}
	p.Playbooks = len(books)
	out, _ := c.readiness()
	for _, part := range []string{"state", "engine", "changes"} {
		p.Parts = append(p.Parts, panel.Part{Name: part, Fine: out.Parts[part] == "ok", Says: out.Parts[part]})
	}
	return p, nil
}

func (c *call) auditPage() (any, error) {
	p := &panel.Audit{Frame: c.framed("audit", ""), Query: clip(c.Query("q"), 100), Instance: clip(c.Query("instance"), 60), Outcome: c.Query("outcome"), Outcomes: auditOutcomes}
	p.Title = p.Lang.T("nav.audit")
	out, err := c.listAudit()
	if err != nil {
		return nil, err
	}
	p.Entries = out.(auditOut).Entries
	if limit, _ := c.number("limit", 100, 1000); len(p.Entries) == limit && limit > 0 {
		u := *c.Request.URL
		q := u.Query()
		q.Del("verify")
		q.Set("before", strconv.FormatInt(p.Entries[limit-1].Seq, 10))
		u.RawQuery = q.Encode()
		p.Older = u.RequestURI()
	}
	if c.Query("verify") == "" {
		return p, nil
	}
	proof, err := c.verifyAudit()
	if err != nil {
		return nil, err
	}
	v := proof.(auditVerifyOut)
	p.Verified = &panel.Proof{Whole: v.Success, Says: v.Message, Entries: v.Entries, Hash: v.Hash}
	return p, nil
}
