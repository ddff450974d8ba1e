package supabase

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
)

// places notes where compose files set something; see core.Compose.
type places struct {
	dir string
	at  map[string]string
}

// name is how evidence calls a line of a file.
func (p *places) name(file string, line int) string {
	if rel, err := filepath.Rel(p.dir, file); err == nil && filepath.IsLocal(rel) {
		file = filepath.ToSlash(rel)
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// services notes the services of one compose file. What a later file sets again
// is then there.
func (p *places) services(file string, doc *yaml.Node) {
	if len(doc.Content) == 0 {
		return
	}
	eachKey(doc.Content[0], func(key, services *yaml.Node) {
		if key.Value != "services" {
			return
		}
		eachKey(services, func(service, parts *yaml.Node) {
			p.at[service.Value] = p.name(file, service.Line)
			eachKey(parts, func(part, value *yaml.Node) {
				path := service.Value + "/" + part.Value
				p.at[path] = p.name(file, part.Line)
				p.entries(file, path, part.Value, value)
			})
		})
	})
}

// entries notes the entries of a part that evidence may be about.
func (p *places) entries(file, path, part string, value *yaml.Node) {
	name, known := entryNames[part]
	if !known {
		return
	}
	value = aliased(value)
	if value.Kind != yaml.SequenceNode {
		eachKey(value, func(key, _ *yaml.Node) { p.at[path+"/"+key.Value] = p.name(file, key.Line) })
		return
	}
	for _, item := range value.Content {
		if id := name(aliased(item)); id != "" {
			p.at[path+"/"+id] = p.name(file, item.Line)
		}
	}
}

// entryNames say of the parts of a service that may be lists what one entry is
// known by: a variable, a container's port, a path in the container.
var entryNames = map[string]func(item *yaml.Node) string{
	"environment": func(n *yaml.Node) string { key, _, _ := strings.Cut(n.Value, "="); return key },
	"depends_on":  func(n *yaml.Node) string { return n.Value },
	"env_file":    func(n *yaml.Node) string { return n.Value },
	"ports": func(n *yaml.Node) string {
		if n.Kind == yaml.MappingNode {
			return valueOf(n, "target")
		}
		port, _, _ := strings.Cut(n.Value[strings.LastIndexByte(n.Value, ':')+1:], "/")
		return port
	},
	"volumes": func(n *yaml.Node) string {
		if n.Kind == yaml.MappingNode {
			return valueOf(n, "target")
		}
		parts := strings.Split(braced.ReplaceAllString(n.Value, "x"), ":")
		return filepath.Clean(parts[min(1, len(parts)-1)])
	},
}

var braced = regexp.MustCompile(`\$\{[^}]*\}`)

func valueOf(n *yaml.Node, key string) (value string) {
	eachKey(n, func(k, v *yaml.Node) {
		if k.Value == key {
			value = v.Value
		}
	})
	return value
}

// aliased returns what an alias stands for.
func aliased(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// eachKey visits the keys of a mapping, those that are merged in first.
func eachKey(n *yaml.Node, visit func(key, value *yaml.Node)) {
	n = aliased(n)
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := aliased(n.Content[i+1])
		if merged.Kind != yaml.SequenceNode {
			eachKey(merged, visit)
			continue
		}
		for _, one := range slices.Backward(merged.Content) {
			eachKey(one, visit)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			visit(n.Content[i], n.Content[i+1])
		}
	}
}

// unset notes the variables that files use without a default and that nothing
// sets. Compose replaces them with nothing and goes on.
func (p *places) unset(files []string, env types.Mapping, out *core.Compose) {
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		var doc yaml.Node
		if yaml.Unmarshal(data, &doc) != nil {
			continue
		}
		eachScalar(&doc, nil, func(n *yaml.Node, path []string) {
			for _, name := range missing(n.Value, env) {
				if p.at["${"+name+"}"] == "" {
					p.at["${"+name+"}"] = p.name(f, n.Line)
				}
				out.Unset = append(out.Unset, name)
				if structural(path) {
					out.Structure = append(out.Structure, name)
				}
			}
		})
	}
	slices.Sort(out.Unset)
	slices.Sort(out.Structure)
	out.Unset, out.Structure = slices.Compact(out.Unset), slices.Compact(out.Structure)
}

// structural reports whether what stands at a path of a compose file shapes the
// project, rather than being a setting of one service.
func structural(path []string) bool {
	settings := []string{"environment", "command", "entrypoint", "healthcheck", "labels", "logging"}
	inService := len(path) >= 3 && path[0] == "services"
	return !inService && (len(path) == 0 || !strings.HasPrefix(path[0], "x-")) || inService && !slices.Contains(settings, path[2])
}

// eachScalar visits the scalars below n with the keys that lead to them.
func eachScalar(n *yaml.Node, path []string, visit func(n *yaml.Node, path []string)) {
	switch n.Kind {
	case yaml.ScalarNode:
		visit(n, path)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			visit(n.Content[i], path)
			eachScalar(n.Content[i+1], append(slices.Clip(path), n.Content[i].Value), visit)
		}
	default:
		for _, c := range n.Content {
			eachScalar(c, path, visit)
		}
	}
}
