package ui

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"github.com/basewright/basewright/core"
)

// maxSource bounds a playbook's text, as its sandbox does.
const maxSource = 64 << 10

type playbooksOut struct {
	Reply
	Playbooks []core.Playbook `json:"playbooks"`
	Problems  []string        `json:"problems" doc:"playbooks of your own that are left out, and why"`
}

type playbookIn struct {
	Source string `json:"source"`
	ID     string `json:"id,omitempty" doc:"for a check; the address names it otherwise"`
}

type playbookCheckOut struct {
	Reply
	Problems []string `json:"problems"`
}

func (c *call) listPlaybooks() (any, error) {
	books, problems, err := c.Playbooks(c.Request.Context())
	for i := range books {
		books[i].Fixes, books[i].Needs = listed(books[i].Fixes), listed(books[i].Needs)
	}
	return playbooksOut{ok(""), listed(books), listed(problems)}, err
}

var validPlaybook = regexp.MustCompile(`^[a-z][a-z0-9-]{1,62}[a-z0-9]$`)

// source reads a playbook's text and checks it.
func (c *call) source(id string) (playbookIn, []string, error) {
	var in playbookIn
	if err := c.body(&in); err != nil {
		return in, nil, err
	}
	id = cmp.Or(id, in.ID, "unnamed")
	if !validPlaybook.MatchString(id) {
		return in, nil, core.Errorf(core.Invalid, "a playbook's id has 3 to 64 small letters, digits and hyphens, and begins with a letter")
	}
	if len(in.Source) == 0 || len(in.Source) > maxSource {
		return in, nil, core.Errorf(core.Invalid, "a playbook has 1 to %d KiB of text", maxSource>>10)
	}
	in.ID = id
	return in, listed(c.CheckPlaybook(c.Request.Context(), id, in.Source)), nil
}

func (c *call) checkPlaybook() (any, error) {
	_, problems, err := c.source("")
	out := playbookCheckOut{ok("the playbook is right"), problems}
	if len(problems) > 0 {
		out.Reply = Reply{false, problems[0]}
	}
	return out, err
}

// Example is how one of the examples in a playbook came out.
type Example struct {
	Number  int      `json:"number"`
	Passed  bool     `json:"passed"`
	Message string   `json:"message,omitempty" doc:"why it did not pass"`
	Plan    []string `json:"plan"`
	Refusal string   `json:"refusal,omitempty"`
}

// PlaybookVersion is a text that a playbook once had.
type PlaybookVersion struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at" doc:"when it was first seen"`
	Source string    `json:"source"`
}

type playbookTestOut struct {
	Reply
	Examples []Example `json:"examples"`
}

// testPlaybook runs the examples of a text, offline.
func (c *call) testPlaybook() (any, error) {
	in, problems, err := c.source("")
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return playbookTestOut{Reply{false, problems[0]}, []Example{}}, nil
	}
	examples, err := c.TestPlaybook(c, in.ID, in.Source)
	failed := slices.ContainsFunc(examples, func(e Example) bool { return !e.Passed })
	return playbookTestOut{Reply{!failed && len(examples) > 0, ""}, listed(examples)}, err
}

type versionsOut struct {
	Reply
	Versions []PlaybookVersion `json:"versions"`
}

func (c *call) listVersions() (any, error) {
	id := c.Param("pid")
	if !validPlaybook.MatchString(id) {
		return nil, core.Errorf(core.NotFound, "there is no playbook %q", clip(id, 60))
	}
	list, err := c.PlaybookVersions(c, id)
	return versionsOut{ok(""), listed(list)}, err
}

// savePlaybook writes a playbook that is right; one that is not stays unwritten.
func (c *call) savePlaybook() (any, error) {
	in, problems, err := c.source(c.Param("pid"))
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, core.Errorf(core.Invalid, "the playbook is not right: %s", problems[0])
	}
	err = c.recorded("playbook.write", in.ID, func() (string, error) {
		return in.ID, c.SavePlaybook(c.Request.Context(), in.ID, in.Source)
	})
	return playbookCheckOut{ok("the playbook is written"), problems}, err
}

type codeView struct {
	Code     string        `json:"code"`
	Title    string        `json:"title"`
	Severity core.Severity `json:"severity"`
	What     string        `json:"what"`
	Breaks   string        `json:"breaks"`
	Do       string        `json:"do"`
	Data     string        `json:"data"`
}

type checkView struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Category core.Category `json:"category"`
	Depth    core.Depth    `json:"depth"`
	Finds    []codeView    `json:"finds"`
}

type checksOut struct {
	Reply
	Checks []checkView `json:"checks"`
}

func (c *call) listChecks() (any, error) {
	out := checksOut{ok(""), []checkView{}}
	for _, k := range c.Checks() {
		v := checkView{k.ID, k.Title, k.Category, cmp.Or(k.Depth, core.Full), []codeView{}}
		for _, e := range k.Finds {
			v.Finds = append(v.Finds, codeView{e.Code, e.Title, e.Severity, e.What, e.Breaks, e.Do, e.Data})
		}
		slices.SortFunc(v.Finds, func(a, b codeView) int { return cmp.Compare(a.Code, b.Code) })
		out.Checks = append(out.Checks, v)
	}
	return out, nil
}
