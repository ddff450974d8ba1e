package snapshot

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestTakeKeepsConfigurationAndNothingElse(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e, "volumes/extra.conf")
	c, err := Open(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range c.Files {
		name := file.Name
		if file.Absent {
			name += " (absent)"
		}
		names = append(names, name)
	}
	want := []string{".env", ".supabase-version (absent)", "docker-compose.yml", "volumes/api/kong.yml", "volumes/extra.conf (absent)", "volumes/new.yml (absent)"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	if c.Files[0].Mode != 0o640 || c.Files[0].UID != 1000 || c.Files[0].GID != 1001 {
		t.Errorf("mode and owner: %+v", c.Files[0])
	}
	if len(c.Roles) != 4 || !c.Manifest.Roles.Kept || c.Manifest.Roles.Count != 4 {
		t.Errorf("roles %v, %+v", c.Roles, c.Manifest.Roles)
	}
	var skipped []string
	for _, k := range c.Manifest.Skipped {
		skipped = append(skipped, k.Name)
	}
	if want := []string{"/etc/other.yml", "volumes/db/data", "volumes/files", "/var/run/docker.sock"}; !reflect.DeepEqual(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
	if s.Size == 0 || s.SHA256 == "" || s.Instance != "shop" || s.Scope != core.ConfigScope {
		t.Errorf("snapshot %+v", s)
	}
}

func TestSnapshotIsPrivateAndItsManifestHoldsNoSecret(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	err := filepath.WalkDir(f.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; fi.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", name, fi.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := os.ReadFile(filepath.Join(s.Path, manifestName))
	if err != nil || bytes.Contains(m, []byte(plantedSecret)) || bytes.Contains(m, []byte("SCRAM")) {
		t.Errorf("the manifest holds a secret, or %v", err)
	}
}

func TestRolesThatCannotBeReadAreSaid(t *testing.T) {
	tests := map[string]struct {
		spoil func(e *fake)
		why   string
	}{
		"the database does not run":     {func(e *fake) { e.boxes[0].State = "exited" }, "the database was not running"},
		"the database does not answer":  {func(e *fake) { e.fail["psql"] = errors.New("psql: connection refused") }, "connection refused"},
		"there is no database in sight": {func(e *fake) { e.boxes = e.boxes[1:] }, "the database was not running"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, e := newFolder(t), newFake()
			tt.spoil(e)
			s := taken(t, f, e)
			m, err := Verify(s.Path)
			if err != nil || m.Roles.Kept || !strings.Contains(m.Roles.Why, tt.why) {
				t.Errorf("roles %+v, %v", m.Roles, err)
			}
			if err := f.Covers(s, nil, true); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("covers roles: %v", err)
			}
			if err := f.Covers(s, []string{".env"}, false); err != nil {
				t.Errorf("covers .env: %v", err)
			}
		})
	}
}

func TestTakeFailsBeforeAnythingIsLeft(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	tests := map[string]struct {
		spoil func(f *Folder, e *fake)
		says  string
	}{
		"no room":                        {func(f *Folder, _ *fake) { f.free = func(string) (uint64, error) { return 1 << 20, nil } }, "a snapshot needs"},
		"the .env cannot be read":        {func(_ *Folder, e *fake) { e.fail["read .env"] = fs.ErrPermission }, "read .env"},
		"containers cannot be captured":  {func(_ *Folder, e *fake) { e.fail["capture"] = errors.New("engine is gone") }, "engine is gone"},
		"the disk fills in the archive":  {func(f *Folder, _ *fake) { f.create = failingFile(1, full) }, "no space left"},
		"the disk fills in the manifest": {func(f *Folder, _ *fake) { f.create = failingFile(2, full) }, "no space left"},
		"the archive cannot be synced":   {func(f *Folder, _ *fake) { f.create = failingSync(syscall.EIO) }, "input/output error"},
		"the disk lies about the bytes":  {func(f *Folder, _ *fake) { f.create = lyingFile }, "read back"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, e := newFolder(t), newFake()
			tt.spoil(f, e)
			obs, _ := e.Observe(t.Context())
			_, err := f.Take(t.Context(), e, shop, obs, "manual")
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("says %v, want %q", err, tt.says)
			}
			left, _ := filepath.Glob(filepath.Join(f.Dir, "shop", "*"))
			hidden, _ := filepath.Glob(filepath.Join(f.Dir, "shop", ".*"))
			if len(left)+len(hidden) > 0 || len(e.calls) > 0 {
				t.Errorf("left %v %v, calls %v", left, hidden, e.calls)
			}
		})
	}
}

// failingFile returns a create that makes the nth file fail on its first write.
func failingFile(n int, failure error) func(string) (file, error) {
	return func(name string) (file, error) {
		n--
		w, err := (&Folder{}).newFile(name)
		if n == 0 {
			return badFile{file: w, write: failure}, err
		}
		return w, err
	}
}

func failingSync(failure error) func(string) (file, error) {
	return func(name string) (file, error) {
		w, err := (&Folder{}).newFile(name)
		return badFile{file: w, sync: failure}, err
	}
}

func lyingFile(name string) (file, error) {
	w, err := (&Folder{}).newFile(name)
	return badFile{file: w, lose: true}, err
}

type badFile struct {
	file
	write, sync error
	lose        bool
}

func (b badFile) Write(p []byte) (int, error) {
	if b.write != nil {
		return 0, b.write
	}
	if b.lose {
		p = make([]byte, len(p))
	}
	return b.file.Write(p)
}

func (b badFile) Sync() error {
	if b.sync != nil {
		return b.sync
	}
	return b.file.Sync()
}

func TestFullDiskForReal(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	f, e := newFolder(t), newFake()
	f.Dir = filepath.Join(dir, "snapshots")
	// Data that does not compress, and a check for free space that looks away.
	f.free = func(string) (uint64, error) { return 1 << 40, nil }
	noise := make([]byte, 0, 1<<20)
	for seed := uint32(1); len(noise) < 1<<20; {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		noise = append(noise, byte(seed))
	}
	e.files["volumes/api/kong.yml"] = core.File{Data: noise, Mode: 0o644}
	obs, _ := e.Observe(t.Context())
	if _, err := f.Take(t.Context(), e, shop, obs, "manual"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(f.Dir, "shop")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestFoldersOnThisMachine(t *testing.T) {
	dir := t.TempDir()
	inst := shop
	inst.Dir, inst.Files = dir, nil
	e := newFake()
	e.files = map[string]core.File{}
	put := func(name string, size int) {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
		e.files[name] = core.File{Name: name, Data: make([]byte, size), Mode: 0o644}
	}
	put(".env", 1)
	put("volumes/functions/main/index.ts", 10)
	put("volumes/big/a", 5<<20)
	put("volumes/many/many/x", 1)
	for i := range 201 {
		put("volumes/many/"+strings.Repeat("x", i+1)[:min(i+1, 100)]+time.Duration(i).String(), 1)
	}
	put("volumes/nested/db/data/base", 1)
	put("volumes/own/pg/base", 1)
	obs := &core.Observation{Host: core.HostFacts{Local: true}, Containers: []core.Container{{ID: "1", Name: "c", Mounts: []core.Mount{
		{Type: "bind", Source: filepath.Join(dir, "volumes/functions"), Target: "/f"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/big"), Target: "/b"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/many"), Target: "/m"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/nested"), Target: "/n"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/own"), Target: "/o"},
		{Type: "bind", Source: filepath.Join(dir, "volumes/own/pg"), Target: "/var/lib/postgresql/data"},
		{Type: "bind", Source: dir, Target: "/all"},
	}}}}
	f := newFolder(t)
	s, err := f.Take(t.Context(), e, inst, obs, "manual")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Files) != 3 || c.Files[2].Name != "volumes/functions/main/index.ts" || len(c.Manifest.Skipped) != 6 {
		t.Errorf("%d files, skipped %+v", len(c.Files), c.Manifest.Skipped)
	}
}

// TestAFolderWhereAFileBelongs: a plan that sets the folder aside and writes the
// file can be taken back. A folder that cannot be kept says why.
func TestAFolderWhereAFileBelongs(t *testing.T) {
	inst, e, f := shop, newFake(), newFolder(t)
	inst.Dir, inst.Files = t.TempDir(), nil
	const name, data = "volumes/logs/vector.yml", "volumes/db/data/file"
	for _, n := range []string{name, data} {
		if err := os.MkdirAll(filepath.Join(inst.Dir, n), 0o755); err != nil {
			t.Fatal(err)
		}
		e.fail["read "+n] = core.Errorf(core.Invalid, "%s is not a plain file", n)
	}
	s, err := f.Take(t.Context(), e, inst, &core.Observation{Host: core.HostFacts{Local: true}}, "manual", name, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Covers(s, []string{name}, false); err != nil {
		t.Error(err)
	}
	if err := f.Covers(s, []string{data}, false); core.CodeOf(err) != core.Conflict {
		t.Errorf("a folder of data: %v", err)
	}
	delete(e.fail, "read "+name)
	e.files[name] = core.File{Name: name, Data: []byte("sources: {}\n"), Mode: 0o644}
	if err := f.Restore(t.Context(), e, inst, s); err != nil {
		t.Fatal(err)
	}
	if _, there := e.files[name]; there {
		t.Error("the file that the plan wrote is still there")
	}
}

func TestRetainSparesTheNewestAndTheNeeded(t *testing.T) {
	f, e := newFolder(t), newFake()
	var ids []string
	for i := range 5 {
		f.Now = func() time.Time { return time.Date(2026, 11, 21, 18, i, 0, 0, time.UTC) }
		ids = append(ids, taken(t, f, e).ID)
	}
	if err := os.MkdirAll(filepath.Join(f.Dir, "shop", "notes"), 0o700); err != nil {
		t.Fatal(err)
	}
	removed, err := f.Retain("shop", 2, map[string]bool{ids[1]: true})
	if err != nil || !reflect.DeepEqual(removed, []string{ids[2], ids[0]}) {
		t.Errorf("removed %v, %v of %v", removed, err, ids)
	}
	left, _ := os.ReadDir(filepath.Join(f.Dir, "shop"))
	if len(left) != 4 {
		t.Errorf("left %v", left)
	}
	if _, err := f.Retain("../etc", 2, nil); core.CodeOf(err) != core.Invalid {
		t.Errorf("a path as an instance: %v", err)
	}
	if removed, err := f.Retain("blog", 0, nil); err != nil || removed != nil {
		t.Errorf("no snapshots: %v, %v", removed, err)
	}
}

func BenchmarkTake(b *testing.B) {
	f, e := newFolder(b), newFake()
	e.files["docker-compose.yml"] = core.File{Data: bytes.Repeat([]byte("services: x\n"), 2000), Mode: 0o644}
	for b.Loop() {
		taken(b, f, e)
	}
}
