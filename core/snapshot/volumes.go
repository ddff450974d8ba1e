package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// Volume is a folder of the host that is mounted into the instance's containers.
type Volume struct {
	Type    string   `json:"type"`            // volume or bind
	Name    string   `json:"name,omitempty"`  // of a named volume
	Source  string   `json:"source"`          // path on the host
	Targets []string `json:"targets"`         // "db:/etc/postgresql-custom"
	Entries int64    `json:"entries"`         // files, folders and links in it
	Bytes   int64    `json:"bytes"`           // of all files
	Moved   int64    `json:"moved,omitempty"` // files that changed while they were read
	Left    int64    `json:"left,omitempty"`  // sockets, pipes and devices, which are left out
}

// defaultPGData is where PostgreSQL's images keep the data directory.
const defaultPGData = "/var/lib/postgresql/data"

// volumeSources lists the folders that hold the instance's data. The data
// directory of a running database is left out: a copy of it would be none.
func volumeSources(inst core.Instance, obs *core.Observation, m *Manifest) ([]source, error) {
	if !obs.Host.Local {
		return nil, core.Errorf(core.Unreachable, "the volumes are on the machine of the Docker Engine, not on this one")
	}
	found, left, err := volumes(inst, obs)
	if err != nil {
		return nil, err
	}
	m.Skipped = append(m.Skipped, left...)
	without, running := runningData(obs)
	say := "volumes file by file, while services may run; "
	if quiet(obs) {
		say = "volumes file by file, while nothing but the database ran; "
	}
	if running {
		m.Skipped = append(m.Skipped, Skipped{Name: without, Why: "it is the data directory of a running database, whose copy would be no backup; scope database or full holds the data"})
		say += "not the data directory of the running database"
	} else {
		say += "the data directory of the stopped database as it lies"
	}
	m.Consistency = strings.TrimPrefix(m.Consistency+"; "+say, "; ")
	var all []source
	for _, v := range found {
		if v.Source == without {
			continue
		}
		size, err := sizeOf(v.Source, without)
		if err != nil {
			return nil, fmt.Errorf("look at volume %s: %w", v.label(), err)
		}
		all = append(all, source{
			stream: Stream{Kind: volumeStream, Name: v.label(), Volume: &v}, step: "copy volume " + v.label(), size: size,
			fill: func(ctx context.Context, s *Stream, w io.Writer) error {
				tree, err := openTree(v.Source, without)
				if err != nil {
					return err
				}
				defer tree.close()
				err = tree.pack(ctx, w)
				kept := v
				kept.Entries, kept.Bytes, kept.Moved, kept.Left = tree.entries, tree.bytes, tree.moved, tree.left
				s.Volume = &kept
				return err
			},
		})
	}
	return all, nil
}

// quiet reports whether nothing of the instance runs but its database.
func quiet(obs *core.Observation) bool {
	return !slices.ContainsFunc(obs.Containers, func(c core.Container) bool {
		return c.Service != core.DB && c.Runs()
	})
}

// label is how people know a volume.
func (v Volume) label() string { return cmp.Or(v.Name, filepath.Base(v.Source)) }

// volumes lists the mounted folders, each once, and what is mounted and is none.
func volumes(inst core.Instance, obs *core.Observation) ([]Volume, []Skipped, error) {
	bySource := map[string]*Volume{}
	var left []Skipped
	skip := func(name, why string) {
		if !slices.Contains(left, Skipped{name, why}) {
			left = append(left, Skipped{name, why})
		}
	}
	for _, c := range obs.Containers {
		for _, m := range c.Mounts {
			source := filepath.Clean(m.Source)
			switch {
			case m.Type != "bind" && m.Type != "volume" || m.Source == "":
				continue
			case m.Type == "bind" && !below(inst.Dir, source):
				skip(source, "it is outside the instance folder")
				continue
			}
			fi, err := os.Lstat(source)
			if err != nil {
				return nil, nil, fmt.Errorf("look at the mount %s: %w", source, err)
			}
			if !fi.IsDir() {
				continue // a file is configuration
			}
			v := bySource[source]
			if v == nil {
				v = &Volume{Type: m.Type, Name: m.Name, Source: source}
				bySource[source] = v
			}
			if t := c.ComposeService + ":" + m.Target; !slices.Contains(v.Targets, t) {
				v.Targets = append(v.Targets, t)
			}
		}
	}
	return outermost(bySource), left, nil
}

// outermost orders volumes by path and drops those that lie in another.
func outermost(bySource map[string]*Volume) []Volume {
	var all []Volume
	for _, v := range bySource {
		slices.Sort(v.Targets)
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b Volume) int { return cmp.Compare(a.Source, b.Source) })
	return slices.DeleteFunc(all, func(v Volume) bool {
		return slices.ContainsFunc(all, func(o Volume) bool { return o.Source != v.Source && below(o.Source, v.Source) })
	})
}

// below reports whether a path is a folder or lies in it.
func below(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	return folder != "" && err == nil && filepath.IsLocal(rel)
}

// runningData returns where on the host the data directory of the database is,
// and whether the database uses it now.
func runningData(obs *core.Observation) (string, bool) {
	db, ok := obs.Container(core.DB)
	if !ok || db.State == "exited" || db.State == "created" || db.State == "dead" {
		return "", false
	}
	data := cmp.Or(db.Env["PGDATA"].Reveal(), defaultPGData)
	best := core.Mount{}
	for _, m := range db.Mounts {
		if below(m.Target, data) && len(m.Target) > len(best.Target) {
			best = m
		}
	}
	rel, err := filepath.Rel(best.Target, data)
	if best.Source == "" || err != nil {
		return "", true
	}
	return filepath.Join(best.Source, rel), true
}
