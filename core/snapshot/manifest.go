package snapshot

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/basewright/basewright/core"
)

// Versions of the manifest. One without data is written so that a Basewright
// which knows no other can read it.
const (
	configSchema = 1
	schema       = 2 // the newest that this program knows
)

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
	Encrypted     bool          `json:"encrypted,omitempty"`
	Postgres      int           `json:"postgres,omitempty"`    // server_version_num of the database
	Consistency   string        `json:"consistency,omitempty"` // how the data agrees with itself
	Streams       []Stream      `json:"streams,omitempty"`
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

	to []age.Recipient // whom it is encrypted for
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

// Open reads the configuration of a snapshot into memory and checks every hash
// in it, so that a damaged or forged one is refused before anything is restored
// from it.
func Open(dir string) (*Contents, error) { return new(Folder).contents(dir) }

func (f *Folder) contents(dir string) (*Contents, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	members, err := f.readArchive(dir, m)
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
	return m.checkStreams()
}

var validStream = regexp.MustCompile(`^(roles|database|volume)-[0-9]{1,5}$`)

// checkStreams refuses streams that no Basewright names so.
func (m Manifest) checkStreams() error {
	seen := map[string]bool{}
	for _, s := range m.Streams {
		stem, ok := strings.CutSuffix(s.File, s.Kind.extension(m.Encrypted))
		switch {
		case !ok || !validStream.MatchString(stem) || !strings.HasPrefix(stem, string(s.Kind)+"-") || seen[s.File]:
			return core.Errorf(core.Invalid, "its manifest names the stream %q, which is not one that Basewright writes", s.File)
		case s.Size < 0 || s.RawSize <= 0 || s.Name == "" || (s.Kind == volumeStream) != (s.Volume != nil):
			return core.Errorf(core.Invalid, "its manifest says what cannot be of the stream %q", s.File)
		}
		seen[s.File] = true
	}
	if len(m.Streams) > 0 && m.Schema < schema {
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

// checkArchive compares the file of the archive with its hash.
func checkArchive(dir string, m Manifest) error {
	err := checkStream(dir, Stream{File: archiveFile(m.Encrypted), Size: m.ArchiveSize, SHA256: m.ArchiveSHA256})
	if core.CodeOf(err) == core.Invalid {
		return core.Errorf(core.Invalid, "its archive is damaged: %v", err)
	}
	return err
}

// readArchive unpacks the archive in memory. It holds exactly what the manifest
// says, or it is refused.
func (f *Folder) readArchive(dir string, m Manifest) (map[string][]byte, error) {
	if err := checkArchive(dir, m); err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(dir, archiveFile(m.Encrypted)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	plain, err := unseal(file, m.Encrypted, f.Identities)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked+64<<20))
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
