package upgrade

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/create"
	"github.com/basewright/basewright/core/supabase"
)

// Own is what a person changed in the files of an instance since its release was
// rendered. It holds no secret of the .env: a copy gets its own.
type Own struct {
	Release string
	Files   map[string]string      // by their names, with their whole text
	Env     map[string]core.Secret // variables with the values of the instance
	Without []string               // variables that were taken out
}

// OwnChanges finds what a person changed in the instance that obs saw.
func OwnChanges(ctx context.Context, in core.Inspector, obs *core.Observation, recorded string) (Own, error) {
	own := Own{Files: map[string]string{}, Env: map[string]core.Secret{}}
	from, err := originOf(ctx, in, obs, recorded)
	if err != nil {
		return own, err
	}
	own.Release = from.release
	base, err := create.Again(from.release, obs.Env)
	if err != nil {
		return own, err
	}
	for _, path := range obs.Instance.Files {
		if _, ok := base.Files[filepath.Base(path)]; !ok {
			return own, core.Errorf(core.Conflict, "%s has the compose file %s, which a copy of it would lack", obs.Instance.ID, path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(base.Files)) {
		text, err := textOf(ctx, in, name)
		if err != nil {
			return own, fmt.Errorf("read %s: %w", name, err)
		}
		if text != base.Files[name] && text != "" {
			own.Files[name] = text
		}
	}
	for _, v := range slices.Concat(obs.Env.Vars, base.Env.Vars) {
		said, known := base.Env.Lookup(v.Key)
		is, set := obs.Env.Lookup(v.Key)
		switch {
		case core.TellsSecret(v.Key):
		case !set:
			own.Without = append(own.Without, v.Key)
		case !known || is != said:
			own.Env[v.Key] = is
		}
	}
	return own, nil
}

// place matches variables that name a server, a bucket or a folder.
var place = regexp.MustCompile(`_(HOST|HOSTNAME|ENDPOINT|BUCKET|PATH|LOCATION|DIRECTORY|DIR|URI|DSN)$`)

// Contained refuses changes with which a copy would work on what is the
// original's: a compose file may mount any folder and any volume, and a variable may
// name another server. A mail server is nobody's data.
func (o Own) Contained(id string) error {
	for _, name := range slices.Sorted(maps.Keys(o.Files)) {
		if strings.HasPrefix(filepath.Base(name), "docker-compose") {
			return core.Errorf(core.Conflict, "%s of %s is not the release's own: a copy of it could mount the folders and volumes of %s; nothing was made", name, id, id)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Env)) {
		if place.MatchString(key) && key != "SMTP_HOST" {
			return core.Errorf(core.Conflict, "%s of %s is not the release's own: a copy would work on the same place; nothing was made", key, id)
		}
	}
	return nil
}

// Write brings the changes into the folder of a copy that was just rendered.
func (o Own) Write(dir string) error {
	for name, text := range o.Files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, ".env")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(o.Env)) {
		if data, err = supabase.SetEnv(data, key, o.Env[key].Reveal()); err != nil {
			return err
		}
	}
	for _, key := range o.Without {
		data = supabase.UnsetEnv(data, key)
	}
	return os.WriteFile(path, data, 0o600)
}
