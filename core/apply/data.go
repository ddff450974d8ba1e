package apply

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// dataTargets are the folders in containers that hold what users own.
var dataTargets = []string{"/var/lib/postgresql", "/etc/postgresql-custom", "/var/lib/storage"}

// checkData refuses files that lie where the instance keeps data on its host,
// as they are written and as they are when symlinks are followed.
func checkData(inst core.Instance, obs *core.Observation, files []string) error {
	folders := dataFolders(inst, obs)
	root := inst.Dir
	if obs.Host.Local {
		for _, f := range slices.Clone(folders) {
			folders = append(folders, resolve(f))
		}
		root = resolve(root)
	}
	for _, name := range files {
		places := []string{filepath.Join(inst.Dir, name)}
		if obs.Host.Local {
			places = append(places, resolve(places[0]))
		}
		for _, p := range places {
			rel, err := filepath.Rel(root, p)
			if slices.ContainsFunc(folders, func(f string) bool { return within(f, p) }) || err == nil && isData(filepath.ToSlash(rel)) {
				return dataError(name)
			}
		}
	}
	return nil
}

// dataFolders lists the folders of the host that hold the data of an instance.
func dataFolders(inst core.Instance, obs *core.Observation) []string {
	var mounts []core.Mount
	for _, s := range obs.Compose.Services {
		mounts = append(mounts, s.Mounts...)
	}
	for _, c := range obs.Containers {
		mounts = append(mounts, c.Mounts...)
	}
	var folders []string
	for _, m := range mounts {
		source := m.Source
		switch {
		case source == "" || m.Type != "bind" && !filepath.IsAbs(source):
			continue
		case !filepath.IsAbs(source):
			source = filepath.Join(inst.Dir, source)
		}
		for _, data := range dataTargets {
			switch below, err := filepath.Rel(m.Target, data); {
			case within(data, m.Target) || strings.HasPrefix(m.Target, "/var/lib/postgresql"):
				folders = append(folders, filepath.Clean(source))
			case err == nil && filepath.IsLocal(below): // what is mounted holds the folder
				folders = append(folders, filepath.Join(source, below))
			}
		}
	}
	return folders
}

// within reports whether a path is a folder or lies in it.
func within(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// resolve follows the symlinks in as much of a path as exists.
func resolve(path string) string {
	rest := ""
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		// A link to what is not there yet leads there all the same.
		if to, err := os.Readlink(at); err == nil && !filepath.IsAbs(to) && to != filepath.Base(at) {
			rest = filepath.Join(to, rest)
		} else {
			rest = filepath.Join(filepath.Base(at), rest)
		}
		if at == filepath.Dir(at) {
			return filepath.Clean(path)
		}
	}
}

// isData reports whether the name of a file says that it is data of users.
func isData(name string) bool {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if p == "storage" || p == "data" && i > 0 && parts[i-1] == "db" {
			return true
		}
	}
	return false
}

func dataError(name string) error {
	return core.Errorf(core.Forbidden, "%q is data, which no plan writes", name)
}
