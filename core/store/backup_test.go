package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/basewright/basewright/core"
)

func TestBackupAndRestore(t *testing.T) {
	filesOnly(t)
	s, ctx := opened(t), t.Context()
	for range 3 {
		if err := s.Append(ctx, anEntry("a")); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "backups", "one")
	m, err := s.Backup(ctx, dir)
	if err != nil || m.Audit.Seq != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := s.Backup(ctx, dir); core.CodeOf(err) != core.Conflict {
		t.Errorf("a second of the same name: %v", err)
	}
	if err := s.Append(ctx, anEntry("after the backup")); err != nil {
		t.Fatal(err)
	}
	key := s.Key()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s.path, []byte("garbage garbage garbage"))
	aside, err := RestoreBackup(ctx, dir, s.path, "")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(aside, filepath.Base(s.path))); err != nil || string(b) != "garbage garbage garbage" {
		t.Errorf("what was there is kept: %q, %v", b, err)
	}
	again, err := Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if head, err := again.Verify(ctx); err != nil || head != m.Audit {
		t.Errorf("%+v, %v", head, err)
	}
	if string(again.Key()) != string(key) {
		t.Error("the fingerprint key is another one")
	}
}

func TestASpoiledBackupIsRefused(t *testing.T) {
	filesOnly(t)
	ctx := t.Context()
	tests := map[string]func(t *testing.T, dir, db string){
		"one bit of the database": func(t *testing.T, _, db string) {
			b, err := os.ReadFile(db)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)-10] ^= 1
			rewrite(t, db, b)
		},
		"its end is missing": func(t *testing.T, _, db string) {
			if err := os.Truncate(db, 4096); err != nil {
				t.Fatal(err)
			}
		},
		"a file is missing":  func(t *testing.T, dir, _ string) { remove(t, filepath.Join(dir, "key")) },
		"it is not a backup": func(t *testing.T, dir, _ string) { remove(t, filepath.Join(dir, manifestName)) },
		"a manifest that lies": func(t *testing.T, dir, _ string) {
			rewrite(t, filepath.Join(dir, manifestName), []byte(`{"files":{"../../x.db":""}}`))
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			s := opened(t)
			if err := s.Append(ctx, anEntry("a")); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "b")
			if _, err := s.Backup(ctx, dir); err != nil {
				t.Fatal(err)
			}
			spoil(t, dir, filepath.Join(dir, filepath.Base(s.path)))
			before, err := os.ReadFile(s.path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := RestoreBackup(ctx, dir, s.path, ""); core.CodeOf(err) != core.Invalid {
				t.Errorf("restored: %v", err)
			}
			if after, err := os.ReadFile(s.path); err != nil || string(after) != string(before) {
				t.Errorf("the state was touched: %v", err)
			}
		})
	}
}

func rewrite(t *testing.T, path string, b []byte) {
	t.Helper()
	remove(t, path)
	mustWrite(t, path, b)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
