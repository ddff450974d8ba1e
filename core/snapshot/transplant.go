package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/basewright/basewright/core"
)

// transplanted is the database that a clone gets: the others hold what services
// keep for themselves under secrets of their own, and make anew.
const transplanted = "postgres"

// bookkeeping are the tables by which services and people know which migrations
// were run. A schema without them would be migrated a second time.
var bookkeeping = []string{"schema_migrations", "migrations", "seed_files"}

// ownIdentity makes a copied database the new instance's own: nobody stays logged
// in, realtime makes its tenant from the new secrets, and nothing of the JWT secret
// of the other is left.
const ownIdentity = `ALTER DATABASE postgres RESET "app.settings.jwt_secret";
DO $bw$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['auth.refresh_tokens', 'auth.sessions', 'auth.flow_state', 'auth.one_time_tokens', '_realtime.extensions', '_realtime.tenants'] LOOP
    IF to_regclass(t) IS NOT NULL THEN EXECUTE 'DELETE FROM ' || t; END IF;
  END LOOP;
END $bw$;
`

// Transplant gives a new instance the database of another's snapshot, and its files
// when the snapshot has them. Roles come without passwords: those of Supabase keep
// the new instance's. With schemaOnly no row comes along but what migrations know.
// What the new instance had is replaced, so it must hold nothing of anybody.
func (f *Folder) Transplant(ctx context.Context, e core.Engine, from core.Snapshot, schemaOnly bool) error {
	if err := f.transplant(ctx, e, from, schemaOnly); err != nil {
		return fmt.Errorf("give it the data of snapshot %s: %w", from.ID, err)
	}
	return nil
}

// Transplantable returns the major version of PostgreSQL that a new instance needs
// to be given the data of a snapshot, or why none can be.
func (f *Folder) Transplantable(from core.Snapshot) (major int, err error) {
	c, err := f.open(from, from.Instance)
	if err != nil {
		return 0, err
	}
	if dumpOf(c.Manifest) < 0 {
		return 0, core.Errorf(core.Conflict, "snapshot %s holds no database %s, so no instance can be made of it; its scope is %s", from.ID, transplanted, from.Scope)
	}
	return c.Manifest.Postgres / 10000, nil
}

// dumpOf returns the number of the stream that a new instance gets, or -1.
func dumpOf(m Manifest) int {
	return slices.IndexFunc(m.Streams, func(s Stream) bool { return s.Kind == databaseStream && s.Name == transplanted })
}

func (f *Folder) transplant(ctx context.Context, e core.Engine, from core.Snapshot, schemaOnly bool) error {
	c, err := f.open(from, from.Instance)
	if err != nil {
		return err
	}
	s, err := streamer(e)
	if err != nil {
		return err
	}
	obs, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	if err := f.readyDatabase(ctx, e, obs, c.Manifest); err != nil {
		return err
	}
	if err := stopAll(ctx, e, obs, false); err != nil {
		return err
	}
	f.At("transplant.stop")
	if err := f.transplantDatabase(ctx, inDatabase(s), from.Path, c.Manifest, schemaOnly); err != nil {
		return err
	}
	if !schemaOnly {
		if err := f.transplantFiles(obs, from.Path, c.Manifest); err != nil {
			return err
		}
		f.At("transplant.files")
	}
	for _, s := range core.Services {
		if b, ok := obs.Container(s); ok && s != core.DB && b.State == "running" {
			if err := e.Start(ctx, s); err != nil {
				return err
			}
		}
	}
	f.At("transplant.start")
	return nil
}

func (f *Folder) transplantDatabase(ctx context.Context, in run, dir string, m Manifest, schemaOnly bool) error {
	n := dumpOf(m)
	if n < 0 {
		return core.Errorf(core.Conflict, "the snapshot holds no database %s", transplanted)
	}
	roles, err := f.rolesOf(dir, m, false)
	if err != nil {
		return err
	}
	if err := runRoles(ctx, in, roles); err != nil {
		return err
	}
	f.At("transplant.roles")
	now, err := oids(ctx, in)
	if err != nil {
		return err
	}
	old := swappedDatabase{Name: transplanted, OID: now[transplanted], Aside: asidePrefix + "newborn"}
	if err := putAside(ctx, in, old); err != nil {
		return err
	}
	f.At("transplant.aside")
	if schemaOnly {
		err = f.restoreSchema(ctx, in, dir, m.Streams[n], m.Encrypted)
	} else {
		err = f.restoreDump(ctx, in, dir, m.Streams[n], m.Encrypted)
	}
	if err != nil {
		return err
	}
	f.At("transplant.database")
	if err := dropMade(ctx, in, old.Aside); err != nil {
		return err
	}
	if _, err := script(ctx, in, transplanted, ownIdentity); err != nil {
		return fmt.Errorf("make the database its own: %w", err)
	}
	f.At("transplant.identity")
	return nil
}

// restoreSchema restores a dump without its rows but for those of bookkeeping.
func (f *Folder) restoreSchema(ctx context.Context, in run, dir string, s Stream, encrypted bool) error {
	rows := []string{"--data-only", "--exit-on-error", "-d", transplanted}
	for _, t := range bookkeeping {
		rows = append(rows, "-t", t)
	}
	for _, args := range [][]string{{"--create", "--schema-only", "--exit-on-error", "-d", "template1"}, rows} {
		if err := f.pour(ctx, in, dir, s, encrypted, "restore the schema of database "+s.Name, args...); err != nil {
			return err
		}
	}
	return nil
}

// transplantedFolders are where services keep what users put there.
var transplantedFolders = []struct {
	service core.Service
	target  string
}{{core.Storage, "/var/lib/storage"}, {core.Functions, "/home/deno/functions"}}

// transplantFiles puts the files of storage and the functions in place, where both
// instances keep them in a folder.
func (f *Folder) transplantFiles(obs *core.Observation, dir string, m Manifest) error {
	for _, place := range transplantedFolders {
		c, _ := obs.Container(place.service)
		to := slices.IndexFunc(c.Mounts, func(m core.Mount) bool { return m.Target == place.target })
		from := slices.IndexFunc(m.Streams, func(s Stream) bool {
			return s.Volume != nil && slices.ContainsFunc(s.Volume.Targets, func(t string) bool { return strings.HasSuffix(t, ":"+place.target) })
		})
		if to < 0 || from < 0 {
			continue
		}
		if err := f.transplantFolder(c.Mounts[to].Source, dir, m, m.Streams[from]); err != nil {
			return fmt.Errorf("unpack the files of %s: %w", place.service, err)
		}
	}
	return nil
}

// transplantFolder puts a volume of the snapshot in place of a new instance's.
func (f *Folder) transplantFolder(to, dir string, m Manifest, s Stream) error {
	v, err := swapVolume(to, "clone")
	if err != nil {
		return err
	}
	if err := os.Mkdir(v.Fresh, 0o700); err != nil {
		return err
	}
	err = f.readStream(dir, s, m.Encrypted, func(in io.Reader) error { return extract(in, *s.Volume, v.Fresh) })
	if err != nil {
		return errors.Join(err, os.RemoveAll(v.Fresh))
	}
	if err := v.take(); err != nil {
		return err
	}
	return os.RemoveAll(v.Aside)
}
