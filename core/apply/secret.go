package apply

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/basewright/basewright/core"
)

// secret resolves argument name of an action at the moment of use: a handle
// env:KEY is what the .env on disk says now, written:KEY the same with the dollar
// signs that Compose took from it, svc:SERVICE:KEY what the running container has, given:KEY what whoever approved the plan gave. A plain string stands for itself.
func (t *transaction) secret(ctx context.Context, a core.Action, name string) (core.Secret, error) {
	handle := a.SecretHandle(name)
	if handle == "" {
		return core.Secret(a.Text(name)), nil
	}
	kind, rest, _ := strings.Cut(handle, ":")
	if v, ok := t.given[rest]; ok && kind == given {
		return v, nil
	}
	obs, err := t.e.Observe(ctx)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", handle, err)
	}
	var v core.Secret
	var ok bool
	switch kind {
	case "env":
		if obs.Env.Err != nil {
			return "", fmt.Errorf("look up %s: %w", handle, obs.Env.Err)
		}
		v, ok = obs.Env.Lookup(rest)
	case "written":
		v, ok = obs.Env.Written(rest)
	case "svc":
		service, key, _ := strings.Cut(rest, ":")
		v, ok = obs.Setting(core.Service(service), key)
	}
	if !ok || v == "" {
		return "", core.Errorf(core.Conflict, "%s has no value", handle)
	}
	t.mask.Add(v)
	return v, nil
}

// given marks the handle of a secret that is in no file yet. It lives in memory
// until its action writes it; the plan and the journal never hold it.
const given = "given"

// allGiven refuses a plan that wants a secret which nobody gave.
func allGiven(p core.Plan, secrets map[string]core.Secret) error {
	for i, a := range p.Actions {
		for name := range a.Args {
			kind, key, _ := strings.Cut(a.SecretHandle(name), ":")
			if _, ok := secrets[key]; kind == given && !ok {
				return core.Errorf(core.Invalid, "action %d wants a value for %s, which was not given", i+1, key)
			}
		}
	}
	return nil
}

// validHandle refuses what is no handle of a secret.
func validHandle(handle string) error {
	parts := strings.Split(handle, ":")
	switch {
	case len(parts) == 2 && (parts[0] == "env" || parts[0] == "written" || parts[0] == given) && validKey.MatchString(parts[1]):
		return nil
	case len(parts) == 3 && parts[0] == "svc" && parts[1] != "" && validKey.MatchString(parts[2]):
		return nil
	}
	return core.Errorf(core.Invalid, "%q is not the handle of a secret, such as env:KEY or svc:SERVICE:KEY", handle)
}

// envName returns the name of the .env in the instance folder.
func envName(inst core.Instance, obs *core.Observation) string {
	rel, err := filepath.Rel(inst.Dir, obs.Env.Path)
	if obs.Env.Path == "" || err != nil || rel == "." || !filepath.IsLocal(rel) {
		return ".env"
	}
	return filepath.ToSlash(rel)
}
