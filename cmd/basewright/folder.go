package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// findFolder finds out what path means: the folder of a stack, its compose
// file, or half of a pair docker-compose-ID.yml and .env-ID.
func findFolder(path string, files []string, env string) (*folder, error) {
	dir := absolute(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, core.Errorf(core.NotFound, "there is no folder %s", path)
	case err != nil:
		return nil, core.Errorf(core.Unreachable, "%s cannot be looked at: %v", path, reasonOf(err))
	case !info.IsDir() && len(files) > 0:
		return nil, core.Errorf(core.Invalid, "%s is a file; with --file name the folder instead", path)
	case !info.IsDir():
		files, dir = []string{filepath.Base(dir)}, filepath.Dir(dir)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, core.Errorf(core.Unreachable, "the folder %s cannot be read: %v", path, reasonOf(err))
	}
	s := &folder{dir: dir}
	for _, f := range files {
		s.files = append(s.files, s.at(f))
	}
	if len(s.files) == 0 && env == "" {
		if err := s.findPair(); err != nil {
			return nil, err
		}
	}
	s.env = s.at(cmp.Or(env, s.envBeside(), ".env"))
	return s, nil
}

// at returns the absolute path of a file of the folder.
func (s *folder) at(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.dir, name)
}

// pair matches the compose file of a stack beside others in one folder.
var pair = regexp.MustCompile(`^docker-compose-(.+)\.ya?ml$`)

// envBeside returns the .env-ID that goes with a single docker-compose-ID.yml.
func (s *folder) envBeside() string {
	if len(s.files) != 1 {
		return ""
	}
	if m := pair.FindStringSubmatch(filepath.Base(s.files[0])); m != nil && exists(s.at(".env-"+m[1])) {
		return ".env-" + m[1]
	}
	return ""
}

// findPair looks for one docker-compose-ID.yml with its .env-ID in a folder
// where Compose itself finds nothing.
func (s *folder) findPair() error {
	if slices.ContainsFunc(composeNames, func(name string) bool { return exists(s.at(name)) }) {
		return nil
	}
	entries, _ := os.ReadDir(s.dir)
	var found []string
	for _, e := range entries {
		if m := pair.FindStringSubmatch(e.Name()); m != nil && exists(s.at(".env-"+m[1])) {
			found = append(found, e.Name())
		}
	}
	if len(found) > 1 {
		return core.Errorf(core.Invalid, "%s holds %d stacks: %s; name one of these files instead", s.dir, len(found), strings.Join(found, ", "))
	}
	for _, name := range found {
		s.files = []string{s.at(name)}
	}
	return nil
}

// composeNames are the names that Compose looks for, best first.
var composeNames = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// composeFiles returns the files of COMPOSE_FILE, or those that Compose finds by
// their names.
func (s *folder) composeFiles(env core.EnvFile) ([]string, error) {
	var files []string
	if list, ok := env.Lookup("COMPOSE_FILE"); ok && list != "" {
		separator, _ := env.Lookup("COMPOSE_PATH_SEPARATOR")
		for name := range strings.SplitSeq(list.Reveal(), cmp.Or(separator.Reveal(), ":")) {
			files = append(files, s.at(strings.TrimSpace(name)))
		}
		return files, nil
	}
	for _, name := range composeNames {
		if !exists(s.at(name)) {
			continue
		}
		files = append(files, s.at(name))
		ext := filepath.Ext(name)
		if override := s.at(strings.TrimSuffix(name, ext) + ".override" + ext); exists(override) {
			files = append(files, override)
		}
		return files, nil
	}
	return nil, core.Errorf(core.NotFound, "there is no compose file in %s; name it with --file", s.dir)
}

// readable makes sure that a compose file is an ordinary one before a parser
// opens it: a pipe would hold it for ever, a device would feed it so.
func (s *folder) readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return core.Errorf(core.NotFound, "there is no compose file %s", path)
	case err != nil:
		return core.Errorf(core.Unreachable, "%s cannot be looked at: %v", path, reasonOf(err))
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return notPlain(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return core.Errorf(core.Unreachable, "%s cannot be read: %v", path, reasonOf(err))
	}
	return f.Close()
}

// render reads the compose files. Compose takes its variables from .env alone;
// for a stack whose file is called otherwise it sees a folder of links, in
// which that file is .env.
func (s *folder) render(ctx context.Context, env core.EnvFile) (core.Compose, error) {
	dir, files := s.dir, s.files
	if s.env != s.at(".env") {
		view, err := os.MkdirTemp("", "basewright-lint-")
		if err != nil {
			return core.Compose{}, fmt.Errorf("make room for a view of %s: %w", s.dir, err)
		}
		defer os.RemoveAll(view)
		if err := s.mirror(view); err != nil {
			return core.Compose{}, err
		}
		dir = view
	}
	c := supabase.Render(ctx, dir, files, "")
	for i := range c.Services {
		for j, m := range c.Services[i].Mounts {
			c.Services[i].Mounts[j].Source = s.back(dir, m.Source)
		}
	}
	if c.Err != nil {
		c.Err = s.problem(env, strings.ReplaceAll(c.Err.Error(), dir, s.dir))
	}
	return c, nil
}

// mirror fills view with links to what is in the folder.
func (s *folder) mirror(view string) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return core.Errorf(core.Unreachable, "the folder %s cannot be read: %v", s.dir, reasonOf(err))
	}
	for _, e := range entries {
		if e.Name() == ".env" {
			continue
		}
		if err := os.Symlink(s.at(e.Name()), filepath.Join(view, e.Name())); err != nil {
			return fmt.Errorf("make a view of %s: %w", s.dir, err)
		}
	}
	if !exists(s.env) {
		return nil
	}
	if err := os.Symlink(s.env, filepath.Join(view, ".env")); err != nil {
		return fmt.Errorf("make a view of %s: %w", s.dir, err)
	}
	return nil
}

// back turns a path of the view into the one that it stands for.
func (s *folder) back(view, path string) string {
	if rest, ok := strings.CutPrefix(path, view); ok && (rest == "" || rest[0] == '/') {
		return s.dir + rest
	}
	return path
}

var (
	yamlLine = regexp.MustCompile(`line (\d+)(?:, column \d+)?: (.*)`)
	keyPath  = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets)(?:[.:] ?[\w-]+|\[\d+\])+`)
	secretly = regexp.MustCompile(`(?i)pass|secret|key|token|jwt|salt`)
)

// problem says what Compose does not like, with the file and the line where
// they can be told, and without the secrets that it quotes.
func (s *folder) problem(env core.EnvFile, text string) error {
	for _, v := range env.Vars {
		if value := v.Value.Reveal(); len(value) >= 6 && secretly.MatchString(v.Key) {
			text = strings.ReplaceAll(text, value, v.Value.String())
		}
	}
	for _, path := range s.files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				return core.Errorf(core.Invalid, "%s:%s: %s", path, m[1], m[2])
			}
			return core.Errorf(core.Invalid, "%s: %v", path, err)
		}
		if line := lineOf(&doc, keyPath.FindString(text)); line > 0 {
			return core.Errorf(core.Invalid, "%s:%d: %s", path, line, text)
		}
	}
	return core.Errorf(core.Invalid, "%s", text)
}

// lineOf returns the line of the deepest key on a path such as
// services.db.ports that doc has, or 0 when it has not even two of them.
func lineOf(doc *yaml.Node, path string) int {
	if len(doc.Content) == 0 {
		return 0
	}
	node, line, depth := doc.Content[0], 0, 0
	for _, key := range regexp.MustCompile(`[\w-]+`).FindAllString(path, -1) {
		var next *yaml.Node
		switch i, err := strconv.Atoi(key); {
		case node.Kind == yaml.SequenceNode && err == nil && i < len(node.Content):
			next, line = node.Content[i], node.Content[i].Line
		case node.Kind == yaml.MappingNode:
			for j := 0; j+1 < len(node.Content); j += 2 {
				if node.Content[j].Value == key {
					next, line = node.Content[j+1], node.Content[j].Line
				}
			}
		}
		if next == nil {
			break
		}
		node, depth = next, depth+1
	}
	if depth < 2 {
		return 0
	}
	return line
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)`)

// project returns the name that Compose gives the stack: COMPOSE_PROJECT_NAME,
// the last name in the files, or the folder's.
func (s *folder) project(env core.EnvFile) string {
	name, _ := env.Lookup("COMPOSE_PROJECT_NAME")
	if name != "" {
		return name.Reveal()
	}
	for _, path := range slices.Backward(s.files) {
		data, err := os.ReadFile(path)
		var doc struct{ Name string }
		if err != nil || yaml.Unmarshal(data, &doc) != nil || doc.Name == "" {
			continue
		}
		named := variable.ReplaceAllStringFunc(doc.Name, func(v string) string {
			m := variable.FindStringSubmatch(v)
			value, _ := env.Lookup(cmp.Or(m[1], m[3]))
			return cmp.Or(value.Reveal(), m[2])
		})
		if named != "" && !strings.Contains(named, "$") {
			return named
		}
	}
	return cmp.Or(strings.ToLower(filepath.Base(s.dir)), "stack")
}
