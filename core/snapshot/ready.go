package snapshot

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/basewright/basewright/core"
)

// Parts returns the parts that a restore of a snapshot brings back when nobody
// chose: all that its scope names. The configuration, which every snapshot has,
// is one of them only where the scope says so.
func Parts(s core.Snapshot) []core.Scope {
	if s.Scope == core.FullScope {
		return []core.Scope{core.ConfigScope, core.DatabaseScope, core.VolumesScope}
	}
	return []core.Scope{s.Scope}
}

// Ready returns nil when the parts of a snapshot can be restored into the
// instance as it is now, and the whole snapshot can be read. It touches nothing.
func (f *Folder) Ready(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, from core.Snapshot, parts []core.Scope) error {
	if err := f.Fits(ctx, e, inst, obs, from, parts); err != nil {
		return err
	}
	_, err := f.Check(from, core.Readable)
	return err
}

// Fits is Ready without the reading, which takes long when there is much data.
func (f *Folder) Fits(ctx context.Context, e core.Engine, inst core.Instance, obs *core.Observation, from core.Snapshot, parts []core.Scope) error {
	for _, p := range parts {
		if !from.Holds(p) {
			return core.Errorf(core.Invalid, "snapshot %s holds no %s; its scope is %s", from.ID, p, from.Scope)
		}
	}
	c, err := f.open(from, inst.ID)
	if err != nil {
		return err
	}
	if slices.Contains(parts, core.DatabaseScope) {
		if err := f.readyDatabase(ctx, e, obs, c.Manifest); err != nil {
			return err
		}
	}
	if slices.Contains(parts, core.VolumesScope) {
		_, err = f.readyVolumes(inst, obs, c.Manifest, from.ID)
	}
	return err
}

func (f *Folder) readyDatabase(ctx context.Context, e core.Engine, obs *core.Observation, m Manifest) error {
	if db, ok := obs.Container(core.DB); !ok || db.State != "running" {
		return core.Errorf(core.Unreachable, "the database is not running, so nothing can be restored into it")
	}
	if _, err := streamer(e); err != nil {
		return err
	}
	now, err := serverVersion(ctx, e)
	if err != nil {
		return err
	}
	if now/10000 != m.Postgres/10000 {
		return core.Errorf(core.Conflict, "the snapshot is of PostgreSQL %d and the instance runs %d", m.Postgres/10000, now/10000)
	}
	dir, _ := runningData(obs)
	if dir == "" || !obs.Host.Local {
		return nil
	}
	var need uint64
	for _, s := range m.Streams {
		if s.Kind == databaseStream {
			need += uint64(s.RawSize) + 64<<20 // catalogs and indexes
		}
	}
	return f.roomFor(dir, need, "the restored database beside the present one")
}

// readyVolumes returns how each volume of the snapshot will be replaced.
func (f *Folder) readyVolumes(inst core.Instance, obs *core.Observation, m Manifest, id string) ([]swappedVolume, error) {
	if !obs.Host.Local {
		return nil, core.Errorf(core.Unreachable, "the volumes are on the machine of the Docker Engine, not on this one")
	}
	now, _, err := volumes(inst, obs)
	if err != nil {
		return nil, err
	}
	data, running := runningData(obs)
	var all []swappedVolume
	for _, s := range m.Streams {
		if s.Kind != volumeStream {
			continue
		}
		source, err := place(m, *s.Volume, now, inst.Dir)
		if err != nil {
			return nil, err
		}
		if running && data != "" && source != data && below(source, data) {
			return nil, core.Errorf(core.Conflict, "%s holds the data directory of the running database, which the snapshot does not", source)
		}
		if c := stranger(obs, source); c != "" {
			return nil, core.Errorf(core.Conflict, "the container %s, which is no service of Supabase, uses %s; stop it first", c, source)
		}
		if err := f.roomFor(filepath.Dir(source), uint64(s.Volume.Bytes)+1<<20, "volume "+s.Name); err != nil {
			return nil, err
		}
		v, err := swapVolume(source, id)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// stranger names a running container that the engine cannot stop by its role and
// that uses a folder.
func stranger(obs *core.Observation, source string) string {
	for _, c := range obs.Containers {
		uses := slices.ContainsFunc(c.Mounts, func(m core.Mount) bool { return filepath.Clean(m.Source) == source })
		if c.Service == "" && c.State == "running" && uses {
			return c.Name
		}
	}
	return ""
}
