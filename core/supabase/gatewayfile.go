package supabase

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/basewright/basewright/core"
)

// Mention is a name in a file and the line that it stands on.
type Mention struct {
	Name string
	Line int
}

// GatewayFile is what a gateway's configuration names.
type GatewayFile struct {
	Hosts   []Mention // to which requests are sent on
	Plugins []Mention // Kong's
}

// FileError says why a configuration file cannot be read. Line is 0 where that
// is not known.
type FileError struct {
	Line int
	Text string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return "line " + strconv.Itoa(e.Line) + ": " + e.Text
}

// ReadKong reads Kong's declarative configuration. An error is a *FileError.
func ReadKong(data []byte) (GatewayFile, error) {
	root, err := object(data)
	if err != nil {
		return GatewayFile{}, err
	}
	var out GatewayFile
	eachKey(root, func(key, value *yaml.Node) {
		switch key.Value {
		case "services":
			eachItem(value, out.kongService)
		case "plugins":
			eachItem(value, out.plugin)
		}
	})
	return out, nil
}

func (f *GatewayFile) kongService(service *yaml.Node) {
	eachKey(service, func(key, value *yaml.Node) {
		switch key.Value {
		case "url":
			if u, err := url.Parse(value.Value); err == nil && u.Hostname() != "" {
				f.Hosts = append(f.Hosts, Mention{u.Hostname(), value.Line})
			}
		case "host":
			f.Hosts = append(f.Hosts, Mention{value.Value, value.Line})
		case "plugins":
			eachItem(value, f.plugin)
		case "routes":
			eachItem(value, func(route *yaml.Node) {
				eachKey(route, func(key, value *yaml.Node) {
					if key.Value == "plugins" {
						eachItem(value, f.plugin)
					}
				})
			})
		}
	})
}

func (f *GatewayFile) plugin(entry *yaml.Node) {
	name, enabled := valueOf(entry, "name"), valueOf(entry, "enabled")
	if name != "" && enabled != "false" {
		f.Plugins = append(f.Plugins, Mention{name, entry.Line})
	}
}

// ReadEnvoy reads one of Envoy's files. An error is a *FileError.
func ReadEnvoy(data []byte) (GatewayFile, error) {
	root, err := object(data)
	if err != nil {
		return GatewayFile{}, err
	}
	var out GatewayFile
	walk(root, func(key, value *yaml.Node) {
		if key.Value != "socket_address" {
			return
		}
		eachKey(value, func(key, value *yaml.Node) {
			if key.Value == "address" {
				out.Hosts = append(out.Hosts, Mention{value.Value, value.Line})
			}
		})
	})
	return out, nil
}

// VectorFile is what Vector's configuration says of where logs come from.
type VectorFile struct {
	Docker     bool // a docker_logs source reads them from the Docker Engine
	DockerHost bool // that source names the engine itself
	Filtered   bool // every docker_logs source includes only some containers
}

// ReadVector reads vector.yml. An error is a *FileError.
func ReadVector(data []byte) (VectorFile, error) {
	root, err := object(vectorVariable.ReplaceAll(data, []byte("x")))
	if err != nil {
		return VectorFile{}, err
	}
	out := VectorFile{Filtered: true}
	eachKey(root, func(key, sources *yaml.Node) {
		if key.Value != "sources" {
			return
		}
		eachKey(sources, func(_, source *yaml.Node) {
			if valueOf(source, "type") != "docker_logs" {
				return
			}
			out.Docker = true
			out.DockerHost = out.DockerHost || valueOf(source, "docker_host") != ""
			included := false
			eachKey(source, func(key, _ *yaml.Node) { included = included || strings.HasPrefix(key.Value, "include_") })
			out.Filtered = out.Filtered && included
		})
	})
	return out, nil
}

// VectorSink returns the host that a sink of vector.yml sends to, "" when the file does not say.
func VectorSink(data []byte, sink string) string {
	root, err := object(vectorVariable.ReplaceAll(data, []byte("x")))
	if err != nil {
		return ""
	}
	host := ""
	eachKey(root, func(key, sinks *yaml.Node) {
		if key.Value != "sinks" {
			return
		}
		eachKey(sinks, func(name, node *yaml.Node) {
			if u, err := url.Parse(valueOf(node, "uri")); err == nil && name.Value == sink {
				host = u.Hostname()
			}
		})
	})
	return host
}

var vectorVariable = regexp.MustCompile(`\$\{[^}\n]*\}`)

// maxDepth bounds how deep a file of a gateway or of Vector is followed.
const maxDepth = 200

// object reads YAML whose root must be a mapping.
func object(data []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		m := yamlProblem.FindStringSubmatch(err.Error())
		line, _ := strconv.Atoi(m[1])
		return nil, &FileError{line, m[2]}
	}
	if len(doc.Content) == 0 || aliased(doc.Content[0]).Kind != yaml.MappingNode {
		return nil, &FileError{Text: "it holds no settings: an object is expected"}
	}
	return doc.Content[0], nil
}

var yamlProblem = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)

// eachItem visits the entries of a list.
func eachItem(n *yaml.Node, visit func(*yaml.Node)) {
	if n = aliased(n); n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			visit(aliased(item))
		}
	}
}

// walk visits every key below n as it is written: what an alias stands for is
// visited where it stands.
func walk(n *yaml.Node, visit func(key, value *yaml.Node)) { descend(n, maxDepth, visit) }

func descend(n *yaml.Node, depth int, visit func(key, value *yaml.Node)) {
	if depth == 0 {
		return
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && i+1 < len(n.Content) {
			visit(c, n.Content[i+1])
		}
		descend(c, depth-1, visit)
	}
}

// FillShell returns text as `eval "echo \"$(cat file)\""` prints it, the way in
// which upstream's stacks with Kong 2 fill in their kong.yml: variables are
// replaced, and double quotes are taken away.
func FillShell(text string, env map[string]core.Secret) string {
	text = strings.NewReplacer(`\"`, `"`, `"`, "").Replace(text)
	return FillPlain(text, env)
}

var shellVariable = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// FillPlain returns text with its variables replaced, and nothing else.
func FillPlain(text string, env map[string]core.Secret) string {
	return shellVariable.ReplaceAllStringFunc(text, func(v string) string {
		return env[strings.Trim(v, "${}")].Reveal()
	})
}
