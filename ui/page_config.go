package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// draft is an edit of settings that somebody looks at before it is applied. It
// stays in memory, since its values may be secrets.
type draft struct {
	user, instance string
	changes        map[string]core.Secret
	made           time.Time

	file string // in place of settings: a file, its new text, and how it differs
	text core.Secret
	diff core.Diff
}

const (
	draftLife  = 20 * time.Minute
	mostDrafts = 200
	setPrefix  = "set."
)

// keepDraft remembers an edit and forgets those that nobody came back to.
func (p *pressroom) keepDraft(d draft) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, old := range p.drafts {
		if d.made.Sub(old.made) > draftLife || len(p.drafts) >= mostDrafts {
			delete(p.drafts, id)
		}
	}
	id := core.NewID()
	p.drafts[id] = d
	return id
}

func (p *pressroom) draft(id string, now time.Time) (draft, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, found := p.drafts[id]
	return d, found && now.Sub(d.made) <= draftLife
}

func (c *call) configPage() (any, error) { return c.configWith("") }

func (c *call) configWith(problem string) (panel.Page, error) {
	of, err := c.of("config")
	if err != nil {
		return nil, err
	}
	out, err := c.showConfig()
	if err != nil {
		return nil, err
	}
	p := &panel.Config{Frame: c.framed("fleet", c.instance.Name), Of: of, Problem: problem, May: of.May.Repair}
	for _, s := range out.(configOut).Settings {
		p.Settings = append(p.Settings, panel.Setting{Key: s.Key, Value: s.Value, Default: s.Default, Help: s.Help, Locked: s.Locked, Set: s.Set, Secret: hidden(s), Allowed: s.Allowed, Services: s.Services})
	}
	return p, nil
}

// hidden reports whether a form must not repeat the value, or could not: part
// of it is masked.
func hidden(s Setting) bool { return s.Secret || strings.Contains(s.Value, "•") }

// previewConfig keeps what was edited and shows what it would do.
func (c *call) previewConfig() (any, error) {
	if err := c.Request.ParseForm(); err != nil {
		return nil, core.Errorf(core.Invalid, "the form cannot be read")
	}
	now, err := c.showConfig()
	if err != nil {
		return nil, err
	}
	settings := now.(configOut).Settings
	changes := map[string]core.Secret{}
	for name := range c.Request.PostForm {
		key, is := strings.CutPrefix(name, setPrefix)
		n := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key })
		if !is || n < 0 {
			continue
		}
		value, s := c.PostForm(name), settings[n]
		untouched := hidden(s) && value == "" || !hidden(s) && (s.Set && value == s.Value || !s.Set && value == "")
		if !untouched {
			changes[key] = core.Secret(value)
		}
	}
	if len(changes) == 0 {
		return c.configWith(c.framed("", "").Lang.T("config.nothing"))
	}
	if _, err := c.PlanConfig(c, c.instance, changes); err != nil {
		if core.CodeOf(err) == core.Invalid {
			return c.again(err, func(problem string) (panel.Page, error) { return c.configWith(problem) })
		}
		return nil, err
	}
	id := c.panel.keepDraft(draft{user: c.who.user.ID, instance: c.instance.ID, changes: changes, made: c.Now()})
	return c.goTo(c.home()+"/config/"+id, "")
}

// myDraft returns an edit of this user on this instance, of settings or of a file.
func (c *call) myDraft(ofFile bool) (draft, error) {
	d, found := c.panel.draft(c.Param("draft"), c.Now())
	if !found || d.user != c.who.user.ID || d.instance != c.instance.ID || (d.file != "") != ofFile {
		return d, core.Errorf(core.NotFound, "%s", c.framed("", "").Lang.T("config.gone"))
	}
	return d, nil
}

func (c *call) draftPage() (any, error) {
	d, err := c.myDraft(false)
	if err != nil {
		return nil, err
	}
	plan, err := c.PlanConfig(c, c.instance, d.changes)
	if err != nil {
		return nil, err
	}
	p, err := c.planPage("config", wholePlan(plan))
	if err != nil {
		return nil, err
	}
	p.Action, p.Back = c.Request.URL.Path, c.home()+"/config"
	p.Hidden = []panel.Field{{Name: "plan_hash", Value: plan.Hash}}
	return p, nil
}

// applyDraft begins the change when its plan is still the one that was shown.
func (c *call) applyDraft() (any, error) {
	d, err := c.myDraft(false)
	if err != nil {
		return nil, err
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	plan, err := c.PlanConfig(c, c.instance, d.changes)
	if err != nil {
		return nil, err
	}
	if plan.Hash != c.PostForm("plan_hash") {
		return nil, &core.Error{Code: core.Conflict, Message: "the plan is no longer the one that was approved: the instance changed since", Hint: "look at the new plan"}
	}
	job, err := c.Configure(c, c.instance, d.changes, c.who.actor())
	if err != nil {
		return nil, err
	}
	return c.follow(c.begin(job))
}
