package configure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// content is the handle by which a plan names the text of a file: it may hold
// secrets, so it stands in no plan and no journal.
const content = "CONTENT"

// EditFile plans to give a file that a stack is made of another text, not sealed,
// and returns that text by its handle. The text is read as its readers would before
// anything is planned: a .env and compose files are rendered together with the
// others, a gateway's configuration is parsed.
func EditFile(ctx context.Context, in core.Inspector, obs *core.Observation, name string, text []byte, key core.FingerprintKey) (core.Plan, map[string]core.Secret, error) {
	p := core.Plan{Instance: obs.Instance.ID, Playbook: core.ConfigPlaybook, Title: "Edit " + name, Risk: core.MediumRisk, Scope: core.ConfigScope}
	path := filepath.Join(obs.Instance.Dir, name)
	before, err := in.ReadFile(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil, core.Errorf(core.NotFound, "there is no file %s in %s", name, obs.Instance.Dir)
	case err != nil:
		return p, nil, err
	case string(before.Data) == string(text):
		return p, nil, core.Errorf(core.Conflict, "nothing changes: %s has this text already", name)
	case strings.ContainsRune(string(text), 0):
		return p, nil, core.Errorf(core.Invalid, "the new %s holds a NUL byte", name)
	}
	p.Actions = []core.Action{{Op: core.OpWriteFile, Args: map[string]any{"path": name, "content": core.Handle{From: core.FromGiven, Key: content}.Arg()}}}
	p.Diff = []core.Diff{{Target: name, Before: lines(before.Data, key), After: lines(text, key)}}
	var more []core.Action
	switch {
	case path == obs.Env.Path:
		var diff []core.Diff
		more, diff, err = editEnv(ctx, obs, text, key)
		p.Diff = append(p.Diff, diff...)
	case slices.Contains(obs.Instance.Files, path):
		more, err = editCompose(ctx, obs, path, text)
	default:
		more, err = editMounted(obs, name, path, text)
	}
	if err != nil {
		return p, nil, err
	}
	p.Actions = append(p.Actions, more...)
	p.Downtime = core.Span(time.Duration(len(more)) * 3 * time.Second)
	return p, map[string]core.Secret{content: core.Secret(text)}, nil
}

// lines says how long a text is, and by a fingerprint which: a plan that was
// approved for one text is not that of another.
func lines(text []byte, key core.FingerprintKey) string {
	return fmt.Sprintf("%d lines (%s)", strings.Count(string(text), "\n"), key.Of(core.Secret(text)))
}

// editEnv checks the text of a .env and returns what follows from what it changes.
func editEnv(ctx context.Context, obs *core.Observation, text []byte, key core.FingerprintKey) ([]core.Action, []core.Diff, error) {
	vars, err := supabase.ParseEnv(text)
	if err != nil {
		return nil, nil, core.Errorf(core.Invalid, "the new .env cannot be read: %v", err)
	}
	now := core.EnvFile{Vars: vars}
	var changed, wrong []string
	var diff []core.Diff
	for _, v := range slices.Concat(obs.Env.Vars, vars) {
		was, had := obs.Env.Lookup(v.Key)
		is, has := now.Lookup(v.Key)
		if slices.Contains(changed, v.Key) || had == has && was == is {
			continue
		}
		changed = append(changed, v.Key)
		setting, err := supabase.SettingOf(v.Key)
		if err != nil {
			setting = supabase.Setting{Key: v.Key, Secret: true} // nobody knows that it is none
		} else if err := setting.Check(is.Reveal()); err != nil && has && setting.Locked == "" {
			wrong = append(wrong, err.Error())
		}
		diff = append(diff, change{setting: setting, value: is, unset: !has}.diff(was, had, key))
	}
	if len(wrong) > 0 {
		return nil, nil, core.Errorf(core.Invalid, "%s", strings.Join(wrong, "; "))
	}
	err = rendered(obs, text, func(temp string) core.Compose {
		return supabase.Render(ctx, supabase.Source{Dir: obs.Instance.Dir, Compose: obs.Instance.Files, Env: temp, Project: obs.Instance.Project})
	})
	if err != nil {
		return nil, nil, err
	}
	touched, strangers, err := users(obs, changed)
	return renew(obs, touched, strangers), diff, err
}

// editCompose checks the text of a compose file. What containers follow from it
// compose knows best.
func editCompose(ctx context.Context, obs *core.Observation, path string, text []byte) ([]core.Action, error) {
	err := rendered(obs, text, func(temp string) core.Compose {
		files := slices.Clone(obs.Instance.Files)
		files[slices.Index(files, path)] = temp
		return supabase.Render(ctx, supabase.Source{Dir: obs.Instance.Dir, Compose: files, Env: obs.Env.Path, Project: obs.Instance.Project})
	})
	if err != nil {
		return nil, err
	}
	out := []core.Action{{Op: core.OpUp, Why: "containers become what the compose files say"}}
	for _, s := range order {
		if c, ok := obs.Container(s); ok && c.State == "running" {
			out = append(out, core.Action{Op: core.OpWaitHealthy, Service: s, Args: map[string]any{"timeout": "2m"}})
		}
	}
	return out, nil
}

// rendered lays a text beside the stack's files, renders the stack with it, and
// says why Compose could not use it.
func rendered(obs *core.Observation, text []byte, render func(temp string) core.Compose) error {
	temp, err := os.CreateTemp(obs.Instance.Dir, ".basewright-edit-*")
	if err != nil {
		return core.Errorf(core.Unreachable, "the new text cannot be tried in %s: %v", obs.Instance.Dir, err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	c := render(temp.Name())
	switch {
	case c.Err != nil:
		return core.Errorf(core.Invalid, "Compose could not read the stack with the new text: %s", strings.ReplaceAll(c.Err.Error(), temp.Name(), "the new text"))
	case len(c.Unset) > len(obs.Compose.Unset):
		return core.Errorf(core.Invalid, "with the new text nothing sets %s", strings.Join(c.Unset, ", "))
	}
	return nil
}

// editMounted checks the text of a file that services mount; they are recreated,
// since a container keeps the file that it was started with.
func editMounted(obs *core.Observation, name, path string, text []byte) ([]core.Action, error) {
	touched := map[core.Service]bool{}
	for _, s := range obs.Compose.Services {
		for _, m := range s.Mounts {
			if filepath.Clean(m.Source) == path {
				touched[s.Service] = true
			}
		}
	}
	if len(touched) == 0 {
		return nil, core.Errorf(core.Invalid, "%s is none of the files that the stack is made of: its .env, its compose files and what they mount", name)
	}
	var err error
	switch ext := filepath.Ext(name); {
	case touched[core.Gateway] && strings.HasPrefix(filepath.Base(name), "kong"):
		_, err = supabase.ReadKong(text)
	case ext == ".yml" || ext == ".yaml":
		err = yaml.Unmarshal(text, new(any))
	}
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the new %s cannot be read: %v", name, err)
	}
	return renew(obs, touched, touched[""]), nil
}
