package snapshot

import (
	"archive/tar"
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

// entry is one header of a hostile tar.
func entry(kind byte, name, link, data string, records ...string) member {
	h := tar.Header{Typeflag: kind, Name: name, Linkname: link, Size: int64(len(data)), Mode: 0o644, PAXRecords: map[string]string{}}
	for _, r := range records {
		k, v, _ := strings.Cut(r, "=")
		h.PAXRecords[k] = v
	}
	return member{name: name, data: []byte(data), head: h}
}

func TestHostileVolumesAreRefusedBeforeAnythingIsWritten(t *testing.T) {
	top := entry(tar.TypeDir, "./", "", "")
	many := []member{top}
	for i := range 1000 {
		many = append(many, entry(tar.TypeReg, fmt.Sprintf("f%04d", i), "", ""))
	}
	tests := map[string]struct {
		members []member
		volume  Volume // zero: what the members come to
		says    string
	}{
		"a name that climbs out":               {[]member{top, entry(tar.TypeReg, "../evil", "", "x")}, Volume{}, "leads out"},
		"a name that climbs out from inside":   {[]member{top, entry(tar.TypeReg, "a/../../evil", "", "x")}, Volume{}, "leads out"},
		"an absolute name":                     {[]member{top, entry(tar.TypeReg, "/etc/evil", "", "x")}, Volume{}, "leads out"},
		"a file through a link of the tar":     {[]member{top, entry(tar.TypeSymlink, "a", "/etc", ""), entry(tar.TypeReg, "a/evil", "", "x")}, Volume{}, "does not lie in a folder"},
		"a folder over a link of the tar":      {[]member{top, entry(tar.TypeSymlink, "a", "/etc", ""), entry(tar.TypeDir, "a/", "", "")}, Volume{}, "twice"},
		"a file in a folder that is not there": {[]member{top, entry(tar.TypeReg, "a/b", "", "x")}, Volume{}, "does not lie in a folder"},
		"a hard link to a file of the host":    {[]member{top, entry(tar.TypeLink, "a", "/etc/shadow", "")}, Volume{}, "hard link to what is not"},
		"a hard link that climbs out":          {[]member{top, entry(tar.TypeLink, "a", "../../etc/shadow", "")}, Volume{}, "hard link to what is not"},
		"a hard link to a symlink":             {[]member{top, entry(tar.TypeSymlink, "a", "/etc/shadow", ""), entry(tar.TypeLink, "b", "a", "")}, Volume{}, "hard link to what is not"},
		"a device":                             {[]member{top, entry(tar.TypeBlock, "sda", "", "")}, Volume{}, "neither a file"},
		"a character device":                   {[]member{top, entry(tar.TypeChar, "mem", "", "")}, Volume{}, "neither a file"},
		"a pipe":                               {[]member{top, entry(tar.TypeFifo, "p", "", "")}, Volume{}, "neither a file"},
		"the same name twice":                  {[]member{top, entry(tar.TypeReg, "a", "", "x"), entry(tar.TypeReg, "a", "", "y")}, Volume{}, "twice"},
		"names out of order":                   {[]member{top, entry(tar.TypeReg, "b", "", "x"), entry(tar.TypeReg, "a", "", "y")}, Volume{}, "out of order"},
		"no folder of its own":                 {[]member{entry(tar.TypeReg, "a", "", "x")}, Volume{}, "begins with its own folder"},
		"a setuid bit beyond modes":            {[]member{top, {name: "a", head: tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o200000}}}, Volume{}, "owner or mode"},
		"more entries than it says":            {many, Volume{Entries: 10, Bytes: 0}, "more entries"},
		"fewer entries than it says":           {many[:5], Volume{Entries: 10, Bytes: 0}, "5 of 10 entries"},
		"more bytes than it says":              {[]member{top, entry(tar.TypeReg, "a", "", strings.Repeat("0", 1000))}, Volume{Entries: 2, Bytes: 10}, "larger than"},
		"an attribute that no snapshot keeps":  {[]member{top, entry(tar.TypeReg, "a", "", "x", "SCHILY.xattr.trusted.overlay.opaque=y")}, Volume{}, "not one that a snapshot keeps"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := tt.volume
			if v.Entries == 0 {
				v.Entries = int64(len(tt.members))
				for _, m := range tt.members {
					v.Bytes += int64(len(m.data))
				}
			}
			data := tarOf(t, tt.members)
			into := t.TempDir()
			err := extract(bytes.NewReader(data), v, into)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("says %v, want %q", err, tt.says)
			}
			if _, err := os.Lstat("/etc/evil"); err == nil {
				t.Error("a file was written outside")
			}
			if err := checkTar(bytes.NewReader(data), v); core.CodeOf(err) != core.Invalid {
				t.Errorf("a look at it before says %v", err)
			}
		})
	}
}

func tarOf(t testing.TB, members []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.head
		h.Format = tar.FormatPAX
		if h.Mode > 0o7777 {
			h.Format = tar.FormatGNU
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSparseBombIsRefused packs a file that claims to be huge in a few bytes.
func TestSparseBombIsRefused(t *testing.T) {
	v := Volume{Entries: 2, Bytes: 1 << 40}
	data := tarOf(t, []member{entry(tar.TypeDir, "./", "", ""), entry(tar.TypeReg, "bomb", "", "0\n", "GNU.sparse.major=1")})
	if err := checkTar(bytes.NewReader(data), v); err == nil {
		t.Error("a sparse entry of another packer passes")
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
