package upgrade

import (
	"cmp"
	"slices"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
)

// setting is what becomes of one variable of the .env.
type setting struct {
	key          string
	before, now  core.Secret
	had, has     bool
	draw         bool // it is a secret that is made when it is written
	conflict     bool
	base, theirs core.Secret
}

// envs are the three sides of a .env.
type envs struct {
	base, theirs create.Rendered
	ours         core.EnvFile
	from, to     string
}

// merge returns the variables that change, and those that a person must decide.
func (e envs) merge(d decisions) []setting {
	var out []setting
	for _, key := range e.keys() {
		s := e.three(key)
		changes := s.has != s.had || s.now != s.before || s.draw
		if s.conflict {
			switch d.of(envName, key) {
			case Ours:
				continue
			case Theirs:
				s = e.take(s)
				changes = true
			}
		}
		if changes || s.conflict {
			out = append(out, s)
		}
	}
	return out
}

// envName is what the file of variables is called in decisions.
const envName = ".env"

// keys lists the variables that the releases know, or name images by, in their
// order.
func (e envs) keys() []string {
	var keys []string
	for _, v := range slices.Concat(e.theirs.Env.Vars, e.base.Env.Vars) {
		keys = append(keys, v.Key)
	}
	for key := range e.theirs.Images {
		keys = append(keys, key)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(keys, func(k string) bool { was := seen[k]; seen[k] = true; return was })
}

// three says what becomes of a variable.
func (e envs) three(key string) setting {
	b, inBase := e.base.Env.Lookup(key)
	t, inTheirs := e.theirs.Env.Lookup(key)
	o, inOurs := e.ours.Lookup(key)
	s := setting{key: key, before: o, had: inOurs, now: o, has: inOurs, base: b, theirs: t}
	switch {
	case !inBase && !inTheirs:
		return e.pinned(s)
	case inBase && inTheirs && b == t, inOurs == inTheirs && o == t:
		return s // the release says nothing new, or the instance says it already
	case inOurs == inBase && o == b:
		s.now, s.has = t, inTheirs
		s.draw = inTheirs && t == "" && slices.Contains(e.theirs.Secrets, key)
	case !inTheirs:
		return s // a value of the person's own stays, and nothing reads it any more
	default:
		if v, ok := rewritten(e.from, e.to, key, o); ok && inOurs {
			s.now = v
			return s
		}
		s.conflict = true
	}
	return s
}

// pinned looks at an image that a person set, where the release itself sets none.
func (e envs) pinned(s setting) setting {
	s.base, s.theirs = core.Secret(e.base.Images[s.key]), core.Secret(e.theirs.Images[s.key])
	s.conflict = s.had && s.base != s.theirs && s.before != s.theirs
	return s
}

// take decides a conflict for the release.
func (e envs) take(s setting) setting {
	s.conflict = false
	s.now, s.has = e.theirs.Env.Lookup(s.key)
	s.draw = s.has && s.now == "" && slices.Contains(e.theirs.Secrets, s.key)
	return s
}

// action is how a plan changes a variable. What the release writes is no secret but
// for what it draws; what the instance had may be one, so it goes by a handle.
func (s setting) action(given map[string]core.Secret) core.Action {
	args := map[string]any{"key": s.key}
	switch {
	case !s.has:
		return core.Action{Op: core.OpUnsetEnv, Args: args, Why: "the release does not know it any more"}
	case s.draw:
		return core.Action{Op: core.OpGenerateSecret, Args: args, Why: "the release wants it"}
	case core.TellsSecret(s.key):
		given[s.key] = s.now
		args["value"] = core.Handle{From: core.FromGiven, Key: s.key}.Arg()
	default:
		args["value"] = s.now.Reveal()
	}
	return core.Action{Op: core.OpSetEnv, Args: args, Why: "the release sets it"}
}

func (s setting) diff(key core.FingerprintKey) core.Diff {
	d := core.Diff{Target: ".env " + s.key, Before: "(not set)", After: "(not set)"}
	if s.had {
		d.Before = shown(s.key, s.before, key)
	}
	if s.has {
		d.After = shown(s.key, s.now, key)
	}
	if s.draw {
		d.After = "••• (new)"
	}
	return d
}

// shown is a value as people may read it.
func shown(name string, v core.Secret, key core.FingerprintKey) string {
	if v != "" && core.TellsSecret(name) {
		return "••• (" + key.Of(v) + ")"
	}
	return cmp.Or(core.MaskLooks(v.Reveal()), "(empty)")
}
