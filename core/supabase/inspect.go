package supabase

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
)

// What a stack's files may be at most. The largest known is far below.
const (
	maxFile  = 1 << 20  // bytes of one file
	maxFiles = 500      // files opened, counting each time
	maxNodes = 100_000  // YAML nodes of all files, aliases followed
	maxPorts = 2000     // ports in all ranges of one service: Compose compares each with each
	maxText  = 16 << 20 // bytes of their texts, aliases followed and variables filled in
)

// inspector looks at all files that Compose would open, before Compose does:
// its library would wait for a pipe, and its errors quote what it reads.
type inspector struct {
	roots               []string // folders that files may be in
	files, nodes, texts int
	keys                map[string]bool // of the YAML files; no secrets
	values              []string        // what an error text must not show
	content             hash.Hash       // of every file, with its name
	places              places
}

// scope is where a compose file's paths begin, and the variables it may use.
type scope struct {
	dir   string
	env   map[string]string
	chain []string // the files that led here
}

// inspect looks at the files of a stack and all that they name.
func (r *inspector) inspect(src Source, files, shell []string) error {
	r.keys, r.content = map[string]bool{}, sha256.New()
	r.allow(src.Dir)
	for _, f := range files {
		r.allow(filepath.Dir(f))
	}
	env := map[string]string{}
	for _, kv := range shell {
		key, value, _ := strings.Cut(kv, "=")
		env[key] = value
	}
	if path := src.envFile(); !isDir(path) { // as Compose does
		own, err := r.env(path, env)
		if err != nil {
			return err
		}
		env = joined(env, own)
		r.allow(path) // wherever it links to
	}
	for _, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return core.Errorf(core.Invalid, "%s is not a path", f)
		}
		if err := r.compose(path, scope{dir: src.Dir, env: env}, true); err != nil {
			return err
		}
	}
	return nil
}

// allow lets files be in a folder.
func (r *inspector) allow(dir string) {
	r.roots = append(r.roots, filepath.Clean(dir))
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		r.roots = append(r.roots, real)
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// env reads a file of variables, which may use those of outer.
func (r *inspector) env(path string, outer map[string]string) (map[string]string, error) {
	data, err := r.read(path)
	if err != nil || data == nil {
		return nil, err
	}
	values, err := parseEnv(data, outer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, v := range values {
		r.values = append(r.values, v)
	}
	return values, nil
}

// read returns the content of a plain file of bounded size, and nothing for one
// that does not exist.
func (r *inspector) read(path string) ([]byte, error) {
	if r.files++; r.files > maxFiles {
		return nil, core.Errorf(core.Invalid, "the stack consists of more than %d files", maxFiles)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, core.Errorf(core.Invalid, "%s cannot be looked at: %v", path, cause(err))
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, core.Errorf(core.Invalid, "%s is not a plain file of at most %d MiB", path, maxFile>>20)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "%s cannot be read: %v", path, cause(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "%s cannot be read: %v", path, cause(err))
	}
	fmt.Fprintf(r.content, "%q %d\n", path, len(data))
	r.content.Write(data)
	return data, nil
}

// cause is what went wrong with a file, without its path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// within refuses a path out of the stack's folder, also by a link.
func (r *inspector) within(path, by string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = filepath.Clean(path)
	}
	for _, root := range r.roots {
		if rest, err := filepath.Rel(root, real); err == nil && filepath.IsLocal(rest) {
			return nil
		}
	}
	return core.Errorf(core.Unreachable, "%s, which %s names, is outside the stack's folder and is not read", path, by)
}

// compose looks at a compose file and, when it is not just extended, at what it
// includes.
func (r *inspector) compose(path string, s scope, includes bool) error {
	if slices.Contains(s.chain, path) {
		return nil // Compose says so
	}
	s.chain = append(slices.Clone(s.chain), path)
	data, err := r.read(path)
	if err != nil {
		return err
	}
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		var content map[string]any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			if err := r.count(&doc, s.env, false); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			err = doc.Decode(&content)
		}
		if err == nil && includes {
			r.places.services(path, &doc)
		}
		if err != nil {
			return core.Errorf(core.Invalid, "%s: %s", path, quoted.ReplaceAllString(err.Error(), "…"))
		}
		if err := r.services(content, s); err != nil {
			return err
		}
		if !includes {
			continue
		}
		for _, entry := range list(content["include"]) {
			if err := r.include(entry, s); err != nil {
				return err
			}
		}
	}
}

var quoted = regexp.MustCompile("`[^`]*`")

// sensitive are the keys in a service whose values no error text shows.
var sensitive = map[string]bool{"environment": true, "command": true, "entrypoint": true, "labels": true, "args": true, "content": true, "test": true}

// count adds up nodes and texts below n, aliases followed as Compose does.
func (r *inspector) count(n *yaml.Node, env map[string]string, hide bool) error {
	if r.nodes++; r.nodes > maxNodes {
		return core.Errorf(core.Invalid, "its aliases and those of the other files expand to more than %d YAML nodes", maxNodes)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.count(n.Alias, env, hide)
	case yaml.ScalarNode:
		size, ok := grown(n.Value, func(name string) int { return len(env[name]) })
		if r.texts += size; !ok || r.texts > maxText {
			return core.Errorf(core.Invalid, "line %d: with its variables filled in, the file becomes too large", n.Line)
		}
		if hide {
			r.values = append(r.values, n.Value, filled(n.Value, env))
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			r.keys[key.Value] = true
			if err := r.count(n.Content[i+1], env, hide || sensitive[key.Value]); err != nil {
				return err
			}
		}
	default:
		for _, c := range n.Content {
			if err := r.count(c, env, hide); err != nil {
				return err
			}
		}
	}
	return nil
}
