// Package configure turns edits of an instance's settings into a plan: what
// changes in the .env, masked, and which services must be recreated for it.
// Package apply carries the plan out and takes it back when the instance is
// worse afterwards.
package configure

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// Edit is a change of settings of one instance.
type Edit struct {
	Set   map[string]core.Secret // by key or short name
	Unset []string
}

// order is how services are recreated: what others need comes first.
var order = []core.Service{
	core.Vector, core.DB, core.Analytics, core.Pooler, core.Auth, core.Rest, core.Realtime, core.Imgproxy, core.Storage, core.Meta,
	core.Studio, core.Gateway, core.Functions,
}

// Plan returns the plan of an edit, not sealed, and the values of the secrets in
// it, which the plan holds only by their handles. All that is wrong with the
// edit is in one error.
func Plan(obs *core.Observation, e Edit, key core.FingerprintKey) (core.Plan, map[string]core.Secret, error) {
	if obs.Env.Err != nil {
		return core.Plan{}, nil, fmt.Errorf("read %s: %w", obs.Env.Path, obs.Env.Err)
	}
	edit, err := check(e)
	if err != nil {
		return core.Plan{}, nil, err
	}
	p := core.Plan{Instance: obs.Instance.ID, Playbook: core.ConfigPlaybook, Risk: core.MediumRisk, Scope: core.ConfigScope}
	given := map[string]core.Secret{}
	var changed []string
	for _, c := range edit {
		before, had := obs.Env.Lookup(c.setting.Key)
		if c.unset && !had || !c.unset && had && before == c.value {
			continue
		}
		p.Actions = append(p.Actions, c.action(given))
		p.Diff = append(p.Diff, c.diff(before, had, key))
		changed = append(changed, c.setting.Key)
	}
	if len(p.Actions) == 0 {
		return core.Plan{}, nil, core.Errorf(core.Conflict, "nothing changes: the settings have these values already")
	}
	touched, strangers, err := users(obs, changed)
	if err != nil {
		return core.Plan{}, nil, err
	}
	p.Title = "Change " + strings.Join(names(p.Actions), ", ")
	p.Actions = append(p.Actions, renew(obs, touched, strangers)...)
	p.Downtime = core.Span(time.Duration(len(touched)) * 5 * time.Second)
	return p, given, nil
}

// change is one checked edit.
type change struct {
	setting supabase.Setting
	value   core.Secret
	unset   bool
}

// check returns the edits in the order of their keys, or everything that is
// wrong with them.
func check(e Edit) ([]change, error) {
	var out []change
	var wrong []string
	var code core.ErrorCode
	fail := func(err error) {
		wrong, code = append(wrong, err.Error()), cmp.Or(code, core.CodeOf(err))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Set)) {
		s, err := supabase.SettingOf(name)
		if err == nil {
			err = s.Check(e.Set[name].Reveal())
		}
		if err != nil {
			fail(err)
		}
		out = append(out, change{setting: s, value: e.Set[name]})
	}
	for _, name := range e.Unset {
		s, err := supabase.SettingOf(name)
		switch {
		case err != nil:
			fail(err)
		case s.Locked != "":
			fail(&core.Error{Code: core.Forbidden, Message: s.Key + " is not changed by an edit", Hint: s.Locked})
		case slices.ContainsFunc(out, func(c change) bool { return c.setting.Key == s.Key }):
			fail(core.Errorf(core.Invalid, "%s is set and unset at once", s.Key))
		}
		out = append(out, change{setting: s, unset: true})
	}
	switch {
	case len(wrong) > 0:
		return nil, core.Errorf(code, "%s", strings.Join(wrong, "; "))
	case len(out) == 0:
		return nil, core.Errorf(core.Invalid, "the edit changes no setting")
	}
	return out, nil
}

// action is the plan's action for a change. A secret goes by its handle, and its
// value into given.
func (c change) action(given map[string]core.Secret) core.Action {
	a := core.Action{Op: core.OpSetEnv, Args: map[string]any{"key": c.setting.Key}, Why: c.setting.Help}
	switch {
	case c.unset:
		a.Op = core.OpUnsetEnv
	case c.setting.Secret:
		given[c.setting.Key] = c.value
		a.Args["value"] = core.Handle{From: core.FromGiven, Key: c.setting.Key}.Arg()
	default:
		a.Args["value"] = c.value.Reveal()
	}
	return a
}

func (c change) diff(before core.Secret, had bool, key core.FingerprintKey) core.Diff {
	show := func(v core.Secret) string {
		switch {
		case v == "":
			return "(empty)"
		case c.setting.Secret:
			return "••• (" + key.Of(v) + ")"
		}
		return v.Reveal()
	}
	d := core.Diff{Target: ".env " + c.setting.Key, Before: "(not set)", After: "(not set)"}
	if had {
		d.Before = show(before)
	}
	if !c.unset {
		d.After = show(c.value)
	}
	return d
}

func names(actions []core.Action) []string {
	var out []string
	for _, a := range actions {
		out = append(out, a.Text("key"))
	}
	return out
}

// roleOf returns the role of a compose service, or nothing for one that is not
// Supabase's.
func roleOf(obs *core.Observation, name string) core.Service {
	for _, s := range obs.Compose.Services {
		if s.Name == name {
			return s.Service
		}
	}
	return ""
}

// renew are the actions that make the new settings count: every service that
// uses one is recreated, the database is waited for before the others come, and
// they are at the end, since they become healthy side by side. Where a service is
// not Supabase's the whole project is brought to what its files say.
func renew(obs *core.Observation, touched map[core.Service]bool, strangers bool) []core.Action {
	var out, waits []core.Action
	for _, s := range order {
		if _, runs := obs.Container(s); !touched[s] || !runs {
			continue
		}
		out = append(out, core.Action{Op: core.OpRecreate, Service: s, Why: "it uses a setting that changes"})
		wait := core.Action{Op: core.OpWaitHealthy, Service: s, Args: map[string]any{"timeout": "2m"}}
		if s == core.DB {
			out = append(out, wait)
		} else {
			waits = append(waits, wait)
		}
	}
	out = append(out, waits...)
	if strangers {
		out = append(out, core.Action{Op: core.OpUp, Why: "a service beside Supabase's uses a setting that changes"})
	}
	return out
}
