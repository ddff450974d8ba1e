package repairs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// permission is what a playbook may do beyond its kind.
type permission struct{ exec bool }

// toActions makes actions of what a plan function returned. Whatever is not
// exactly right refuses the whole plan: half a plan is no plan.
func toActions(book core.Playbook, facts map[string]any, returned any, may permission) ([]core.Action, error) {
	list, ok := returned.([]any)
	none, empty := returned.(map[string]any)
	switch {
	case empty && len(none) == 0:
		return nil, wrongPlan(book, "plan returns no actions; to refuse, return nil and the reason")
	case !ok:
		return nil, wrongPlan(book, "plan returns no list of actions")
	case len(list) > maxActions:
		return nil, wrongPlan(book, "plan returns %d actions, more than %d", len(list), maxActions)
	}
	known := serviceNames(facts)
	actions := make([]core.Action, len(list))
	for i, v := range list {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, wrongPlan(book, "action %d is not a table", i+1)
		}
		a, err := toAction(book, known, fields, may)
		if err != nil {
			return nil, wrongPlan(book, "action %d: %v", i+1, err)
		}
		actions[i] = a
	}
	return actions, nil
}

func wrongPlan(book core.Playbook, format string, args ...any) error {
	s := source{Name: fileName(book.ID), Text: book.Source}
	return Problem{Playbook: s.Name, Line: s.lineOf("plan"), Message: fmt.Sprintf(format, args...)}.err()
}

// serviceNames maps every name by which a playbook may call a service to the
// name that the facts have it under.
func serviceNames(facts map[string]any) map[string]core.Service {
	names := map[string]core.Service{}
	services, _ := facts["services"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(services)) {
		fields, _ := services[key].(map[string]any)
		if compose, ok := fields["compose_service"].(string); ok && names[compose] == "" {
			names[compose] = core.Service(key)
		}
	}
	for key := range services {
		names[key] = core.Service(key)
	}
	return names
}

func toAction(book core.Playbook, known map[string]core.Service, fields map[string]any, may permission) (core.Action, error) {
	op, _ := fields["op"].(string)
	a := core.Action{Op: core.Op(op)}
	sig, ok := signatures[a.Op]
	switch {
	case op == "":
		return a, fmt.Errorf("op is missing")
	case !ok:
		return a, fmt.Errorf("there is no operation %q", oneLine(op))
	case !slices.Contains(book.Needs, a.Op):
		return a, fmt.Errorf("uses operation %s that it does not declare in needs", op)
	case a.Op == core.OpExec && !may.exec:
		return a, fmt.Errorf("uses exec, which an admin has not allowed for this playbook")
	}
	if why, ok := fields["why"].(string); ok {
		a.Why = oneLine(why)
	} else if fields["why"] != nil {
		return a, fmt.Errorf("%s: why is not text", op)
	}
	service, err := sig.takeService(op, known, fields["service"])
	if err != nil {
		return a, err
	}
	a.Service = service
	if a.Args, err = sig.takeArgs(op, fields); err != nil {
		return a, err
	}
	if a.Op == core.OpSetEnv && holdsSecret.MatchString(a.Text("key")) && !harmless.MatchString(a.Text("key")) && a.SecretHandle("value") == "" {
		return a, fmt.Errorf("set_env %s: a secret is not written out in a plan; give the handle of one, or use generate_secret", oneLine(a.Text("key")))
	}
	if a.Op == core.OpWriteFile {
		if err := checkContent(a); err != nil {
			return a, err
		}
	}
	return a, nil
}

// masked is what stands for a secret in the text that a playbook sees.
const masked = "•••"

// checkContent wants one way to say what a file is to hold. A secret that the
// playbook was shown as dots must not become dots in the file.
func checkContent(a core.Action) error {
	ways := 0
	for _, name := range []string{"content", "lines", "edits"} {
		if _, given := a.Args[name]; given {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("write_file %s: give one of content, lines and edits", a.Text("path"))
	}
	if strings.Contains(a.Text("content"), masked) || strings.Contains(fmt.Sprint(a.Args["edits"]), masked) {
		return fmt.Errorf("write_file %s: what is to be written holds a masked secret, which would become %s", a.Text("path"), masked)
	}
	return nil
}

// A plan is stored and shown, so the value of a variable that holds a secret
// must not stand in it.
var (
	holdsSecret = regexp.MustCompile(`(?i)SECRET|PASSWORD|PASSWD|_PASS$|TOKEN|_KEY(_|S?$)|JWKS|_URI$|DATABASE_URL|_DSN$`)
	harmless    = regexp.MustCompile(`(?i)PASSWORD_(MIN|REQUIRED|LENGTH)|TOKEN_(EXP|LIFETIME)`)
)

func (s signature) takeService(op string, known map[string]core.Service, given any) (core.Service, error) {
	name, isText := given.(string)
	switch {
	case given == nil && s.service == oneService:
		return "", fmt.Errorf("%s: service is missing", op)
	case given == nil:
		return "", nil
	case s.service == noService:
		return "", fmt.Errorf(`%s has no argument "service"; it takes %s`, op, s.takes())
	case !isText:
		return "", fmt.Errorf("%s: service is not text", op)
	}
	service, ok := known[name]
	if !ok {
		return "", fmt.Errorf("%s: the instance has no service %q", op, oneLine(name))
	}
	return service, nil
}

func (s signature) takeArgs(op string, fields map[string]any) (map[string]any, error) {
	var args map[string]any
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "op" || name == "service" || name == "why" {
			continue
		}
		arg, ok := s.args[name]
		if !ok {
			return nil, fmt.Errorf("%s has no argument %q; it takes %s", op, oneLine(name), s.takes())
		}
		if !arg.kind.ok(fields[name]) {
			return nil, fmt.Errorf("%s: %s is %s, not %s", op, name, short(fields[name]), arg.kind.says)
		}
		if args == nil {
			args = map[string]any{}
		}
		args[name] = settled(fields[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.args)) {
		if _, ok := args[name]; s.args[name].required && !ok {
			return nil, fmt.Errorf("%s: %s is missing", op, name)
		}
	}
	return args, nil
}

// settled is the form of a checked argument that plans hold: a handle is its
// name alone, a number is whole.
func settled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if _, isHandle := v["secret"]; isHandle {
			return map[string]any{"secret": v["secret"]}
		}
		fields := map[string]any{}
		for k, x := range v {
			fields[k] = settled(x)
		}
		return fields
	case float64:
		return int(v)
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = settled(x)
		}
		return list
	}
	return v
}

// short shows a wrong argument in a message.
func short(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 60 {
			v = v[:60] + "…"
		}
		return fmt.Sprintf("%q", oneLine(v))
	case map[string]any:
		if s, ok := v["secret"].(string); ok {
			return fmt.Sprintf("the secret %q", oneLine(s))
		}
		return "a table"
	case []any:
		return "a list"
	}
	return strings.TrimSpace(fmt.Sprint(v))
}
