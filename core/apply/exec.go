package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// words returns a list of texts from an argument, which is a []any in a plan that
// was stored; nil when it is none.
func words(a core.Action, name string) []string {
	switch list := a.Args[name].(type) {
	case []string:
		return list
	case []any:
		var texts []string
		for _, v := range list {
			s, ok := v.(string)
			if !ok {
				return nil
			}
			texts = append(texts, s)
		}
		return texts
	}
	return nil
}

func checkExec(a core.Action) error {
	for _, name := range []string{"command", "inverse"} {
		list := words(a, name)
		if list == nil && (name == "command" || a.Args[name] != nil) {
			return core.Errorf(core.Invalid, "%s is not a list of texts", name)
		}
		if list != nil && (list[0] == "" || slices.ContainsFunc(list, func(s string) bool { return strings.ContainsRune(s, 0) })) {
			return core.Errorf(core.Invalid, "%s names no program, or holds a NUL byte", name)
		}
	}
	return nil
}

// execRisk says that a command without an inverse cannot be taken back.
func execRisk(a core.Action) error {
	if words(a, "inverse") != nil {
		return nil
	}
	return core.Errorf(core.Forbidden, "what the command does cannot be undone, since it has no inverse")
}

// execute runs one command in one service. What it prints is told to nobody: it
// may hold anything.
func execute(ctx context.Context, t *transaction, a core.Action) error {
	return t.command(ctx, a, words(a, "command"))
}

func (t *transaction) command(ctx context.Context, a core.Action, args []string) error {
	limit, err := timeout(a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := t.e.Exec(ctx, a.Service, core.Command{Args: args}); err != nil {
		return fmt.Errorf("run %s in %s: %w", args[0], a.Service, err)
	}
	return nil
}

// permitted refuses a plan with a command that no admin allowed its playbook.
func (a *Applier) permitted(ctx context.Context, p core.Plan) error {
	if !slices.ContainsFunc(p.Actions, func(x core.Action) bool { return x.Op == core.OpExec }) {
		return nil
	}
	if a.MayExec != nil && a.MayExec(ctx, p) {
		return nil
	}
	return &core.Error{
		Code: core.Forbidden, Message: fmt.Sprintf("the playbook %s runs commands, which no admin has allowed it", p.Playbook),
		Hint: fmt.Sprintf("look at it with `basewright playbook show %s`, then `basewright playbook allow-exec %s`", p.Playbook, p.Playbook),
	}
}
