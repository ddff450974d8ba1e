package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// render returns what Compose makes of the merged files, which are laid beside those
// that are there for a moment.
func (m *merging) render(ctx context.Context, in core.Inspector) (c core.Compose, err error) {
	inst := m.obs.Instance
	env, err := m.env(ctx, in)
	if err != nil {
		return c, err
	}
	src := supabase.Source{Dir: inst.Dir, Compose: slices.Clone(inst.Files), Project: inst.Project}
	remove, err := lay(inst.Dir, env, &src.Env)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	for _, f := range m.files {
		i := slices.Index(src.Compose, filepath.Join(inst.Dir, f.name))
		if i < 0 {
			continue
		}
		remove, err := lay(inst.Dir, []byte(f.now), &src.Compose[i])
		if err != nil {
			return c, err
		}
		defer func() { err = errors.Join(err, remove()) }()
	}
	c = supabase.Render(ctx, src)
	switch {
	case c.Err != nil:
		return c, core.Errorf(core.Conflict, "Compose could not read the merged files: %s; take one side of them with --take FILE=ours or theirs", hidden(c.Err, src))
	case len(c.Unset) > len(m.obs.Compose.Unset):
		return c, core.Errorf(core.Conflict, "after the upgrade nothing would set %s", strings.Join(c.Unset, ", "))
	}
	return c, nil
}

// env is the text of the .env after the upgrade. What is drawn when it is written
// stands there as a word.
func (m *merging) env(ctx context.Context, in core.Inspector) ([]byte, error) {
	name, err := filepath.Rel(m.obs.Instance.Dir, m.obs.Env.Path)
	if err != nil || !filepath.IsLocal(name) {
		return nil, core.Errorf(core.Conflict, "%s is not in the folder of %s", m.obs.Env.Path, m.obs.Instance.ID)
	}
	text, err := textOf(ctx, in, filepath.ToSlash(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	data := []byte(text)
	for _, s := range m.settings {
		switch {
		case !s.has:
			data = supabase.UnsetEnv(data, s.key)
			continue
		case s.draw:
			s.now = "drawn"
		}
		if data, err = supabase.SetEnv(data, s.key, s.now.Reveal()); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// lay writes a text into a folder under a name of its own, which it puts into path.
func lay(dir string, text []byte, path *string) (remove func() error, err error) {
	temp, err := os.CreateTemp(dir, ".basewright-upgrade-*")
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "the merged files cannot be tried in %s: %v", dir, err)
	}
	*path = temp.Name()
	remove = func() error { return os.Remove(temp.Name()) }
	_, err = temp.Write(text)
	if err := errors.Join(err, temp.Close()); err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

// hidden is an error without the names of the files that were laid.
func hidden(err error, src supabase.Source) string {
	text := strings.ReplaceAll(err.Error(), src.Env, ".env")
	for _, f := range src.Compose {
		if strings.HasPrefix(filepath.Base(f), ".basewright-upgrade-") {
			text = strings.ReplaceAll(text, f, composeName)
		}
	}
	return text
}
