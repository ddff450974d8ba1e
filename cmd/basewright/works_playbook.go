package main

import (
	"context"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/repairs"
	"github.com/basewright/basewright/ui"
)

// testBook runs the examples of a playbook's text.
func testBook(ctx context.Context, id, source string) ([]ui.Example, error) {
	results, err := repairs.Test(ctx, id+".lua", source)
	if err != nil {
		return nil, err
	}
	list := make([]ui.Example, len(results))
	for i, r := range results {
		list[i] = ui.Example{Number: r.Number, Passed: r.Passed, Message: r.Message, Refusal: r.Refusal, Plan: []string{}}
		for _, a := range r.Actions {
			list[i].Plan = append(list[i].Plan, a.String())
		}
	}
	return list, nil
}

// planText makes the plan of a text that is not saved, from the instance as it is
// now. It may run commands only where an admin allowed that to this very text.
func (a *agent) planText(ctx context.Context, i core.Instance, id, source string) (core.Plan, error) {
	book, problems, err := repairs.Read(ctx, id+".lua", source)
	if err != nil {
		return core.Plan{}, err
	}
	if len(problems) > 0 {
		return core.Plan{}, core.Errorf(core.Invalid, "%s", problems[0])
	}
	if book.MayExec, err = a.store.MayExec(ctx, book.ID, sourceHash(book)); err != nil {
		return core.Plan{}, err
	}
	p, _, err := a.planBook(ctx, i, nil, func(d *core.Diagnosis) (core.Playbook, *core.Finding, error) {
		return chooseBook(d, "", book, nil)
	})
	return p, err
}

// bookVersions returns the good versions of a playbook of the user's, the newest
// first. The library is asked before: it takes in the version that is there now.
func (a *agent) bookVersions(ctx context.Context, id string) ([]ui.PlaybookVersion, error) {
	if _, _, err := a.collection.Books(ctx); err != nil {
		return nil, err
	}
	versions, err := a.history().Versions(id)
	if err != nil {
		return nil, &core.Error{Code: core.Unreachable, Message: "the versions of the playbook " + id + " cannot be read", Err: err}
	}
	list := make([]ui.PlaybookVersion, len(versions))
	for i, v := range versions {
		list[i] = ui.PlaybookVersion{ID: v.Name, At: v.At, Source: v.Text}
	}
	slices.Reverse(list)
	return list, nil
}
