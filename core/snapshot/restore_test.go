package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

// upset changes everything that a snapshot keeps.
func upset(e *fake) {
	e.files[".env"] = core.File{Data: []byte("POSTGRES_PASSWORD=other\n"), Mode: 0o600}
	delete(e.files, "docker-compose.yml")
	e.files["volumes/new.yml"] = core.File{Data: []byte("new"), Mode: 0o644}
	v := verifier(9)
	e.roles[`we"ird`], e.roles["anon"], e.roles["postgres"] = &v, &v, nil
	e.boxes[1].ImageID, e.boxes[1].State = "sha256:new", "exited"
}

func TestRestorePutsBackWhatDiffers(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	before := newFake()
	upset(e)
	if err := f.Same(t.Context(), e, shop, s); core.CodeOf(err) != core.Conflict ||
		!strings.Contains(err.Error(), "container shop-kong, file .env, file docker-compose.yml, file volumes/new.yml, password of role anon") {
		t.Errorf("same before: %v", err)
	}
	if err := f.Restore(t.Context(), e, shop, s); err != nil {
		t.Fatal(err)
	}
	for name, want := range before.files {
		if got := e.files[name]; !sameFile(want, got) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if len(e.files) != len(before.files) || !reflect.DeepEqual(e.roles, before.roles) {
		t.Errorf("files %d, roles %v", len(e.files), e.roles)
	}
	if want := []string{"write .env", "write docker-compose.yml", "write volumes/new.yml", "psql", "recover"}; !reflect.DeepEqual(e.calls, want) {
		t.Errorf("calls %q, want %q", e.calls, want)
	}
	if err := f.Same(t.Context(), e, shop, s); err != nil {
		t.Errorf("same after: %v", err)
	}
	e.calls = nil
	if err := f.Restore(t.Context(), e, shop, s); err != nil || !reflect.DeepEqual(e.calls, []string{"recover"}) {
		t.Errorf("a second time: %q, %v", e.calls, err)
	}
}

func TestRestoreKeepsVerifiersOutOfLogs(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	upset(e)
	if err := f.Restore(t.Context(), e, shop, s); err != nil {
		t.Fatal(err)
	}
	f.Patience = 1
	e.fail["psql"] = &core.SQLError{State: "42501", Message: "near 'SCRAM-SHA-256$4096:…'"}
	if err := f.Same(t.Context(), e, shop, s); err == nil {
		t.Error("the roles could not be read, and nobody said so")
	}
	sql, err := alterations([]Role{{Name: "x", Verifier: ptr("plain text")}}, []Role{{Name: "x"}})
	if err == nil || strings.Contains(err.Error(), "plain text") {
		t.Errorf("a verifier that is none: %q, %v", sql, err)
	}
	sql, err = alterations([]Role{{Name: `a"; drop role b; --`, Verifier: ptr(verifier(1)), Login: true}, {Name: "n"}},
		[]Role{{Name: `a"; drop role b; --`}, {Name: "n", Verifier: ptr(verifier(2)), Login: true}})
	if err != nil || !strings.Contains(sql, `ALTER ROLE "a""; drop role b; --" WITH LOGIN PASSWORD 'SCRAM-SHA-256$`) ||
		!strings.Contains(sql, `ALTER ROLE "n" WITH NOLOGIN PASSWORD NULL;`) || !strings.HasPrefix(sql, "SET log_statement = 'none';") {
		t.Errorf("%s, %v", sql, err)
	}
}

func ptr[T any](v T) *T { return &v }

func TestRestoreWaitsForTheDatabase(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	upset(e)
	e.pgDown = 2
	if err := f.Restore(t.Context(), e, shop, s); err != nil {
		t.Fatal(err)
	}
	if err := f.Same(t.Context(), e, shop, s); err != nil {
		t.Error(err)
	}
}

func TestAFolderInPlaceOfAnAbsentFileStays(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	e.fail["read volumes/new.yml"] = core.Errorf(core.Invalid, "volumes/new.yml is not a plain file")
	if err := f.Restore(t.Context(), e, shop, s); err != nil || !reflect.DeepEqual(e.calls, []string{"recover"}) {
		t.Errorf("calls %q, %v", e.calls, err)
	}
	if err := f.Same(t.Context(), e, shop, s); err != nil {
		t.Error(err)
	}
}

func TestDrift(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	upset(e)
	if err := f.Mark(t.Context(), e, shop, s); err != nil {
		t.Fatal(err)
	}
	v := verifier(3)
	e.roles["made_later"] = &v
	if err := f.Drift(t.Context(), e, shop, s); err != nil {
		t.Errorf("nothing drifted: %v", err)
	}
	e.files[".env"] = core.File{Data: []byte("POSTGRES_PASSWORD=third\n"), Mode: 0o600}
	if err := f.Drift(t.Context(), e, shop, s); core.CodeOf(err) != core.Conflict || err.Error() != "file .env" {
		t.Errorf("drift: %v", err)
	}
	if _, err := Verify(s.Path); err != nil {
		t.Errorf("a marked snapshot: %v", err)
	}
}

// forge rewrites the manifest of a snapshot, seal included, as an attacker would.
func forge(t *testing.T, path string, edit func(*Manifest)) {
	t.Helper()
	m, err := readManifest(path)
	if err != nil {
		t.Fatal(err)
	}
	edit(&m)
	if m.Seal, err = m.seal(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(path, manifestName), b)
}

func overwrite(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBadSnapshotsAreRefusedBeforeAnythingIsTouched(t *testing.T) {
	archive := func(t *testing.T, path string, edit func([]byte) []byte) {
		name := filepath.Join(path, archiveName)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, name, edit(b))
	}
	tests := map[string]struct {
		spoil func(t *testing.T, s *core.Snapshot)
		says  string
	}{
		"a truncated archive": {func(t *testing.T, s *core.Snapshot) {
			archive(t, s.Path, func(b []byte) []byte { return b[:len(b)-7] })
		}, "archive is damaged"},
		"an empty archive": {func(t *testing.T, s *core.Snapshot) { archive(t, s.Path, func([]byte) []byte { return nil }) }, "archive is damaged"},
		"one flipped bit": {func(t *testing.T, s *core.Snapshot) {
			archive(t, s.Path, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, "archive is damaged"},
		"one flipped bit in the manifest": {func(t *testing.T, s *core.Snapshot) {
			name := filepath.Join(s.Path, manifestName)
			b, _ := os.ReadFile(name)
			overwrite(t, name, bytes.Replace(b, []byte(`"mode": 416`), []byte(`"mode": 417`), 1))
		}, "manifest was changed"},
		"no manifest":      {func(t *testing.T, s *core.Snapshot) { os.Remove(filepath.Join(s.Path, manifestName)) }, "no such file"},
		"a newer schema":   {func(t *testing.T, s *core.Snapshot) { forge(t, s.Path, func(m *Manifest) { m.Schema = 9 }) }, "newer Basewright"},
		"another instance": {func(t *testing.T, s *core.Snapshot) { forge(t, s.Path, func(m *Manifest) { m.Instance.ID = "blog" }) }, "of instance blog"},
		"another snapshot": {func(t *testing.T, s *core.Snapshot) { s.SHA256 = strings.Repeat("0", 64) }, "not the one that was recorded"},
		"a path as its id": {func(t *testing.T, s *core.Snapshot) { s.ID = "../../etc" }, "cannot name a snapshot"},
		"an absolute name": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files[0].Name = "/etc/x" })
		}, `names the file "/etc/x"`},
		"a name upwards": {func(t *testing.T, s *core.Snapshot) { forge(t, s.Path, func(m *Manifest) { m.Files[0].Name = "../x" }) }, `names the file "../x"`},
		"a hidden way up": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files[0].Name = "a/../../x" })
		}, "names the file"},
		"a database's file": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files[0].Name = "volumes/db/data/PG_VERSION" })
		}, "names the file"},
		"a file twice": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files[1].Name = m.Files[0].Name })
		}, "names the file"},
		"a huge file": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files[0].Size = 1 << 40 })
		}, "cannot be"},
		"another hash": {func(t *testing.T, s *core.Snapshot) { forge(t, s.Path, func(m *Manifest) { m.Files[0].SHA256 = "00" }) }, "not what the manifest says"},
		"a missing member": {func(t *testing.T, s *core.Snapshot) {
			forge(t, s.Path, func(m *Manifest) { m.Files = append(m.Files, Entry{Name: "z", SHA256: "00"}) })
		}, "members are there"},
		"a member too many": {func(t *testing.T, s *core.Snapshot) { forge(t, s.Path, func(m *Manifest) { m.Files = m.Files[1:] }) }, "unexpected member"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, e := newFolder(t), newFake()
			s := taken(t, f, e)
			tt.spoil(t, &s)
			upset(e)
			err := f.Restore(t.Context(), e, shop, s)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v, want %q", err, tt.says)
			}
			if len(e.calls) > 0 {
				t.Errorf("touched: %q", e.calls)
			}
		})
	}
}

func TestAnotherInstancesSnapshot(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	blog := shop
	blog.ID = "blog"
	if err := f.Restore(t.Context(), e, blog, s); core.CodeOf(err) != core.Invalid || len(e.calls) > 0 {
		t.Errorf("%v, %q", err, e.calls)
	}
	if inst, err := f.Instance(s); err != nil || !reflect.DeepEqual(inst, shop) {
		t.Errorf("instance %+v, %v", inst, err)
	}
}

func TestRestoreSaysWhatFailed(t *testing.T) {
	for step, says := range map[string]string{"write .env": "restore .env of shop", "recover": "restore the containers of shop"} {
		f, e := newFolder(t), newFake()
		s := taken(t, f, e)
		upset(e)
		e.fail[step] = errors.New("no")
		if err := f.Restore(t.Context(), e, shop, s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", step, err)
		}
	}
}

func TestRestoreKeepsWhatItFound(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	for _, text := range []string{"mine\n", "mine\n", "mine again\n"} {
		upset(e)
		e.files[".env"] = core.File{Data: []byte(text), Mode: 0o600}
		if err := f.Restore(t.Context(), e, shop, s); err != nil {
			t.Fatal(err)
		}
	}
	found, kept, err := f.Displaced(s)
	var got []string
	for i, file := range found {
		got = append(got, file.Name+": "+string(file.Data))
		if kept[i].Name != file.Name {
			t.Errorf("%s goes with %s", file.Name, kept[i].Name)
		}
	}
	if want := []string{".env: mine\n", ".env: mine again\n", "volumes/new.yml: new"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := Verify(s.Path); err != nil {
		t.Error(err)
	}
}

func TestRestoreOverwritesNothingThatItCannotKeep(t *testing.T) {
	f, e := newFolder(t), newFake()
	s := taken(t, f, e)
	upset(e)
	f.create = func(string) (file, error) { return nil, errors.New("the disk is full") }
	if err := f.Restore(t.Context(), e, shop, s); err == nil || !strings.Contains(err.Error(), "the disk is full") || len(e.calls) > 0 {
		t.Errorf("%q, %v", e.calls, err)
	}
}
