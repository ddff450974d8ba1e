package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// undoSwap puts back what a restore with this safety snapshot put aside. Meanwhile no
// service but the database runs. It may be run again and again.
func (f *Folder) undoSwap(ctx context.Context, e core.Engine, safety core.Snapshot) error {
	dir, err := f.path(safety.Instance, safety.ID)
	if err != nil {
		return err
	}
	s, found, err := readSwap(dir, swapName)
	if err != nil || !found {
		return err
	}
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	if len(s.Databases)+len(s.Volumes) > 0 {
		if err := stopAll(ctx, e, obs, len(s.Volumes) > 0); err != nil {
			return err
		}
	}
	for _, v := range s.Volumes {
		if err := v.back(); err != nil {
			return err
		}
		f.At("restore.back")
	}
	if len(s.Databases) == 0 {
		return nil
	}
	from, err := streamer(e)
	if err != nil {
		return err
	}
	in := inDatabase(from)
	if err := f.bringDatabase(ctx, e, safety); err != nil {
		return err
	}
	if err := startDatabase(ctx, e, in, f.wait()); err != nil {
		return err
	}
	for _, d := range s.Databases {
		if err := putBack(ctx, in, d); err != nil {
			return err
		}
		f.At("restore.back")
	}
	return putRolesBack(ctx, in, s.Roles)
}

// sameData returns nil when what a restore put aside is back in its place: the
// very databases and folders, and every role as it was.
func (f *Folder) sameData(ctx context.Context, e core.Engine, dir string) error {
	s, found, err := readSwap(dir, swapName)
	if err != nil || !found {
		return err
	}
	for _, v := range s.Volumes {
		if inodeOf(v.Source) != v.Inode {
			return core.Errorf(core.Conflict, "not as before: the volume at %s", v.Source)
		}
	}
	if len(s.Databases) == 0 {
		return nil
	}
	from, err := streamer(e)
	if err != nil {
		return err
	}
	now, err := oids(ctx, inDatabase(from))
	if err != nil {
		return err
	}
	for _, d := range s.Databases {
		if now[d.Name] != d.OID {
			return core.Errorf(core.Conflict, "not as before: the database %s", d.Name)
		}
	}
	roles, err := readRolesBefore(ctx, inDatabase(from))
	if err == nil && roles.SQL != s.Roles.SQL {
		return core.Errorf(core.Conflict, "not as before: the roles")
	}
	return err
}

// stopAll stops the services that run, the database last if at all.
func stopAll(ctx context.Context, e core.Engine, obs *core.Observation, database bool) error {
	stop := func(s core.Service) error {
		c, ok := obs.Container(s)
		if !ok || c.State == "exited" || c.State == "created" {
			return nil
		}
		if err := e.Stop(ctx, s); err != nil && core.CodeOf(err) != core.NotFound {
			return fmt.Errorf("stop %s: %w", s, err)
		}
		return nil
	}
	seen := map[core.Service]bool{"": true, core.DB: true}
	for _, c := range obs.Containers {
		if seen[c.Service] {
			continue
		}
		seen[c.Service] = true
		if err := stop(c.Service); err != nil {
			return err
		}
	}
	if !database {
		return nil
	}
	return stop(core.DB)
}

// bringDatabase brings the container of the database back, alone, when somebody
// removed it meanwhile.
func (f *Folder) bringDatabase(ctx context.Context, e core.Engine, safety core.Snapshot) error {
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	if _, there := obs.Container(core.DB); there {
		return nil
	}
	c, err := f.open(safety, safety.Instance)
	if err != nil {
		return err
	}
	var others []string
	for _, s := range c.State {
		if supabase.RoleOf(s.Service, s.Image) != core.DB {
			others = append(others, s.Service)
		}
	}
	if err := e.Recover(ctx, c.Containers, others...); err != nil {
		return fmt.Errorf("bring back the container of the database: %w", err)
	}
	return nil
}

func (f *Folder) wait() time.Duration {
	if f.Patience > 0 {
		return f.Patience
	}
	return 2 * time.Minute
}

// startDatabase starts the database, if it does not run, and waits until it takes
// statements.
func startDatabase(ctx context.Context, e core.Engine, in run, limit time.Duration) error {
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	if c, ok := obs.Container(core.DB); ok && c.State != "running" {
		if err := e.Start(ctx, core.DB); err != nil {
			return fmt.Errorf("start the database: %w", err)
		}
	}
	return whenItAnswers(ctx, limit, func() error { _, err := script(ctx, in, "template1", "select 1;\n"); return err })
}
