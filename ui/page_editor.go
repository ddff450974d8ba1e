package ui

import (
	"cmp"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

// newPlaybook stands for the id of one that is not written yet.
const newPlaybook = "new"

// sketch is what a new playbook begins with.
const sketch = `-- Say in a sentence what this mends, and when.
return {
  title = "Restart auth",
  fixes = { "AUTH-17" },
  risk  = "low",
  needs = { "restart", "wait_healthy" },

  plan = function(t, params)
    if t.services.db.state ~= "running" then
      return nil, "the database is " .. t.services.db.state .. "; mend that first"
    end
    return {
      { op = "restart", service = "auth", why = "auth does not answer" },
      { op = "wait_healthy", service = "auth" },
    }
  end,

  examples = {
    { given = { services = { db = { state = "running" }, auth = { state = "running" } } },
      plan  = { "restart auth", "wait_healthy auth" } },
  },
}
`

func (c *call) editorPage() (any, error) {
	p, err := c.editor(c.Param("pid"))
	if err != nil || p.ID == newPlaybook {
		return p, err
	}
	b, err := c.book(p.ID)
	p.Source = b.Source
	return p, err
}

// editor is the page of a playbook's text, with the sketch in it.
func (c *call) editor(id string) (*panel.Editor, error) {
	p := &panel.Editor{Frame: c.framed("playbooks", ""), ID: cmp.Or(id, newPlaybook), Source: sketch}
	p.Title = p.Lang.T("playbooks.new")
	if b, err := c.book(p.ID); err == nil {
		p.Title, p.BuiltIn = bookTitle(p.Lang, b), b.BuiltIn
	}
	var err error
	p.Instances, err = c.repairable()
	return p, err
}

// editorSent checks a text and runs its examples, or says what it would do to an
// instance.
func (c *call) editorSent() (any, error) {
	p, _, err := c.sentText()
	if err != nil {
		return nil, err
	}
	if c.PostForm("what") == "plan" {
		return p, c.planInEditor(p)
	}
	return p, c.checkInEditor(p)
}

// sentText is the page with the text that was sent, and the id it is to have.
func (c *call) sentText() (p *panel.Editor, id string, err error) {
	if p, err = c.editor(c.Param("pid")); err != nil {
		return nil, "", err
	}
	p.Done, p.NewID, p.Instance = true, strings.TrimSpace(c.PostForm("id")), c.PostForm("instance")
	p.Source = strings.ReplaceAll(c.PostForm("source"), "\r\n", "\n")
	if id = p.ID; id == newPlaybook {
		id = p.NewID
	}
	c.given = playbookIn{Source: p.Source, ID: id}
	return p, id, nil
}

// editorSaved saves a text when nothing is wrong with it.
func (c *call) editorSaved() (any, error) {
	p, id, err := c.sentText()
	if err != nil {
		return nil, err
	}
	if id == "" || id == newPlaybook {
		p.Problems = []panel.Complaint{{Text: p.Lang.T("playbooks.id.missing")}}
		return p, nil
	}
	if err := c.checkInEditor(p); err != nil || len(p.Problems) > 0 || p.Failed {
		return p, err
	}
	c.Params = gin.Params{{Key: "pid", Value: id}}
	if _, err := c.savePlaybook(); err != nil {
		return nil, err
	}
	if c.GetHeader("HX-Request") == "true" { // the page stays until it is saved
		c.Header("HX-Redirect", "/playbooks/"+id+"?done=saved")
		c.Status(http.StatusNoContent)
		return nil, nil
	}
	return c.goTo("/playbooks/"+id, "saved")
}

// checkInEditor checks the text and runs its examples.
func (c *call) checkInEditor(p *panel.Editor) error {
	out, err := c.testPlaybook()
	if err != nil {
		return complained(p, err)
	}
	tested := out.(playbookTestOut)
	for _, e := range tested.Examples {
		p.Examples = append(p.Examples, panel.Example(e))
		p.Failed = p.Failed || !e.Passed
	}
	if tested.Message != "" { // of the check
		p.Problems = []panel.Complaint{complaint(tested.Message)}
	}
	return nil
}

// planInEditor says what the text would do to the chosen instance now.
func (c *call) planInEditor(p *panel.Editor) error {
	in, problems, err := c.source("")
	if err != nil {
		return complained(p, err)
	}
	for _, text := range problems {
		p.Problems = append(p.Problems, complaint(text))
	}
	if len(problems) > 0 {
		return nil
	}
	i, err := c.Store.Instance(c, p.Instance)
	if err != nil || !c.who.may(core.MayRepair, i.ID) {
		return core.Errorf(core.NotFound, "there is no instance %q", clip(p.Instance, 60))
	}
	plan, err := c.PlanPlaybook(c, i, in.ID, in.Source)
	if err != nil {
		return complained(p, err)
	}
	plan = wholePlan(plan)
	p.Plan = &plan
	return nil
}

// complained tells on the page what the text or the instance is the reason of.
func complained(p *panel.Editor, err error) error {
	switch core.CodeOf(err) {
	case core.Invalid, core.Conflict, core.Forbidden, core.NotFound, core.Unreachable:
		p.Problems = []panel.Complaint{complaint(problemOf(err).Detail)}
		return nil
	}
	return err
}

// complainedOf finds the line that a complaint about a text is about.
var complainedOf = regexp.MustCompile(`^[a-z0-9-]+\.lua:([0-9]+): `)

func complaint(text string) panel.Complaint {
	line := 0
	if m := complainedOf.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // one that is too long for a number is of no text
	}
	return panel.Complaint{Text: text, Line: line}
}
