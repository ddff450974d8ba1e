package repairs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// ExampleResult is how one example of a playbook came out.
type ExampleResult struct {
	Number  int           `json:"number"` // from 1
	Passed  bool          `json:"passed"`
	Message string        `json:"message,omitempty"` // why it did not pass
	Actions []core.Action `json:"actions,omitempty"`
	Refusal string        `json:"refusal,omitempty"`
}

// Test runs the examples of a playbook offline. An example's plan lists its
// actions in order, each as the operation and its service, "restart auth"; the
// arguments count only where the line goes on to name them, in the order of
// their names: "wait_healthy auth timeout=60s".
func Test(ctx context.Context, name, src string) ([]ExampleResult, error) {
	read, err := readAll(ctx, []source{{Name: fileName(name), Text: src}})
	if err != nil {
		return nil, err
	}
	m := read[0]
	if len(m.problems) > 0 {
		return nil, m.problems[0].err()
	}
	m.book.Source = src
	if len(m.examples) == 0 {
		return nil, nil
	}
	runs := make([]run, len(m.examples))
	for i, e := range m.examples {
		params, err := paramValues(m.book, e.params)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "%s: example %d: %v", fileName(name), i+1, err)
		}
		runs[i] = run{Facts: e.given, Params: params}
	}
	outcomes, err := call(ctx, m.book, runs)
	if err != nil {
		return nil, err
	}
	results := make([]ExampleResult, len(outcomes))
	for i, o := range outcomes {
		results[i] = m.examples[i].judge(m.book, o)
		results[i].Number = i + 1
	}
	return results, nil
}

// judge compares what came out with what the example promises.
func (e example) judge(book core.Playbook, o outcome) ExampleResult {
	actions, refusal, err := settle(book, e.given, o, permission{exec: true})
	r := ExampleResult{Actions: actions, Refusal: refusal}
	switch {
	case err != nil:
		r.Message = err.Error()
	case refusal != e.refuses && e.refuses != "" && refusal != "":
		r.Message = fmt.Sprintf("refuses with %q, not with %q", refusal, e.refuses)
	case refusal != "" && e.refuses == "":
		r.Message = fmt.Sprintf("refuses with %q", refusal)
	case refusal == "" && e.refuses != "":
		r.Message = fmt.Sprintf("plans %s, does not refuse", lines(actions))
	case !slices.EqualFunc(actions, e.plan, says):
		r.Message = fmt.Sprintf("plans %s, not %q", lines(actions), e.plan)
	default:
		r.Passed = true
	}
	return r
}

func lines(actions []core.Action) string {
	all := make([]string, len(actions))
	for i, a := range actions {
		all[i] = a.String()
	}
	return fmt.Sprintf("%q", all)
}

// says reports whether the line of an example describes the action a.
func says(a core.Action, line string) bool {
	head := core.Action{Op: a.Op, Service: a.Service}.String()
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), head)
	if !ok {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(a.Args)) {
		one := core.Action{Args: map[string]any{name: a.Args[name]}}.String()
		if after, ok := strings.CutPrefix(rest, one); ok {
			rest = after
		}
	}
	return rest == ""
}
