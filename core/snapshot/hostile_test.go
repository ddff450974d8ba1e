package snapshot

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/basewright/basewright/core"
)

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
