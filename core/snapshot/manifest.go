package snapshot

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/basewright/basewright/core"
)

// schema is the version of the manifest that this program writes.
const schema = 1

// maxUnpacked bounds what an archive may unpack to, whatever it claims.
const maxUnpacked = 4 * maxTotal

// Manifest says what a snapshot holds. It holds no secret itself.
type Manifest struct {
	Schema        int           `json:"schema"`
	ID            string        `json:"id"`
	Instance      core.Instance `json:"instance"`
	Scope         core.Scope    `json:"scope"`
	Reason        string        `json:"reason"`
	Created       time.Time     `json:"created"`
	ArchiveSize   int64         `json:"archive_size"`
	ArchiveSHA256 string        `json:"archive_sha256"`
	Files         []Entry       `json:"files"`
	Parts         []Part        `json:"parts"`
	Roles         Roles         `json:"roles"`
	Skipped       []Skipped     `json:"skipped,omitempty"`
	Seal          string        `json:"seal"` // SHA-256 over everything else in the manifest
}

// Entry is a file of the instance folder.
type Entry struct {
	Name   string `json:"name"`
	Absent bool   `json:"absent,omitempty"` // there was no such file
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	Mode   uint32 `json:"mode"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
}

// Part is a member of the archive that is no file of the instance.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Roles says whether the role passwords are in the snapshot, and if not, why.
type Roles struct {
	Kept  bool   `json:"kept"`
	Count int    `json:"count,omitempty"`
	Why   string `json:"why,omitempty"`
}

// Skipped is something that compose mounts and the snapshot leaves out.
type Skipped struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Contents is a snapshot in memory. It holds secrets.
type Contents struct {
	Manifest   Manifest
	Files      []core.File
	Roles      []Role
	Containers []byte           // what Engine.Capture gave
	State      []containerState // how the containers looked
}

func (m Manifest) seal() (string, error) {
	m.Seal = ""
	b, err := json.Marshal(m)
	return hashOf(b), err
}

func (f *Folder) writeManifest(name string, m *Manifest) (err error) {
	if m.Seal, err = m.seal(); err != nil {
		return err
	}
	return f.writeFile(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(m)
	})
}

// Verify reads a whole snapshot and checks every hash in it.
func Verify(dir string) (Manifest, error) {
	c, err := Open(dir)
	if err != nil {
		return Manifest{}, err
	}
	return c.Manifest, nil
}

// Open reads a snapshot into memory and checks every hash in it, so that a
// damaged or forged one is refused before anything is restored from it.
func Open(dir string) (*Contents, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	members, err := readArchive(filepath.Join(dir, archiveName), m)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	c := &Contents{Manifest: m, Containers: members[containersPart]}
	for _, e := range m.Files {
		c.Files = append(c.Files, core.File{
			Name: e.Name, Data: members["files/"+e.Name], Mode: fs.FileMode(e.Mode), UID: e.UID, GID: e.GID, Absent: e.Absent,
		})
	}
	if err := json.Unmarshal(members[statePart], &c.State); err != nil {
		return nil, fmt.Errorf("snapshot %s: %s is damaged", dir, statePart)
	}
	if m.Roles.Kept {
		if err := json.Unmarshal(members[rolesPart], &c.Roles); err != nil {
			return nil, fmt.Errorf("snapshot %s: %s is damaged", dir, rolesPart)
		}
	}
	return c, nil
}

func readManifest(dir string) (Manifest, error) {
	var m Manifest
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, err
	}
	var version struct{ Schema int }
	if err := json.Unmarshal(b, &version); err != nil {
		return m, core.Errorf(core.Invalid, "its manifest is damaged")
	}
	if version.Schema > schema {
		return m, core.Errorf(core.Invalid, "it was made by a newer Basewright (schema %d; this one knows %d)", version.Schema, schema)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, core.Errorf(core.Invalid, "its manifest is damaged")
	}
	if seal, err := m.seal(); err != nil || seal != m.Seal {
		return m, core.Errorf(core.Invalid, "its manifest was changed")
	}
	return m, m.check()
}

// check refuses names that leave the instance folder and sizes past the bounds.
func (m Manifest) check() error {
	var total int64
	seen := map[string]bool{}
	for _, e := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(e.Name)) || path.Clean(e.Name) != e.Name || e.Name == "." || isData(e.Name) || seen[e.Name] {
			return core.Errorf(core.Invalid, "its manifest names the file %q, which no snapshot may hold", e.Name)
		}
		if e.Size < 0 || e.Size > maxFile || e.Mode > 0o777 || e.UID < 0 || e.GID < 0 {
			return core.Errorf(core.Invalid, "its manifest gives the file %q a size, mode or owner that cannot be", e.Name)
		}
		seen[e.Name], total = true, total+e.Size
	}
	parts := map[string]bool{}
	for _, p := range m.Parts {
		if p.Size < 0 || p.Size > maxUnpacked || parts[p.Name] {
			return core.Errorf(core.Invalid, "its manifest is not one that Basewright writes")
		}
		parts[p.Name], total = true, total+p.Size
	}
	if !parts[containersPart] || !parts[statePart] || parts[rolesPart] != m.Roles.Kept || total > maxUnpacked {
		return core.Errorf(core.Invalid, "its manifest is not one that Basewright writes")
	}
	return nil
}

// expected returns size and hash of each member that the archive must have.
func (m Manifest) expected() map[string]Part {
	want := map[string]Part{}
	for _, p := range m.Parts {
		want[p.Name] = p
	}
	for _, e := range m.Files {
		if !e.Absent {
			want["files/"+e.Name] = Part{e.Name, e.Size, e.SHA256}
		}
	}
	return want
}

// readArchive unpacks the archive in memory. It holds exactly what the manifest
// says, or it is refused.
func readArchive(name string, m Manifest) (map[string][]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if n, err := io.Copy(sum, f); err != nil {
		return nil, err
	} else if n != m.ArchiveSize || hex.EncodeToString(sum.Sum(nil)) != m.ArchiveSHA256 {
		return nil, core.Errorf(core.Invalid, "its archive is damaged: %d of %d bytes, or other bytes than were written", n, m.ArchiveSize)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked+64<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	members, err := unpack(tar.NewReader(z), m.expected())
	if err != nil {
		return nil, &core.Error{Code: core.Invalid, Message: "its archive is not what the manifest says", Err: err}
	}
	return members, nil
}

func unpack(t *tar.Reader, want map[string]Part) (map[string][]byte, error) {
	members := map[string][]byte{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		p, ok := want[h.Name]
		if _, twice := members[h.Name]; !ok || twice || h.Typeflag != tar.TypeReg || h.Size != p.Size {
			return nil, fmt.Errorf("unexpected member %q", h.Name)
		}
		data := make([]byte, p.Size)
		if _, err := io.ReadFull(t, data); err != nil {
			return nil, err
		}
		if hashOf(data) != p.SHA256 {
			return nil, fmt.Errorf("member %q differs from its hash", h.Name)
		}
		members[h.Name] = data
	}
	if len(members) != len(want) {
		return nil, fmt.Errorf("%d of %d members are there", len(members), len(want))
	}
	return members, nil
}
