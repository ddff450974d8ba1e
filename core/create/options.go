package create

import (
	"path/filepath"
	"slices"
	"strings"
)

// The gateways that a stack may have.
const (
	Kong  = "kong"
	Envoy = "envoy"
)

func (o Order) kong() bool  { return o.Gateway != Envoy }
func (o Order) envoy() bool { return o.Gateway == Envoy }
func (o Order) logs() bool  { return o.Logs }

// part is what begins so of a release, and which orders want it.
type part struct {
	begins string
	wanted func(Order) bool
}

// optional says which files of a release belong to what an order may leave out, by
// how their paths begin. An overlay among them is laid over the compose file.
var optional = []part{
	{"volumes/api/kong", Order.kong},
	{"docker-compose.envoy.yml", Order.envoy},
	{"volumes/api/envoy/", Order.envoy},
	{"docker-compose.logs.yml", Order.logs},
	{"volumes/logs/", Order.logs},
}

// wants reports whether a stack needs a file of its release.
func (o Order) wants(name string) bool {
	return !slices.ContainsFunc(optional, func(p part) bool { return strings.HasPrefix(name, p.begins) && !p.wanted(o) })
}

// composeFiles are the compose files of a stack, in the order in which they are
// laid over each other.
func (o Order) composeFiles() []string {
	files := []string{"docker-compose.yml"}
	for _, p := range optional {
		if strings.HasPrefix(p.begins, "docker-compose.") && p.wanted(o) {
			files = append(files, p.begins)
		}
	}
	return files
}

// overlaid is what COMPOSE_FILE says of a stack: nothing where there is one file,
// which Compose finds by itself.
func (o Order) overlaid() string {
	if files := o.composeFiles(); len(files) > 1 {
		return strings.Join(files, ":")
	}
	return ""
}

// in returns the paths of files in a folder.
func in(dir string, files []string) []string {
	paths := make([]string, 0, len(files))
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, f))
	}
	return paths
}
