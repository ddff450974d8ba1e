package ui

import (
	"net/url"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// filesPage shows the files of a stack, and one of them as a text to edit. Who
// writes a compose file reaches the whole host, so they are an admin of it all.
func (c *call) filesPage() (any, error) { return c.filesWith(c.Query("file"), "", "") }

// filesWith is the page with a text that was refused, or with the file's own.
func (c *call) filesWith(name, edited, problem string) (any, error) {
	of, err := c.of("config")
	if err != nil {
		return nil, err
	}
	p := &panel.FileText{Frame: c.framed("fleet", c.instance.Name), Of: of, Problem: problem, Text: edited, May: c.instance.Mode == core.Control}
	if p.Files, err = c.Files(c, c.instance); err != nil {
		return nil, err
	}
	if p.File = name; name == "" && len(p.Files) > 0 {
		p.File = p.Files[0]
	}
	if !slices.Contains(p.Files, p.File) {
		return nil, core.Errorf(core.NotFound, "the stack is made of no file %q", clip(p.File, 100))
	}
	if problem == "" {
		if p.Text, err = c.ShowFile(c, c.instance, p.File); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// previewFile keeps a text that was edited and shows what it would do.
func (c *call) previewFile() (any, error) {
	name, edited := c.PostForm("file"), c.PostForm("text")
	whole, diff, err := c.WholeFile(c, c.instance, name, edited)
	if err == nil {
		_, err = c.PlanFile(c, c.instance, FileEdit{File: name, Text: whole})
	}
	if code := core.CodeOf(err); code == core.Invalid || code == core.Conflict {
		return c.filesWith(name, edited, problemOf(err).Detail)
	}
	if err != nil {
		return nil, err
	}
	id := c.panel.keepDraft(draft{user: c.who.user.ID, instance: c.instance.ID, made: c.Now(), file: name, text: whole, diff: diff})
	return c.goTo(c.home()+"/files/"+id, "")
}

// fileDraftPage shows the plan, with the difference line by line in place of the
// fingerprints of the two texts.
func (c *call) fileDraftPage() (any, error) {
	d, err := c.myDraft(true)
	if err != nil {
		return nil, err
	}
	plan, err := c.PlanFile(c, c.instance, FileEdit{File: d.file, Text: d.text})
	if err != nil {
		return nil, err
	}
	p, err := c.planPage("file", wholePlan(plan))
	if err != nil {
		return nil, err
	}
	p.Plan.Diff = append([]core.Diff{d.diff}, slices.DeleteFunc(slices.Clone(plan.Diff), func(x core.Diff) bool { return x.Target == d.file })...)
	p.Action, p.Back = c.Request.URL.Path, c.home()+"/files?"+url.Values{"file": {d.file}}.Encode()
	p.Hidden = []panel.Field{{Name: "plan_hash", Value: plan.Hash}}
	return p, nil
}

func (c *call) applyFile() (any, error) {
	d, err := c.myDraft(true)
	if err != nil {
		return nil, err
	}
	c.given = FileEdit{File: d.file, Text: d.text, PlanHash: c.PostForm("plan_hash")}
	return c.follow(c.editFile())
}
