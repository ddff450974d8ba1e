package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// files are what a backup holds of the data folder besides the database. Those
// that are not there are left out.
var files = []string{"key", "agent", "signing-keys"}

const manifestName = "manifest.json"

// Manifest says what is in a backup of the state.
type Manifest struct {
	Created time.Time         `json:"created"`
	Audit   Head              `json:"audit"` // end of the audit log in it
	Files   map[string]string `json:"files"` // name to SHA-256
}

// Backup copies the state, while it is used, into a new folder, and reads it
// back. There is a whole backup under that name or none.
func (s *Store) Backup(ctx context.Context, dir string) (m Manifest, err error) {
	if _, err := os.Lstat(dir); err == nil {
		return m, core.Errorf(core.Conflict, "there is %s already", dir)
	}
	temp := dir + ".tmp-" + core.NewID()
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return m, &core.Error{Code: core.Unreachable, Message: "the folder " + temp + " cannot be made", Err: err}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up the state: %w", errors.Join(err, os.RemoveAll(temp)))
		}
	}()
	name := filepath.Base(s.path)
	if err := s.with.copied(s, ctx, filepath.Join(temp, name)); err != nil {
		return m, s.explain(err)
	}
	if err := os.Chmod(filepath.Join(temp, name), 0o600); err != nil {
		return m, err
	}
	if m.Audit, err = check(ctx, filepath.Join(temp, name)); err != nil {
		return m, fmt.Errorf("the copy cannot be read back, look at the disk that it is on: %w", err)
	}
	archives, err := s.archives(ctx)
	if err != nil {
		return m, s.explain(err)
	}
	beside := slices.Clone(files)
	for _, a := range archives {
		beside = append(beside, a.File)
	}
	for _, f := range beside {
		b, err := os.ReadFile(s.beside(f))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, durable.WriteNew(filepath.Join(temp, f), b, 0o600)); err != nil {
			return m, err
		}
	}
	head, err := json.Marshal(m.Audit)
	if err != nil {
		return m, err
	}
	if err := durable.WriteNew(filepath.Join(temp, name+".head"), head, 0o600); err != nil {
		return m, err
	}
	return m, s.seal(temp, dir, &m)
}

// seal writes the manifest, and gives the backup its name.
func (s *Store) seal(temp, dir string, m *Manifest) error {
	var err error
	m.Created = time.Now().UTC()
	if m.Files, err = sums(temp); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteNew(filepath.Join(temp, manifestName), b, 0o600); err != nil {
		return err
	}
	if err := durable.SyncDir(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// sums hashes every file of a folder and waits until it is on the disk.
func sums(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, e := range entries {
		if e.Name() == manifestName {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, err
		}
		found[e.Name()] = hex.EncodeToString(h.Sum(nil))
	}
	return found, nil
}

// VerifyBackup reads a backup back: every byte is what was written, the
// database is sound, and its audit log is whole.
func VerifyBackup(ctx context.Context, dir string) (Manifest, error) {
	var m Manifest
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, core.Errorf(core.Invalid, "%s is not a backup of the state: it has no %s", dir, manifestName)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, core.Errorf(core.Invalid, "the %s of %s is damaged", manifestName, dir)
	}
	have, err := sums(dir)
	if err != nil {
		return m, fmt.Errorf("read the backup %s: %w", dir, err)
	}
	database := ""
	for name, sum := range m.Files {
		if filepath.Base(name) != name {
			return m, core.Errorf(core.Invalid, "the backup %s names a file outside of itself", dir)
		}
		if have[name] != sum {
			return m, core.Errorf(core.Invalid, "%s of the backup %s is not what was written", name, dir)
		}
		if strings.HasSuffix(name, ".db") {
			database = name
		}
	}
	if database == "" {
		return m, core.Errorf(core.Invalid, "the backup %s has no database", dir)
	}
	end, err := check(ctx, filepath.Join(dir, database))
	if err == nil && end != m.Audit {
		err = core.Errorf(core.Invalid, "the audit log of the backup %s does not end where it should", dir)
	}
	return m, err
}

// check proves that the database at path is sound, and returns the end of its
// audit log. It changes nothing.
func check(ctx context.Context, path string) (Head, error) {
	db, err := connect(dsn(path, busyTimeout, "mode=ro&_query_only=1"), 1)
	if err != nil {
		return Head{}, explain(path, err)
	}
	s := &Store{path: path, name: path, with: &onSQLite, read: db}
	defer s.Close()
	if err := s.Sound(ctx); err != nil {
		return Head{}, err
	}
	return s.chain(ctx, nil)
}

// Sound returns nil when the database finds no fault in itself.
func (s *Store) Sound(ctx context.Context) error { return s.explain(s.with.sound(s, ctx)) }

// RestoreBackup puts a backup in the place of the state at path, which nothing
// may use. What was there is moved into a folder beside it, whose name it
// returns. With the address of a PostgreSQL database, which must hold no state,
// the rows go there: that is also how a state moves out of SQLite.
func RestoreBackup(ctx context.Context, dir, path, address string) (aside string, err error) {
	m, err := VerifyBackup(ctx, dir)
	if err != nil {
		return "", err
	}
	s := &Store{path: path, name: path}
	defer func() { err = errors.Join(s.explain(err), s.Close()) }()
	if address != "" {
		if err := s.openPostgres(address, busyTimeout); err != nil {
			return "", err
		}
		if err := errors.Join(s.empty(ctx), s.Close()); err != nil {
			return "", err
		}
	}
	if aside, err = setAside(path); err != nil {
		return aside, fmt.Errorf("restore the state: %w", err)
	}
	for name := range m.Files {
		if address != "" && strings.HasSuffix(name, ".db") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = durable.WriteNew(filepath.Join(filepath.Dir(path), name), b, 0o600)
		}
		if err != nil {
			return aside, fmt.Errorf("restore the state: %w", err)
		}
	}
	if address != "" {
		if err := s.openPostgres(address, busyTimeout); err != nil {
			return aside, err
		}
		if err := s.fill(ctx, filepath.Join(dir, filepath.Base(path))); err != nil {
			return aside, err
		}
	}
	return aside, durable.SyncDir(filepath.Dir(path))
}

// setAside moves the files of a state into a new folder beside it.
func setAside(path string) (aside string, err error) {
	data, base := filepath.Dir(path), filepath.Base(path)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	aside = filepath.Join(data, "replaced-"+time.Now().UTC().Format("20060102T150405Z")+"-"+core.NewID()[:6])
	if err := os.Mkdir(aside, 0o700); err != nil {
		return "", err
	}
	archives, err := fs.Glob(os.DirFS(data), "audit-*.jsonl")
	if err != nil {
		return aside, err
	}
	names := append([]string{base, base + "-wal", base + "-shm", base + ".head"}, files...)
	for _, name := range append(names, archives...) {
		if err := os.Rename(filepath.Join(data, name), filepath.Join(aside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return aside, err
		}
	}
	return aside, nil
}
