package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

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
	if err := f.transplantDatabase(ctx, inDatabase(s), from.Path, c.Manifest, schemaOnly); err != nil {
		return err
	}
	if !schemaOnly {
		if err := f.transplantFiles(obs, from.Path, c.Manifest); err != nil {
			return err
		}
	}
	for _, s := range core.Services {
		if b, ok := obs.Container(s); ok && s != core.DB && b.State == "running" {
			if err := e.Start(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Folder) transplantDatabase(ctx context.Context, in run, dir string, m Manifest, schemaOnly bool) error {
	n := slices.IndexFunc(m.Streams, func(s Stream) bool { return s.Kind == databaseStream && s.Name == transplanted })
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
	now, err := oids(ctx, in)
	if err != nil {
		return err
	}
	old := swappedDatabase{Name: transplanted, OID: now[transplanted], Aside: asidePrefix + "newborn"}
	if err := putAside(ctx, in, old); err != nil {
		return err
	}
	if schemaOnly {
		err = f.restoreSchema(ctx, in, dir, m.Streams[n], m.Encrypted)
	} else {
		err = f.restoreDump(ctx, in, dir, m.Streams[n], m.Encrypted)
	}
	if err != nil {
		return err
	}
	if err := dropMade(ctx, in, old.Aside); err != nil {
		return err
	}
	if _, err := script(ctx, in, transplanted, ownIdentity); err != nil {
		return fmt.Errorf("make the database its own: %w", err)
	}
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

// transplantFiles puts the files that storage keeps in place.
func (f *Folder) transplantFiles(obs *core.Observation, dir string, m Manifest) error {
	const target = "/var/lib/storage"
	storage, _ := obs.Container(core.Storage)
	to := slices.IndexFunc(storage.Mounts, func(m core.Mount) bool { return m.Target == target })
	from := slices.IndexFunc(m.Streams, func(s Stream) bool {
		return s.Volume != nil && slices.ContainsFunc(s.Volume.Targets, func(t string) bool { return t == "storage:"+target })
	})
	if to < 0 || from < 0 {
		return nil // one of them keeps its files elsewhere
	}
	s := m.Streams[from]
	v, err := swapVolume(storage.Mounts[to].Source, "clone")
	if err != nil {
		return err
	}
	if err := os.Mkdir(v.Fresh, 0o700); err != nil {
		return err
	}
	err = f.readStream(dir, s, m.Encrypted, func(in io.Reader) error { return extract(in, *s.Volume, v.Fresh) })
	if err != nil {
		return errors.Join(fmt.Errorf("unpack the files of storage: %w", err), os.RemoveAll(v.Fresh))
	}
	if err := v.take(); err != nil {
		return err
	}
	return os.RemoveAll(v.Aside)
}
