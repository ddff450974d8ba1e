package repairs

import (
	"context"
	"errors"
	"maps"

	"github.com/basewright/basewright/core"
)

// Evaluate runs a playbook on facts and returns the actions it plans, or the
// sentence with which it refuses. exec is allowed as far as an admin allowed it.
func Evaluate(ctx context.Context, book core.Playbook, facts map[string]any, params map[string]string) ([]core.Action, string, error) {
	return evaluate(ctx, book, facts, params, permission{exec: book.MayExec})
}

func evaluate(ctx context.Context, book core.Playbook, facts map[string]any, given map[string]string, may permission) ([]core.Action, string, error) {
	params, err := paramValues(book, given)
	if err != nil {
		return nil, "", err
	}
	outcomes, err := call(ctx, book, []run{{Facts: facts, Params: params}})
	if err != nil {
		return nil, "", err
	}
	return settle(book, facts, outcomes[0], may)
}

// call has a child run the plan function of book.
func call(ctx context.Context, book core.Playbook, runs []run) ([]outcome, error) {
	src := source{Name: fileName(book.ID), Text: book.Source}
	if p := checkSource(src); p != nil {
		return nil, p.err()
	}
	for i := range runs {
		runs[i].Facts = complete(runs[i].Facts)
	}
	r, err := ask(ctx, request{Books: []source{src}, Runs: runs})
	if e, ok := errors.AsType[*core.Error](err); ok {
		return nil, &core.Error{Code: e.Code, Message: src.Name + ": " + e.Message, Hint: e.Hint, Err: e.Err}
	}
	return r.Runs, err
}

// settle turns the outcome of one run into actions, a refusal or an error.
func settle(book core.Playbook, facts map[string]any, o outcome, may permission) ([]core.Action, string, error) {
	switch {
	case o.Problem != nil:
		return nil, "", o.Problem.err()
	case o.Refusal != "":
		return nil, o.Refusal, nil
	}
	actions, err := toActions(book, facts, o.Value, may)
	return actions, "", err
}

// complete returns the facts with an empty table for each part that is not
// there, so that a playbook may look into it.
func complete(facts map[string]any) map[string]any {
	all := map[string]any{}
	for _, part := range []string{
		"instance", "services", "env", "findings", "ports", "host", "logs", "sql", "files", "http", "gaps", "stats", "release", "compose",
	} {
		all[part] = map[string]any{}
	}
	maps.Copy(all, facts)
	return all
}
