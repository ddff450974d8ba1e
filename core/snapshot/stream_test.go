package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"

	"github.com/basewright/basewright/core"
)

// dumps is a fake whose database can be dumped.
type dumps struct {
	*fake
	gives map[string][]byte // what a command prints, by its name and database
	ends  map[string]error
	told  []string // the commands
}

func newDumps() *dumps {
	e := newFake()
	return &dumps{fake: e, ends: map[string]error{}, gives: map[string][]byte{
		"pg_dumpall postgres": []byte("CREATE ROLE anon;\nALTER ROLE anon WITH NOLOGIN PASSWORD '" + verifier(1) + "';\n"),
		"pg_dump postgres":    append([]byte("PGDMP"), bytes.Repeat([]byte("row of "+plantedSecret+"\n"), 100_000)...),
		"pg_dump _supabase":   []byte("PGDMP and little else"),
	}}
}

func (f *fake) listDatabases() string {
	var b strings.Builder
	for i, name := range []string{"_supabase", "postgres"} {
		line, _ := json.Marshal(database{Name: name, OID: int64(i + 5), Size: 7 << 20})
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func (d *dumps) Stream(_ context.Context, _ core.Service, c core.Command, _ io.Reader, out io.Writer) error {
	db := ""
	for _, kv := range c.Env {
		if v, ok := strings.CutPrefix(kv, "PGDATABASE="); ok {
			db = v
		}
	}
	key := c.Args[0] + " " + db
	d.told = append(d.told, key)
	for data := d.gives[key]; len(data) > 0; {
		n := min(len(data), 1000)
		if _, err := out.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return d.ends[key]
}

func (d *dumps) take(t testing.TB, f *Folder, r Request) (core.Snapshot, error) {
	t.Helper()
	obs, err := d.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f.TakeScope(t.Context(), d, shop, obs, r)
}

func TestDatabaseSnapshot(t *testing.T) {
	f, e := newFolder(t), newDumps()
	var steps []string
	f.Progress = func(p Progress) { steps = append(steps, fmt.Sprintf("%s %d", p.Step, p.Done)) }
	s, err := e.take(t, f, Request{Scope: core.DatabaseScope, Reason: "manual"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Verify(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Schema != schema || m.Postgres != 150008 || len(m.Streams) != 3 || s.SHA256 != m.Seal || s.Proof.Level != core.Readable {
		t.Errorf("manifest %+v, snapshot %+v", m, s)
	}
	for _, stream := range m.Streams {
		var got bytes.Buffer
		err := f.readStream(s.Path, stream, false, func(r io.Reader) error { _, err := io.Copy(&got, r); return err })
		key := map[StreamKind]string{rolesStream: "pg_dumpall postgres", databaseStream: "pg_dump " + stream.Name}[stream.Kind]
		if err != nil || !bytes.Equal(got.Bytes(), e.gives[key]) {
			t.Errorf("%s: %d bytes of %d, %v", stream.File, got.Len(), len(e.gives[key]), err)
		}
	}
	if said, _ := os.ReadFile(filepath.Join(s.Path, manifestName)); bytes.Contains(said, []byte(plantedSecret)) || bytes.Contains(said, []byte("SCRAM")) {
		t.Error("the manifest holds a secret")
	}
	if !strings.Contains(strings.Join(steps, "\n"), fmt.Sprintf("dump database postgres %d", len(e.gives["pg_dump postgres"]))) {
		t.Errorf("progress: %q", steps)
	}
}

func TestDumpThatFailsLeavesNothing(t *testing.T) {
	tests := map[string]struct {
		spoil func(f *Folder, e *dumps)
		says  string
	}{
		"pg_dump fails":                     {func(_ *Folder, e *dumps) { e.ends["pg_dump postgres"] = errors.New("exit status 1") }, "dump database postgres: exit status 1"},
		"pg_dump prints nothing and says 0": {func(_ *Folder, e *dumps) { e.gives["pg_dump _supabase"] = nil }, "gave no dump"},
		"pg_dump prints something else":     {func(_ *Folder, e *dumps) { e.gives["pg_dump _supabase"] = []byte("-- SQL") }, "gave no dump"},
		"pg_dumpall prints nothing":         {func(_ *Folder, e *dumps) { e.gives["pg_dumpall postgres"] = nil }, "empty"},
		"the database does not run":         {func(_ *Folder, e *dumps) { e.boxes[0].State = "exited" }, "is not running"},
		"it would not fit": {func(f *Folder, _ *dumps) { f.free = func(string) (uint64, error) { return 14 << 20, nil } },
			"has 14336 KiB free, a snapshot needs"},
		"the disk fills in the dump": {func(f *Folder, _ *dumps) {
			f.create = failingFile(4, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
		}, "no space left"},
		"the disk lies about the dump": {func(f *Folder, _ *dumps) {
			n := 0
			f.create = func(name string) (file, error) {
				if n++; n == 4 {
					return lyingFile(name)
				}
				return (&Folder{}).newFile(name)
			}
		}, "read back"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, e := newFolder(t), newDumps()
			tt.spoil(f, e)
			if _, err := e.take(t, f, Request{Scope: core.DatabaseScope}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("says %v, want %q", err, tt.says)
			}
			entries, _ := os.ReadDir(filepath.Join(f.Dir, "shop"))
			if len(entries) > 0 {
				t.Errorf("left %v", entries)
			}
		})
	}
}

// TestDamagedSnapshots spoils a good snapshot in every way that storage does.
func TestDamagedSnapshots(t *testing.T) {
	edit := func(name string, change func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), change(bytes.Clone(data)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	none := func([]byte) []byte { return nil }
	tests := map[string]struct {
		spoil func(t *testing.T, dir string)
		says  string
	}{
		"one bit of a dump":        {edit("database-2.dump.zst", flip), "damaged"},
		"a dump cut short":         {edit("database-2.dump.zst", cut), "damaged"},
		"a dump of no length":      {edit("database-1.dump.zst", none), "damaged"},
		"one bit of the roles":     {edit("roles-1.sql.zst", flip), "damaged"},
		"one bit of the archive":   {edit(archiveName, flip), "damaged"},
		"the archive cut short":    {edit(archiveName, cut), "damaged"},
		"one bit of the manifest":  {edit(manifestName, flip), "manifest"},
		"the manifest of length 0": {edit(manifestName, none), "manifest is damaged"},
		"a dump is missing":        {func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, "database-1.dump.zst")) }, "missing"},
		"a dump is a link": {func(_ *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "database-1.dump.zst"), filepath.Join(dir, "x"))
			os.Symlink("x", filepath.Join(dir, "database-1.dump.zst"))
		}, "damaged"},
		"a newer Basewright made it": {edit(manifestName, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"schema": 2`), []byte(`"schema": 3`), 1)
		}), "newer Basewright"},
		"two dumps changed places": {func(_ *testing.T, dir string) {
			a, b := filepath.Join(dir, "database-1.dump.zst"), filepath.Join(dir, "database-2.dump.zst")
			os.Rename(a, a+"x")
			os.Rename(b, a)
			os.Rename(a+"x", b)
		}, "damaged"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, e := newFolder(t), newDumps()
			s, err := e.take(t, f, Request{Scope: core.DatabaseScope})
			if err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, s.Path)
			p, err := f.Check(s, core.Readable)
			if err == nil || p.Level != core.Damaged || !strings.Contains(err.Error(), tt.says) || !strings.Contains(p.Detail, tt.says) {
				t.Errorf("proof %+v, error %v, want %q", p, err, tt.says)
			}
		})
	}
}

// TestReplacedSnapshot puts a sound snapshot in the place of another.
func TestReplacedSnapshot(t *testing.T) {
	f, e := newFolder(t), newDumps()
	a, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	e.gives["pg_dump postgres"] = []byte("PGDMP of somebody else")
	f.NewID = func() string { return "other" }
	b, err := e.take(t, f, Request{Scope: core.DatabaseScope})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(a.Path), os.Rename(b.Path, a.Path)); err != nil {
		t.Fatal(err)
	}
	if p, err := f.Check(a, core.Readable); err == nil || p.Level != core.Damaged {
		t.Errorf("proof %+v, %v", p, err)
	}
}

func TestEncryptedSnapshot(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	f, e := newFolder(t), newDumps()
	s, err := e.take(t, f, Request{Scope: core.DatabaseScope, Recipients: []age.Recipient{key.Recipient()}})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(s.Path, func(name string, fi os.FileInfo, err error) error {
		if err != nil || fi.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		for _, secret := range []string{plantedSecret, "SCRAM", "AGE-SECRET-KEY", key.String()} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := f.Check(s, core.Readable); err != nil || !strings.Contains(p.Detail, "nobody looked inside") {
		t.Errorf("without a key: %+v, %v", p, err)
	}
	if _, err := f.open(s, "shop"); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "is encrypted; name the file") {
		t.Errorf("opened without a key: %v", err)
	}
	f.Identities = []age.Identity{other}
	if _, err := f.open(s, "shop"); core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "not for the identity") {
		t.Errorf("opened with another key: %v", err)
	}
	f.Identities = []age.Identity{other, key}
	if p, err := f.Check(s, core.Readable); err != nil || p.Detail != "" {
		t.Errorf("with the key: %+v, %v", p, err)
	}
}
