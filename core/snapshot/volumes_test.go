package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/basewright/basewright/core"
)

// describeTree writes down all that a copy of a folder must keep, a line per
// entry.
func describeTree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := os.Lstat(name)
		if err != nil {
			return err
		}
		s := fi.Sys().(*syscall.Stat_t)
		rel, _ := filepath.Rel(dir, name)
		fmt.Fprintf(&b, "%q %o %d:%d", rel, s.Mode, s.Uid, s.Gid)
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(name)
			fmt.Fprintf(&b, " -> %q", to)
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if o, ok := first[s.Ino]; ok {
				fmt.Fprintf(&b, " = %q", o)
			}
			first[s.Ino] = rel
			fmt.Fprintf(&b, " %d %s", s.Size, hashOf(data))
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			fmt.Fprintf(&b, " at %d", fi.ModTime().UnixNano())
			for _, a := range []string{"user.note", "system.posix_acl_access", "security.capability"} {
				value := make([]byte, 1024)
				if n, err := unix.Getxattr(name, a, value); err == nil {
					fmt.Fprintf(&b, " %s=%q", a, value[:n])
				}
			}
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fill makes a folder that is hard to copy.
func fill(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := func(n string) string { return filepath.Join(dir, n) }
	must(os.MkdirAll(name("a/b/empty"), 0o755))
	must(os.WriteFile(name("a/plain"), []byte("text"), 0o640))
	must(os.WriteFile(name("a/b/né\n\"w"), []byte("odd name"), 0o600))
	must(os.WriteFile(name("a.txt"), nil, 0o400))
	must(os.Link(name("a/plain"), name("a/z-same")))
	must(os.Symlink("/etc/passwd", name("a/outside")))
	must(os.Symlink("nowhere", name("dangling")))
	must(os.Symlink("a", name("folder-link")))
	must(syscall.Mkfifo(name("a/pipe"), 0o600))
	f, err := os.Create(name("sparse"))
	must(err)
	_, err = f.WriteAt([]byte("in the middle"), 8<<20)
	must(err)
	must(errors.Join(f.Truncate(32<<20), f.Close()))
	if err := unix.Setxattr(name("a/plain"), "user.note", []byte("kept \x00 whole"), 0); err != nil {
		t.Logf("no extended attributes here: %v", err)
	}
	_ = unix.Setxattr(name("a"), "user.note", []byte("of a folder"), 0)
	must(os.Chmod(name("a/b"), 0o2770|fs.ModeSetgid))
	if os.Geteuid() == 0 {
		must(os.Chown(name("a/plain"), 999, 998))
		must(os.Lchown(name("dangling"), 999, 998))
		must(os.Chown(name("a/b"), 999, 998))
		must(os.Chmod(name("a/b"), 0o770|fs.ModeSetgid))
	}
	at := time.Date(2020, 2, 3, 4, 5, 6, 789, time.UTC)
	must(os.Chtimes(name("a/plain"), at, at))
	must(os.Chtimes(name("a/b"), at, at))
}

func packed(t testing.TB, dir, without string) ([]byte, Volume) {
	t.Helper()
	tr, err := openTree(dir, without)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	var b bytes.Buffer
	if err := tr.pack(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), Volume{Source: dir, Entries: tr.entries, Bytes: tr.bytes, Left: tr.left, Moved: tr.moved}
}

func TestVolumeComesBackAsItWas(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	fill(t, from)
	data, v := packed(t, from, "")
	if v.Left != 1 || v.Moved != 0 {
		t.Errorf("left out %d, changed %d: only the pipe is left out", v.Left, v.Moved)
	}
	if err := extract(bytes.NewReader(data), v, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(from, "a/pipe")); err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(describeTree(t, from), "\n"), strings.Split(describeTree(t, to), "\n")
	for i := range max(len(want), len(got)) {
		// Removing the pipe touched its folder.
		if i < min(len(want), len(got)) && (want[i] == got[i] || strings.HasPrefix(want[i], `"a" `)) {
			continue
		}
		t.Errorf("line %d of %d and %d: is %v, want %v", i, len(got), len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
	}
	var s syscall.Stat_t
	if err := syscall.Stat(filepath.Join(to, "sparse"), &s); err != nil || s.Blocks*512 > 1<<20 {
		t.Errorf("the sparse file takes %d bytes, %v", s.Blocks*512, err)
	}
}

func TestVolumeWithoutAFolder(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	fill(t, from)
	data, v := packed(t, from, filepath.Join(from, "a/b"))
	if err := extract(bytes.NewReader(data), v, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, "a/b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left out came back: %v", err)
	}
	if _, err := os.Stat(filepath.Join(to, "a/plain")); err != nil {
		t.Error(err)
	}
}

func TestVolumesOfAnInstance(t *testing.T) {
	dir, named, other := t.TempDir(), t.TempDir(), t.TempDir()
	for _, d := range []string{"volumes/db/data/base", "volumes/storage/stub", "volumes/api"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "volumes/api/kong.yml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inst := shop
	inst.Dir = dir
	obs := &core.Observation{Host: core.HostFacts{Local: true}, Containers: []core.Container{
		{ID: "1", Service: core.DB, ComposeService: "db", State: "running", Mounts: []core.Mount{
			{Type: "bind", Source: filepath.Join(dir, "volumes/db/data"), Target: "/var/lib/postgresql/data"},
			{Type: "volume", Name: "shop_db-config", Source: named, Target: "/etc/postgresql-custom"},
			{Type: "bind", Source: other, Target: "/backup"},
		}},
		{ID: "2", Service: core.Storage, ComposeService: "storage", State: "running", Mounts: []core.Mount{
			{Type: "bind", Source: filepath.Join(dir, "volumes/storage"), Target: "/var/lib/storage"},
			{Type: "bind", Source: filepath.Join(dir, "volumes/storage/stub"), Target: "/stub"},
			{Type: "bind", Source: filepath.Join(dir, "volumes/api/kong.yml"), Target: "/kong.yml"},
		}},
	}}
	names := func() (held []string, m Manifest) {
		sources, err := volumeSources(inst, obs, &m)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sources {
			held = append(held, s.stream.Name)
		}
		slices.Sort(held)
		return held, m
	}
	held, m := names()
	if want := []string{"shop_db-config", "storage"}; !slices.Equal(held, want) || len(m.Skipped) != 2 || !strings.Contains(m.Consistency, "running database") {
		t.Errorf("of a running database: %v, %+v, %q", held, m.Skipped, m.Consistency)
	}
	obs.Containers[1].State = "exited"
	if _, m := names(); !strings.Contains(m.Consistency, "nothing but the database ran") {
		t.Errorf("of a database alone: %q", m.Consistency)
	}
	obs.Containers[0].State = "exited"
	held, m = names()
	if want := []string{"data", "shop_db-config", "storage"}; !slices.Equal(held, want) || !strings.Contains(m.Consistency, "stopped database") {
		t.Errorf("of a stopped database: %v, %q", held, m.Consistency)
	}
	obs.Host.Local = false
	if _, err := volumeSources(inst, obs, &m); core.CodeOf(err) != core.Unreachable {
		t.Errorf("of a remote engine: %v", err)
	}
}
