package docker

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// owns reports whether a container of the project is one of the instance: it was
// made from the instance's folder. Anybody can start a container with the labels
// of a project; what is none of the instance's is neither changed nor told a
// password. Of an instance without a folder all containers count.
func (e *Engine) owns(labels map[string]string) bool {
	if e.instance.Dir == "" {
		return true
	}
	dir := folderOf(labels)
	return dir != "" && slices.Contains(spellings(e.instance.Dir), dir)
}

// spellings returns how labels may write a path of the instance: as it is known,
// and with its links resolved. Paths of labels themselves are not followed.
func spellings(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	all := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		all = append(all, real)
	}
	return all
}

// folderOf returns the folder that a container was made from by its labels, ""
// when they do not say.
func folderOf(labels map[string]string) string {
	if dir := labels[dirLabel]; filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return ""
}

// filesOf returns the compose files that a container was made from by its labels.
func filesOf(labels map[string]string, dir string) []string {
	var files []string
	for _, file := range supabase.FilesOf(labels[filesLabel]) {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		files = append(files, filepath.Clean(file))
	}
	return files
}

// envFileOf returns the file of variables that a container was made with by its
// labels, "" when they name none, or several.
func envFileOf(labels map[string]string, dir string) string {
	file := labels[envFileLabel]
	switch {
	case file == "" || dir == "" || strings.Contains(file, ","):
		return ""
	case !filepath.IsAbs(file):
		file = filepath.Join(dir, file)
	}
	return filepath.Clean(file)
}

// disown takes from a stranger what it is looked up by. What it is stays in its
// labels: that folders share a project is told by them.
func disown(c *core.Container) core.Gap {
	c.Service, c.ComposeService = "", ""
	return core.Gap{What: "container " + c.Name, Why: "it carries the labels of this project and was not made from its folder; it is left alone"}
}

// noStranger refuses to bring the instance up beside a container that carries the
// labels of its project and was not made from its folder: compose goes by those
// labels alone, and would recreate or stop it.
func (e *Engine) noStranger(ctx context.Context) error {
	listed, err := e.listed(ctx)
	if err != nil {
		return e.host.wrap(ctx, "listing the containers of "+e.instance.Project, err)
	}
	for _, c := range listed {
		if e.owns(c.Labels) {
			continue
		}
		name := shortID(c.ID)
		if len(c.Names) > 0 {
			name = trimName(c.Names[0])
		}
		return &core.Error{
			Code:    core.Conflict,
			Message: fmt.Sprintf("container %s carries the labels of %s and was made from another folder (%s); compose would take it for its own", name, e.instance.Project, cmp.Or(folderOf(c.Labels), "not named")),
			Hint:    "give one of the two another project name",
		}
	}
	return nil
}
