package docker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// folderEngine is an engine over a folder; files need no Docker.
func folderEngine(t *testing.T) (*Engine, string) {
	dir := t.TempDir()
	return engineOver(dir), dir
}

func engineOver(dir string) *Engine {
	return (&Host{end: endpoint{host: "unix:///none"}}).Open(core.Instance{Project: "p", Dir: dir})
}

// TestFilesOfAnotherMachine has a folder here of the name that the instance has
// on the engine's machine.
func TestFilesOfAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".env"), "A=here\n")
	for _, host := range []string{"ssh://root@far", "tcp://10.0.0.1:2376"} {
		e := (&Host{end: endpoint{host: host}}).Open(core.Instance{Project: "p", Dir: dir})
		if f, err := e.ReadFile(t.Context(), ".env"); core.CodeOf(err) != core.Unreachable || len(f.Data) > 0 {
			t.Errorf("%s: read %q, %v", host, f.Data, err)
		}
		if err := e.WriteFile(t.Context(), core.File{Name: ".env", Data: []byte("x"), Mode: 0o600}); core.CodeOf(err) != core.Unreachable {
			t.Errorf("%s: wrote, %v", host, err)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, ".env")); string(data) != "A=here\n" {
		t.Errorf("the folder here holds %q", data)
	}
}

func TestOnlyPlainFilesInside(t *testing.T) {
	e, dir := folderEngine(t)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	for name, make := range map[string]func(path string) error{
		"a link out":         func(p string) error { return os.Symlink(filepath.Join(outside, "secret"), p) },
		"a link upwards":     func(p string) error { return os.Symlink("../"+filepath.Base(outside)+"/secret", p) },
		"a link to a folder": func(p string) error { return os.Symlink(outside, p) },
		"a pipe":             func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a folder":           func(p string) error { return os.Mkdir(p, 0o755) },
		"a link to itself":   func(p string) error { return os.Symlink(filepath.Base(p), p) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := make(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			done := time.AfterFunc(5*time.Second, func() { panic("it blocks") })
			defer done.Stop()
			f, err := e.ReadFile(t.Context(), name)
			if err == nil || len(f.Data) > 0 {
				t.Fatalf("read %q, %v", f.Data, err)
			}
			if err := e.WriteFile(t.Context(), core.File{Name: name, Data: []byte("x"), Mode: 0o600}); err == nil {
				t.Fatal("it was written")
			}
		})
	}
	if _, err := e.ReadFile(t.Context(), "a link to a folder/secret"); core.CodeOf(err) != core.Invalid {
		t.Fatalf("err = %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(outside, "secret")); string(data) != "secret" {
		t.Fatalf("outside is %q", data)
	}
}

func TestDevicesAreNotRead(t *testing.T) {
	e := engineOver("/dev")
	if _, err := e.ReadFile(t.Context(), "zero"); core.CodeOf(err) != core.Invalid {
		t.Fatalf("err = %v", err)
	}
}

func TestLargeFilesAreRefused(t *testing.T) {
	e, dir := folderEngine(t)
	write(t, filepath.Join(dir, "big"), strings.Repeat("x", maxFile))
	if f, err := e.ReadFile(t.Context(), "big"); err != nil || len(f.Data) != maxFile {
		t.Fatalf("%d bytes, %v", len(f.Data), err)
	}
	write(t, filepath.Join(dir, "bigger"), strings.Repeat("x", maxFile+1))
	if _, err := e.ReadFile(t.Context(), "bigger"); core.CodeOf(err) != core.Invalid {
		t.Fatalf("err = %v", err)
	}
}

func TestWritingThroughALinkInside(t *testing.T) {
	e, dir := folderEngine(t)
	write(t, filepath.Join(dir, "env/prod"), "old")
	if err := os.Symlink("env/prod", filepath.Join(dir, ".env")); err != nil {
		t.Fatal(err)
	}
	if err := e.WriteFile(t.Context(), core.File{Name: ".env", Data: []byte("new"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, ".env"))
	data, _ := os.ReadFile(filepath.Join(dir, "env/prod"))
	if err != nil || info.Mode()&fs.ModeSymlink == 0 || string(data) != "new" {
		t.Fatalf("%v, %v, %q", info, err, data)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*", ".basewright-*"))
	if len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestMissingFolderIsNoMissingFile(t *testing.T) {
	e := engineOver("/no/such/folder")
	_, err := e.ReadFile(t.Context(), ".env")
	if core.CodeOf(err) != core.Unreachable || errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("err = %v", err)
	}
}
