package repairs

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

var (
	codeShape  = regexp.MustCompile(`^[A-Z]{2,10}-[0-9]{2,3}$|^EXT(-[A-Z0-9]+)+$`) // the latter are plugins'
	paramShape = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	idShape    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
)

// metadata is what a playbook says of itself, and what is wrong with that.
type metadata struct {
	book     core.Playbook
	examples []example
	problems []Problem
}

// example is a test that a playbook carries.
type example struct {
	given   map[string]any
	params  map[string]string
	plan    []string
	refuses string
}

// Check returns what is wrong with a playbook; nothing means that it can be
// used, not that its examples pass.
func Check(ctx context.Context, name, src string) []Problem {
	m, err := readAll(ctx, []source{{Name: fileName(name), Text: src}})
	if err != nil {
		return []Problem{{Playbook: fileName(name), Message: err.Error()}}
	}
	return m[0].problems
}

// Read reads a playbook from a text that is in no folder; name is the file that
// it would be. What is wrong with it shows among the problems.
func Read(ctx context.Context, name, text string) (core.Playbook, []Problem, error) {
	m, err := readAll(ctx, []source{{Name: fileName(name), Text: text}})
	if err != nil {
		return core.Playbook{}, nil, err
	}
	m[0].book.Source = text
	return m[0].book, m[0].problems, nil
}

// readAll reads the metadata of sources: all in one child, and those that make
// trouble again in a child each, so that none suffers for another.
func readAll(ctx context.Context, sources []source) ([]metadata, error) {
	list := make([]metadata, len(sources))
	var fit []source
	var at []int
	for i, s := range sources {
		if p := checkSource(s); p != nil {
			list[i] = metadata{problems: []Problem{*p}}
			continue
		}
		fit, at = append(fit, s), append(at, i)
	}
	if len(fit) == 0 {
		return list, nil
	}
	outcomes, err := askTogether(ctx, fit)
	if err != nil {
		return nil, err
	}
	for i, o := range outcomes {
		list[at[i]] = decode(fit[i], o)
	}
	return list, nil
}

func askTogether(ctx context.Context, sources []source) ([]outcome, error) {
	outcomes := make([]outcome, len(sources))
	var together reply
	if len(sources) > 1 {
		r, err := ask(ctx, request{Books: sources})
		if err == nil {
			together = r
		}
	}
	for i, s := range sources {
		if together.Books != nil && together.Books[i].Problem == nil {
			outcomes[i] = together.Books[i]
			continue
		}
		o, err := askAlone(ctx, s)
		if err != nil {
			return nil, err
		}
		outcomes[i] = o
	}
	return outcomes, nil
}

// askAlone reads one playbook in a child of its own. What kills that child is
// the playbook's problem; only the end of ctx is ours.
func askAlone(ctx context.Context, s source) (outcome, error) {
	r, err := ask(ctx, request{Books: []source{s}})
	switch {
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case err != nil:
		return outcome{Problem: &Problem{Playbook: s.Name, Message: err.Error()}}, nil //nolint:nilerr // it is the outcome
	}
	return r.Books[0], nil
}

// decode makes metadata of what a playbook returned, strictly: a key that is
// not known is a problem, as a misspelt one would be without effect.
func decode(s source, o outcome) metadata {
	if o.Problem != nil {
		return metadata{problems: []Problem{*o.Problem}}
	}
	r := reader{source: s}
	top, ok := o.Value.(map[string]any)
	if !ok {
		r.problem("", "returns a list, not a table with title, risk and plan")
		return metadata{problems: r.problems}
	}
	id := strings.TrimSuffix(s.Name, ".lua")
	m := metadata{book: core.Playbook{
		ID:     id,
		Title:  oneLine(r.text(top, "title")),
		Fixes:  r.texts(top, "fixes"),
		Risk:   core.Risk(r.text(top, "risk")),
		Params: r.params(top),
		Wants:  r.wants(top),
	}}
	m.book.Guided = r.truth(top, "guided")
	for _, op := range r.texts(top, "needs") {
		m.book.Needs = append(m.book.Needs, core.Op(op))
	}
	m.examples = r.examples(top)
	r.only("", top, "title", "fixes", "risk", "needs", "params", "wants", "guided", "plan", "examples")
	r.judge(m.book, top["plan"])
	r.undeclared(m.book.Needs)
	m.problems = r.problems
	return m
}

// judge looks at what the types alone do not tell.
func (r *reader) judge(b core.Playbook, plan any) {
	if !idShape.MatchString(b.ID) {
		r.problemAt(0, "its file name is not lower case letters, digits, - and _")
	}
	if slices.Contains(core.NoPlaybooks, b.ID) {
		r.problem("", "%s is what Basewright calls changes of its own: give it another name", b.ID)
	}
	if b.Title == "" {
		r.problem("title", "title is missing")
	}
	if _, ok := riskRank[b.Risk]; !ok {
		r.problem("risk", "risk is %q, not low, medium or high", b.Risk)
	}
	if b.Guided && b.Risk != core.HighRisk {
		r.problem("guided", "guided: what may lose data is of high risk")
	}
	if plan != true {
		r.problem("plan", "plan is not a function")
	}
	for _, code := range b.Fixes {
		if !codeShape.MatchString(code) {
			r.problem("fixes", "fixes: %q is not the code of a finding, such as PG-01", oneLine(code))
		}
	}
	for _, op := range b.Needs {
		if _, ok := signatures[op]; !ok {
			r.problem("needs", "needs: there is no operation %q", oneLine(string(op)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Params)) {
		p := b.Params[name]
		if !paramShape.MatchString(name) {
			r.problem("params", "params: %q is not a name of lower case letters, digits and _", oneLine(name))
		}
		if _, err := paramValue(name, p, p.Default); err != nil {
			r.problem("params", "params: %v", err)
		}
	}
}

// problem notes what is wrong, at the line where the key is first set.
func (r *reader) problem(key, format string, args ...any) {
	r.problemAt(r.source.lineOf(key), format, args...)
}

func (r *reader) problemAt(line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{Playbook: r.source.Name, Line: line, Message: fmt.Sprintf(format, args...)})
}
