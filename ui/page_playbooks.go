package ui

import (
	"net/url"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/ui/panel"
)

func (c *call) playbooksPage() (any, error) {
	p := &panel.Playbooks{Frame: c.framed("playbooks", ""), Query: strings.TrimSpace(clip(c.Query("q"), 100))}
	p.Title = p.Lang.T("nav.playbooks")
	out, err := c.listPlaybooks()
	if err != nil {
		return nil, err
	}
	books := out.(playbooksOut)
	p.Problems = books.Problems
	records, err := c.records()
	if err != nil {
		return nil, err
	}
	for _, b := range books.Playbooks {
		b.Title = bookTitle(p.Lang, b)
		own := strings.ToLower(b.ID + " " + b.Title + " " + strings.Join(b.Fixes, " "))
		if !slices.ContainsFunc(strings.Fields(strings.ToLower(p.Query)), func(word string) bool { return !strings.Contains(own, word) }) {
			p.Books = append(p.Books, panel.Listed{Playbook: b, Mends: c.codes(p.Lang, b.Fixes), Record: records[b.ID]})
		}
	}
	return p, nil
}

// records sums up what each playbook did to the instances that the caller sees.
func (c *call) records() (map[string]panel.Record, error) {
	all, err := c.Store.Instances(c)
	if err != nil {
		return nil, err
	}
	records := map[string]panel.Record{}
	for _, i := range all {
		if !c.who.may(core.MayRead, i.ID) {
			continue
		}
		past, err := c.Store.Past(c, i.ID)
		if err != nil {
			return nil, err
		}
		for _, did := range past {
			r := records[did.Playbook]
			switch {
			case did.State == core.RolledBack || did.State == core.RollbackFailed || did.Undone:
				r.Back++
			case did.State == core.Committed:
				r.Kept++
			}
			if at := did.At; r.Last == nil || at.After(*r.Last) {
				r.Last = &at
			}
			records[did.Playbook] = r
		}
	}
	return records, nil
}

// codes are findings with what they mean.
func (c *call) codes(l panel.Lang, codes []string) []panel.Code {
	var list []panel.Code
	for _, code := range codes {
		e, _ := c.explain(code)
		list = append(list, panel.Code{Code: code, Title: l.Title(code, e.Title), Severity: e.Severity})
	}
	return list
}

// bookTitle is what a playbook is called. One that a user wrote keeps its own
// title, also when it stands in for a built-in one.
func bookTitle(l panel.Lang, b core.Playbook) string {
	if !b.BuiltIn {
		return b.Title
	}
	return l.Title(b.ID, b.Title)
}

// planTitle returns how to call plans: by their playbook's title in the
// caller's language while they have that title, else as they came. Playbooks
// that cannot be read are no reason to hide a receipt.
func (c *call) planTitle(l panel.Lang) func(core.Plan) string {
	var books []core.Playbook
	if l != panel.English {
		books, _, _ = c.Playbooks(c)
	}
	return func(p core.Plan) string {
		n := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == p.Playbook && b.Title == p.Title })
		if n < 0 {
			return l.Phrase(p.Title)
		}
		return bookTitle(l, books[n])
	}
}

// book returns the playbook of the address.
func (c *call) book(id string) (core.Playbook, error) {
	books, _, err := c.Playbooks(c)
	if err != nil {
		return core.Playbook{}, err
	}
	n := slices.IndexFunc(books, func(b core.Playbook) bool { return b.ID == id })
	if n < 0 {
		return core.Playbook{}, core.Errorf(core.NotFound, "there is no playbook %q", clip(id, 60))
	}
	return books[n], nil
}

// playbookPage shows a playbook as it is, or an older version of it against
// that.
func (c *call) playbookPage() (any, error) {
	b, err := c.book(c.Param("pid"))
	if err != nil {
		return nil, err
	}
	p := &panel.Playbook{Frame: c.framed("playbooks", ""), Book: b, Source: b.Source}
	p.Book.Title = bookTitle(p.Lang, b)
	p.Title = p.Book.Title
	p.Mends = c.codes(p.Lang, b.Fixes)
	records, err := c.records()
	if err != nil {
		return nil, err
	}
	p.Record = records[b.ID]
	if !b.BuiltIn {
		versions, err := c.PlaybookVersions(c, b.ID)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			p.Versions = append(p.Versions, panel.Version{ID: v.ID, At: v.At, Now: v.Source == b.Source})
			if v.ID == c.Query("version") {
				p.Version, p.At, p.Source = v.ID, v.At, v.Source
			}
		}
		if p.Version == "" && c.Query("version") != "" {
			return nil, core.Errorf(core.NotFound, "there is no version %q of this playbook", clip(c.Query("version"), 60))
		}
	}
	p.Instances, err = c.repairable()
	return p, err
}

// repairable are the instances that the caller may plan repairs of.
func (c *call) repairable() ([]panel.Choice, error) {
	all, err := c.Store.Instances(c)
	var list []panel.Choice
	for _, i := range all {
		if c.who.may(core.MayRepair, i.ID) {
			list = append(list, panel.Choice{ID: i.ID, Name: i.Name})
		}
	}
	return list, err
}

// planPlaybook leads to the plan of a playbook for the instance that was chosen.
func (c *call) planPlaybook() (any, error) {
	q := url.Values{"playbook": {c.Param("pid")}}
	return c.goTo("/instances/"+url.PathEscape(c.Query("instance"))+"/fix?"+q.Encode(), "")
}
