package repairs

import (
	"io/fs"
	"regexp"
	"strings"

	"github.com/basewright/basewright/configs"
)

// release is what a playbook asked of the release that the instance is of, or of
// the newest one that is shipped where the instance's own is not.
type release struct {
	name  string
	env   map[string]string // settings of .env that are equal in every stack
	files map[string]string
}

// fromRelease reads files of a release. What it lacks is a gap.
func (w Wanted) fromRelease(name string, wanted []string) release {
	if len(wanted) == 0 {
		return release{}
	}
	r := release{name: name, env: map[string]string{}, files: map[string]string{}}
	fsys, err := configs.Release(name)
	if err != nil {
		all := configs.Releases()
		r.name = all[len(all)-1]
		if fsys, err = configs.Release(r.name); err != nil {
			w.gap("release", err)
			return r
		}
	}
	for _, file := range wanted {
		from := file
		if file == ".env" {
			from = "env.tmpl"
		}
		data, err := fs.ReadFile(fsys, from)
		switch {
		case err != nil:
			w.Gaps["release."+file] = "release " + r.name + " has no such file"
		case file == ".env":
			r.env = settingsOf(string(data))
		default:
			r.files[file] = string(data)
		}
	}
	return r
}

// settledLine matches a line of a release's .env that is the same in every stack.
var settledLine = regexp.MustCompile(`(?m)^([A-Z][A-Z0-9_]*)=([^{}\n]*)$`)

// settingsOf returns the settings in the template of a release's .env that do not
// depend on the stack and are no secret.
func settingsOf(template string) map[string]string {
	settings := map[string]string{}
	for _, m := range settledLine.FindAllStringSubmatch(template, -1) {
		if !holdsSecret.MatchString(m[1]) {
			settings[m[1]] = strings.TrimSpace(m[2])
		}
	}
	return settings
}

func (r release) facts() map[string]any {
	if r.name == "" {
		return map[string]any{"env": map[string]any{}, "files": map[string]any{}}
	}
	env, files := map[string]any{}, map[string]any{}
	for k, v := range r.env {
		env[k] = v
	}
	for k, v := range r.files {
		files[k] = v
	}
	return map[string]any{"name": r.name, "env": env, "files": files}
}
