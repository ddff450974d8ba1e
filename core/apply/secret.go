package apply

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/basewright/basewright/core"
)

// secret resolves argument name of an action at the moment of use: a handle is looked
// up as the instance is now, and a plain string stands for itself.
func (t *transaction) secret(ctx context.Context, a core.Action, name string) (core.Secret, error) {
	handle := a.SecretHandle(name)
	if handle == "" {
		return core.Secret(a.Text(name)), nil
	}
	h, _ := core.ParseHandle(handle)
	if v, ok := t.given[h.Key]; ok && h.From == core.FromGiven {
		return v, nil
	}
	obs, err := t.e.Observe(ctx)
	if err == nil && h.From != core.FromService {
		err = obs.Env.Err
	}
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", handle, err)
	}
	v, ok := obs.Secret(h)
	if !ok || v == "" {
		return "", core.Errorf(core.Conflict, "%s has no value", handle)
	}
	t.mask.Add(v)
	return v, nil
}

// allGiven refuses a plan that wants a secret which nobody gave.
func allGiven(p core.Plan, secrets map[string]core.Secret) error {
	for i, a := range p.Actions {
		for name := range a.Args {
			h, _ := core.ParseHandle(a.SecretHandle(name))
			if _, ok := secrets[h.Key]; h.From == core.FromGiven && !ok {
				return core.Errorf(core.Invalid, "action %d wants a value for %s, which was not given", i+1, h.Key)
			}
		}
	}
	return nil
}

// envName returns the name of the .env in the instance folder.
func envName(inst core.Instance, obs *core.Observation) string {
	rel, err := filepath.Rel(inst.Dir, obs.Env.Path)
	if obs.Env.Path == "" || err != nil || rel == "." || !filepath.IsLocal(rel) {
		return ".env"
	}
	return filepath.ToSlash(rel)
}
