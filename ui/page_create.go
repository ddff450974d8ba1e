package ui

import (
	"cmp"
	"context"
	"slices"
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
		p.New = p.New || !f.Adopted
	}
	return p, nil
}

// mostAdopted bounds how many projects one form adopts.
const mostAdopted = 200

// adoptSeveral adopts the projects that were picked.
func (c *call) adoptSeveral() (any, error) {
	picked := c.PostFormArray("project")
	if len(picked) == 0 {
		return nil, core.Errorf(core.Invalid, "no project is selected")
	}
	for _, project := range picked[:min(len(picked), mostAdopted)] {
		c.given = adoptIn{Project: project}
		if _, err := c.adopt(); err != nil {
			return nil, err
		}
	}
	if len(picked) == 1 {
		return c.goTo(c.home(), "adopted")
	}
	return c.goTo("/", "adopted")
}

// orderFields are the fields of the form for a new instance, in the order in
// which they stand on it; those of choices are folded.
var orderFields = []panel.OrderField{
	{Name: "name", Required: true}, {Name: "url", Kind: "url", Holder: "https://shop.example.com"}, {Name: "site_url", Kind: "url", Holder: "https://app.example.com"},
	{Group: "place", Name: "id", Code: true}, {Group: "place", Name: "bind", Code: true, Holder: "127.0.0.1"}, {Group: "place", Name: "gateway_port", Kind: "number"},
	{Group: "place", Name: "session_port", Kind: "number"}, {Group: "place", Name: "transaction_port", Kind: "number"},
	{Group: "parts", Name: "release", Code: true}, {Group: "parts", Name: "postgres", Kind: "number", Holder: "17"}, {Group: "parts", Name: "images", Code: true, Holder: "mirror.example/supabase"},
	{Group: "parts", Name: "gateway", Kind: "choice", Choices: []string{"kong", "envoy"}}, {Group: "parts", Name: "logs", Kind: "checkbox"}, {Group: "parts", Name: "memory_limits", Kind: "checkbox"},
	{Group: "parts", Name: "dashboard_username", Code: true, Holder: "dashboard"},
	{Group: "mail", Name: "smtp_host", Code: true}, {Group: "mail", Name: "smtp_port", Kind: "number", Holder: "587"}, {Group: "mail", Name: "smtp_user", Code: true},
	{Group: "mail", Name: "smtp_password", Kind: "password"}, {Group: "mail", Name: "smtp_from", Kind: "email"},
}

func (c *call) createPage() (any, error) {
	p := c.creating(nil)
	if c.Query("from_snapshot") != "" && p.From == nil {
		return nil, core.Errorf(core.NotFound, "there is no snapshot %q", clip(c.Query("from_snapshot"), 60))
	}
	return p, nil
}

// creating is the page with the form as it was filled in.
func (c *call) creating(found *Preflight) *panel.Create {
	p := &panel.Create{Frame: c.framed("fleet", ""), Keep: c.PostForm("keep") != ""}
	p.Title = p.Lang.T("create.title")
	if from := cmp.Or(c.PostForm("from_snapshot"), c.Query("from_snapshot")); from != "" {
		if s, err := c.Store.Snapshot(c, from); err == nil {
			p.From = &s
		}
	}
	for _, f := range orderFields {
		if f.Kind != "password" {
			f.Value = clip(c.PostForm(f.Name), 200)
		}
		n := slices.IndexFunc(p.Groups, func(g panel.FieldGroup) bool { return g.ID == f.Group })
		if n < 0 {
			n, p.Groups = len(p.Groups), append(p.Groups, panel.FieldGroup{ID: f.Group})
		}
		p.Groups[n].Fields = append(p.Groups[n].Fields, f)
		p.Groups[n].Open = p.Groups[n].Open || f.Value != "" && !(len(f.Choices) > 0 && f.Value == f.Choices[0])
	}
	if found != nil {
		p.Looked, p.ID, p.Release = true, found.ID, found.Release
		for _, problem := range found.Problems {
			p.Problems = append(p.Problems, panel.Obstacle(problem))
		}
	}
	return p
}

// ordered reads the form into an order. What is no number is an obstacle like
// the others.
func (c *call) ordered() (CreateOrder, []OrderProblem) {
	var wrong []OrderProblem
	text := func(name string) string { return strings.TrimSpace(c.PostForm(name)) }
	number := func(name string) int {
		if text(name) == "" {
			return 0
		}
		n, err := strconv.Atoi(text(name))
		if err != nil {
			wrong = append(wrong, OrderProblem{strings.ReplaceAll(name, "_", " "), clip(text(name), 40) + " is not a number"})
		}
		return n
	}
	return CreateOrder{
		Name: text("name"), ID: text("id"), Release: text("release"), URL: text("url"), SiteURL: text("site_url"), Bind: text("bind"),
		GatewayPort: number("gateway_port"), SessionPort: number("session_port"), TransactionPort: number("transaction_port"),
		Images: text("images"), Postgres: number("postgres"), Gateway: text("gateway"), Logs: text("logs") != "", MemoryLimits: text("memory_limits") != "", DashboardUser: text("dashboard_username"), SMTPHost: text("smtp_host"), SMTPPort: number("smtp_port"),
		SMTPUser: text("smtp_user"), SMTPPassword: core.Secret(c.PostForm("smtp_password")), SMTPFrom: text("smtp_from"), KeepOnFailure: c.PostForm("keep") != "", FromSnapshot: text("from_snapshot"),
	}, wrong
}

// look says what is in the way of the order in the form.
func (c *call) look() (CreateOrder, Preflight, error) {
	order, wrong := c.ordered()
	if len(wrong) > 0 {
		return order, Preflight{Problems: wrong}, nil
	}
	c.given = order
	out, err := c.preflight()
	if err != nil {
		return order, Preflight{}, err
	}
	return order, out.(preflightOut).Preflight, nil
}

func (c *call) createLook() (any, error) {
	_, found, err := c.look()
	if err != nil {
		return nil, err
	}
	return c.creating(&found), nil
}

// createSent begins to make the instance and leads to its progress, or says in
// the form all that is in the way.
func (c *call) createSent() (any, error) {
	order, found, err := c.look()
	if err != nil {
		return nil, err
	}
	if len(found.Problems) > 0 {
		return c.creating(&found), nil
	}
	c.given = order
	out, err := c.createInstance()
	if code := core.CodeOf(err); err != nil && (code == core.Invalid || code == core.Conflict) { // somebody was quicker
		found.Problems = []OrderProblem{{"host", problemOf(err).Detail}}
		return c.creating(&found), nil
	}
	return c.follow(out, err)
}

// handedSetting holds when the keys of a new instance were shown.
const handedSetting = "panel.handed."

// handOver shows the address and the keys of an instance that was made here,
// once; after that they are in its .env.
func (c *call) handOver() (any, error) {
	if c.instance.Origin != core.Created {
		return nil, core.Errorf(core.Invalid, "%s was not made here; its keys are in its .env", c.instance.ID)
	}
	marks := &c.panel.marks
	marks.Lock()
	defer marks.Unlock()
	shown, err := c.Store.Setting(c, handedSetting+c.instance.ID)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return nil, err
	}
	if shown != "" {
		return nil, core.Errorf(core.Conflict, "the keys of %s were shown once, %s; they are in %s/.env", c.instance.ID, shown, c.instance.Dir)
	}
	handed, err := c.Handover(c, c.instance)
	if err != nil {
		return nil, err
	}
	if err := c.Store.Append(c, c.entry("instance.handover", "ok", "its address and keys were shown")); err != nil {
		return nil, err
	}
	said := c.Now().UTC().Format("2006-01-02 15:04") + " UTC to " + c.who.actor()
	if err := c.Store.SetSetting(context.WithoutCancel(c), handedSetting+c.instance.ID, said); err != nil {
		return nil, err
	}
	p := &panel.Handover{Frame: c.framed("fleet", c.instance.Name), ID: c.instance.ID, Name: c.instance.Name, Dir: c.instance.Dir}
	for _, h := range handed {
		p.Keys = append(p.Keys, panel.Handed{Key: h.Key, Value: h.Value.Reveal(), Secret: h.Secret})
	}
	return p, nil
}
