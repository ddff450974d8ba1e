package ui

import "github.com/basewright/basewright/core"

// FileEdit gives a file that a stack is made of another text.
type FileEdit struct {
	File     string      `json:"file" doc:".env, a compose file, or what they mount, such as volumes/api/kong.yml"`
	Text     core.Secret `json:"text" doc:"the whole of its new text"`
	PlanHash string      `json:"plan_hash,omitempty" doc:"of the plan that was looked at and approved"`
}

func (c *call) fileEdit() (FileEdit, error) {
	var e FileEdit
	if err := c.body(&e); err != nil {
		return e, err
	}
	if e.File == "" {
		return e, core.Errorf(core.Invalid, `"file" is missing: name a file of the stack, such as .env`)
	}
	return e, nil
}

func (c *call) planFile() (any, error) {
	e, err := c.fileEdit()
	if err != nil {
		return nil, err
	}
	p, err := c.PlanFile(c, c.instance, e)
	return planOut{ok("nothing is changed; apply it with its plan_hash"), wholePlan(p)}, err
}

func (c *call) editFile() (any, error) {
	e, err := c.fileEdit()
	switch {
	case err != nil:
		return nil, err
	case e.PlanHash == "":
		return nil, core.Errorf(core.Invalid, "plan_hash is missing; POST …/config/file/plan shows the plan and its hash")
	}
	if err := c.mayChange(); err != nil {
		return nil, err
	}
	job, err := c.EditFile(c, c.instance, e, c.who.actor())
	if err != nil {
		return nil, err
	}
	return c.begin(job)
}
