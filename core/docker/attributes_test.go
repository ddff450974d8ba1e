package docker

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/basewright/basewright/core"
)

// list is an access control list as Linux keeps it: user 7 may read, too.
func list() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 4, 7}, {4, 0, ^uint32(0)}, {16, 4, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

// attribute returns a file's extended attribute, or "".
func attribute(t *testing.T, file, name string) string {
	t.Helper()
	value := make([]byte, 1024)
	n, err := unix.Getxattr(file, name, value)
	if errors.Is(err, unix.ENODATA) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(value[:n])
}

// TestWritingKeepsAttributes: whom a list lets read a file may read it after a
// change of it, and nobody else.
func TestWritingKeepsAttributes(t *testing.T) {
	e, dir := folderEngine(t)
	env, other := filepath.Join(dir, ".env"), filepath.Join(dir, "other")
	write(t, env, "A=1\n")
	write(t, other, "x")
	const note, acl = "user.note", "system.posix_acl_access"
	for name, value := range map[string][]byte{note: []byte("kept \x00 whole"), acl: list()} {
		if err := unix.Setxattr(env, name, value, 0); errors.Is(err, unix.ENOTSUP) {
			t.Skip("this file system keeps no extended attributes")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(env)
	if err != nil {
		t.Fatal(err)
	}
	// From now on files that are new in the folder get a list.
	if err := unix.Setxattr(dir, "system.posix_acl_default", list(), 0); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{".env": info.Mode(), "other": 0o600, "new": 0o640} {
		if err := e.WriteFile(t.Context(), core.File{Name: name, Data: []byte("A=2\n"), Mode: mode, UID: os.Getuid(), GID: os.Getgid()}); err != nil {
			t.Fatal(err)
		}
	}
	if attribute(t, env, note) != "kept \x00 whole" || attribute(t, env, acl) != string(list()) {
		t.Errorf(".env has the note %q and the list %q", attribute(t, env, note), attribute(t, env, acl))
	}
	if l := attribute(t, other, acl); l != "" {
		t.Errorf("a file without a list has got one: %q", l)
	}
	if attribute(t, filepath.Join(dir, "new"), acl) == "" {
		t.Error("a new file has not the list that its folder gives")
	}
	if now, err := os.Stat(env); err != nil || now.Mode() != info.Mode() {
		t.Errorf("the mode is %v, %v", now.Mode(), err)
	}
}
