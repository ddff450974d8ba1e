package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// Replace brings parts of a snapshot back into the instance. What they take the
// place of is put aside, and written down beside the safety snapshot before it is
// touched, so that Restore of the safety snapshot puts it back, whoever runs it
// and however far Replace came. Services are stopped, the database last, and run
// again afterwards as they did.
func (f *Folder) Replace(ctx context.Context, e core.Engine, inst core.Instance, from, safety core.Snapshot, parts []core.Scope) error {
	return f.replacement(e, inst, from, safety, parts).do(ctx)
}

func (f *Folder) replacement(e core.Engine, inst core.Instance, from, safety core.Snapshot, parts []core.Scope) *replacement {
	return &replacement{Folder: f, e: e, inst: inst, from: from, safety: safety, has: func(p core.Scope) bool { return slices.Contains(parts, p) }}
}

// replacement is one run of Replace.
type replacement struct {
	*Folder
	e            core.Engine
	inst         core.Instance
	from, safety core.Snapshot
	has          func(core.Scope) bool
	lasts        bool // once services run, it is not to be taken back

	c    *Contents // of from
	dir  string    // of safety
	obs  *core.Observation
	in   run
	swap swap
}

func (r *replacement) do(ctx context.Context) error {
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("restore snapshot %s into %s: %w", r.from.ID, r.inst.ID, err)
	}
	return nil
}

func (r *replacement) run(ctx context.Context) (err error) {
	if r.c, err = r.open(r.from, r.inst.ID); err != nil {
		return err
	}
	if r.dir, err = r.path(r.safety.Instance, r.safety.ID); err != nil {
		return err
	}
	if r.obs, err = r.e.Observe(ctx); err != nil {
		return err
	}
	if r.has(core.DatabaseScope) {
		s, err := streamer(r.e)
		if err != nil {
			return err
		}
		r.in = inDatabase(s)
	}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"plan", r.writeDown}, {"unpack", r.unpack}, {"stop", r.stop}, {"volumes", r.takeVolumes}, {"database", r.database},
		{"configuration", r.configuration}, {"start", r.start},
	}
	for _, s := range steps {
		r.At("restore." + s.name)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.do(ctx); err != nil {
			return err
		}
	}
	r.At("restore.end")
	return nil
}

// writeDown decides what will be put aside, and writes it down.
func (r *replacement) writeDown(ctx context.Context) error {
	r.swap = swap{From: r.from.ID}
	tag := strings.ToLower(core.NewID()) // what is aside of an earlier restore stays
	if r.has(core.VolumesScope) {
		found, err := r.readyVolumes(r.inst, r.obs, r.c.Manifest, tag)
		if err != nil {
			return err
		}
		r.swap.Volumes = found
	}
	if r.has(core.DatabaseScope) {
		now, err := oids(ctx, r.in)
		if err != nil {
			return err
		}
		for i, s := range r.streams(databaseStream) {
			aside := fmt.Sprintf("%sbefore_%s_%d", asidePrefix, tag, i+1)
			r.swap.Databases = append(r.swap.Databases, swappedDatabase{Name: s.Name, OID: now[s.Name], Aside: aside})
		}
		if r.swap.Roles, err = readRolesBefore(ctx, r.in); err != nil {
			return err
		}
	}
	return r.writeSwap(r.dir, r.swap)
}

func (r *replacement) streams(kind StreamKind) []Stream {
	return slices.DeleteFunc(slices.Clone(r.c.Manifest.Streams), func(s Stream) bool { return s.Kind != kind })
}

// unpack puts the volumes beside those that are there, while services still run.
func (r *replacement) unpack(context.Context) error {
	if !r.has(core.VolumesScope) {
		return nil
	}
	for i, s := range r.streams(volumeStream) {
		fresh := r.swap.Volumes[i].Fresh
		if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
			return err
		}
		r.tell("unpack volume "+s.Name, 0, s.RawSize)
		err := r.readStream(r.from.Path, s, r.c.Manifest.Encrypted, func(in io.Reader) error { return extract(in, *s.Volume, fresh) })
		if err != nil {
			return fmt.Errorf("unpack volume %s: %w", s.Name, err)
		}
		r.tell("unpack volume "+s.Name, s.RawSize, s.RawSize)
		r.At(fmt.Sprintf("restore.unpacked-%d", i+1))
	}
	return nil
}

// stop stops every service, the database last, and that only when its folders
// are replaced.
func (r *replacement) stop(ctx context.Context) error {
	if !r.has(core.VolumesScope) && !r.has(core.DatabaseScope) {
		return nil
	}
	return stopAll(ctx, r.e, r.obs, r.has(core.VolumesScope))
}

func (r *replacement) takeVolumes(context.Context) error {
	for i, v := range r.swap.Volumes {
		if err := v.take(); err != nil {
			return err
		}
		r.At(fmt.Sprintf("restore.volume-%d", i+1))
	}
	return nil
}

// database restores roles and databases beside what was put aside. Without the
// configuration, roles keep the passwords that the .env of today knows.
func (r *replacement) database(ctx context.Context) error {
	if !r.has(core.DatabaseScope) {
		return nil
	}
	if err := startDatabase(ctx, r.e, r.in, r.wait()); err != nil {
		return err
	}
	sql, err := r.rolesOf(r.from.Path, r.c.Manifest, r.has(core.ConfigScope))
	if err != nil {
		return err
	}
	if err := runRoles(ctx, r.in, sql); err != nil {
		return err
	}
	r.At("restore.roles")
	for i, s := range r.streams(databaseStream) {
		if err := putAside(ctx, r.in, r.swap.Databases[i]); err != nil {
			return err
		}
		r.At(fmt.Sprintf("restore.aside-%d", i+1))
		if err := r.restoreDump(ctx, r.in, r.from.Path, s, r.c.Manifest.Encrypted); err != nil {
			return err
		}
		r.At(fmt.Sprintf("restore.database-%d", i+1))
	}
	return nil
}

// configuration restores files, role passwords and containers.
func (r *replacement) configuration(ctx context.Context) error {
	if !r.has(core.ConfigScope) {
		return nil
	}
	return r.restoreConfig(ctx, r.e, r.inst, r.from)
}

// start brings the containers into the state that they had.
func (r *replacement) start(ctx context.Context) error {
	if r.has(core.ConfigScope) {
		return nil // done with the configuration
	}
	c, err := r.open(r.safety, r.inst.ID)
	if err != nil {
		return err
	}
	if r.lasts {
		if err := keepLoaded(r.dir); err != nil {
			return err
		}
	}
	return r.e.Recover(ctx, c.Containers)
}

// keepLoaded notes, before services write into what was loaded, that it stays.
func keepLoaded(dir string) error {
	if err := os.Rename(filepath.Join(dir, swapName), filepath.Join(dir, loadedName)); err != nil {
		return fmt.Errorf("note that the data is loaded: %w", err)
	}
	return durable.SyncDir(dir)
}
