package supabase

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/template"

	"github.com/basewright/basewright/core"
)

// services looks at the files that the services of a compose file name.
func (r *inspector) services(content map[string]any, s scope) error {
	services, _ := content["services"].(map[string]any)
	for _, one := range services {
		service, _ := one.(map[string]any)
		if countPorts(service, s.env) > maxPorts {
			return core.Errorf(core.Invalid, "a service publishes more than %d ports", maxPorts)
		}
		env := s.env
		for _, key := range []string{"env_file", "label_file"} {
			for _, entry := range list(service[key]) {
				values, err := r.entry(entry, key, env, s)
				if err != nil {
					return err
				}
				env = joined(env, values)
			}
		}
		extends, _ := service["extends"].(map[string]any)
		file, _ := extends["file"].(string)
		if file == "" {
			continue
		}
		file = s.at(file)
		if err := r.within(file, "extends"); err != nil {
			return err
		}
		if err := r.compose(file, scope{dir: filepath.Dir(file), env: s.env, chain: s.chain}, false); err != nil {
			return err
		}
	}
	return nil
}

var portRange = regexp.MustCompile(`(\d{1,5})-(\d{1,5})`)

// countPorts adds up the ranges of ports that a service opens.
func countPorts(service map[string]any, env map[string]string) (n int) {
	for _, entry := range slices.Concat(list(service["ports"]), list(service["expose"])) {
		for _, m := range portRange.FindAllStringSubmatch(filled(fmt.Sprint(entry), env), -1) {
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			n += max(to-from+1, 1)
		}
	}
	return n
}

// entry looks at one file of env_file or label_file: a path, or a path with a
// format, of which "raw" fills in nothing.
func (r *inspector) entry(entry any, key string, env map[string]string, s scope) (map[string]string, error) {
	name, _ := entry.(string)
	options, _ := entry.(map[string]any)
	if options != nil {
		name, _ = options["path"].(string)
	}
	if name == "" || name == os.DevNull {
		return nil, nil
	}
	path := s.at(name)
	if err := r.within(path, key); err != nil {
		return nil, err
	}
	if options["format"] != nil {
		_, err := r.read(path)
		return nil, err
	}
	return r.env(path, env)
}

// include looks at one entry of include.
func (r *inspector) include(entry any, s scope) error {
	options, _ := entry.(map[string]any)
	if options == nil {
		options = map[string]any{"path": entry}
	}
	inner := scope{env: s.env, chain: s.chain}
	var paths []string
	for _, p := range list(options["path"]) {
		name, _ := p.(string)
		if name == "" {
			continue
		}
		paths = append(paths, s.at(name))
		if err := r.within(s.at(name), "include"); err != nil {
			return err
		}
	}
	if len(paths) == 0 {
		return nil
	}
	inner.dir = filepath.Dir(paths[0])
	if dir, _ := options["project_directory"].(string); dir != "" {
		inner.dir = s.at(dir)
	}
	files := list(options["env_file"])
	if own := filepath.Join(inner.dir, ".env"); len(files) == 0 && !isDir(own) {
		files = []any{own}
	}
	for _, f := range files {
		values, err := r.entry(f, "include", inner.env, s)
		if err != nil {
			return err
		}
		inner.env = joined(inner.env, values)
	}
	for _, path := range paths {
		if err := r.compose(path, inner, true); err != nil {
			return err
		}
	}
	return nil
}

// joined returns the variables of both; those of first win.
func joined(first, more map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, more)
	maps.Copy(all, first)
	return all
}

// at returns the path that a compose file means by name.
func (s scope) at(name string) string {
	name = filled(name, s.env)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.dir, name)
}

// filled returns text with the variables of env, or as it is where Compose
// cannot fill them in.
func filled(text string, env map[string]string) string {
	out, err := template.SubstituteWithOptions(text, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}, template.WithoutLogging)
	if err != nil {
		return text
	}
	return out
}

// list returns what YAML allows as one thing or several.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}
