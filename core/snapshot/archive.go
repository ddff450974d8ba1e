package snapshot

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// archiveFile names the archive of the configuration.
func archiveFile(encrypted bool) string {
	if encrypted {
		return archiveName + ".age"
	}
	return archiveName
}

const (
	archiveName  = "archive.tar.zst"
	manifestName = "manifest.json"
	leftName     = "left.json"

	// Members of the archive beside files/<name>.
	containersPart = "containers"
	rolesPart      = "roles.json"
	statePart      = "state.json"
)

// file is a new file on the disk.
type file interface {
	io.WriteCloser
	Sync() error
}

func (f *Folder) newFile(name string) (file, error) {
	if f.create != nil {
		return f.create(name)
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// writeFile writes a new file and waits until it is on the disk.
func (f *Folder) writeFile(name string, write func(io.Writer) error) error {
	w, err := f.newFile(name)
	if err != nil {
		return err
	}
	err = write(w)
	if err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}

// member is one entry of the archive.
type member struct {
	name string
	data []byte
	head tar.Header
}

// members lists what goes into the archive, in order, and enters it in the
// manifest.
func (c *Contents) members() ([]member, error) {
	var all []member
	c.Manifest.Parts, c.Manifest.Files = nil, nil
	part := func(name string, data []byte) {
		c.Manifest.Parts = append(c.Manifest.Parts, Part{name, int64(len(data)), hashOf(data)})
		all = append(all, member{name: name, data: data, head: tar.Header{Mode: 0o600}})
	}
	part(containersPart, c.Containers)
	state, err := json.Marshal(c.State)
	if err != nil {
		return nil, err
	}
	part(statePart, state)
	if c.Manifest.Roles.Kept {
		roles, err := json.Marshal(c.Roles)
		if err != nil {
			return nil, err
		}
		part(rolesPart, roles)
	}
	for _, f := range c.Files {
		e := Entry{Name: f.Name, Absent: f.Absent}
		if !f.Absent {
			e.Size, e.SHA256, e.Mode, e.UID, e.GID = int64(len(f.Data)), hashOf(f.Data), uint32(f.Mode.Perm()), f.UID, f.GID
			all = append(all, member{"files/" + f.Name, f.Data, tar.Header{Mode: int64(e.Mode), Uid: f.UID, Gid: f.GID}})
		}
		c.Manifest.Files = append(c.Manifest.Files, e)
	}
	return all, nil
}

// writeArchive writes the archive and enters its hash in the manifest.
func (f *Folder) writeArchive(name string, c *Contents) error {
	members, err := c.members()
	if err != nil {
		return err
	}
	sum := sha256.New()
	size := &counter{}
	err = f.writeFile(name, func(w io.Writer) error {
		sealed, err := seal(io.MultiWriter(w, sum, size), c.to)
		if err != nil {
			return err
		}
		z, err := zstd.NewWriter(sealed, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		t := tar.NewWriter(z)
		for _, m := range members {
			h := m.head
			h.Typeflag, h.Name, h.Size, h.ModTime, h.Format = tar.TypeReg, m.name, int64(len(m.data)), c.Manifest.Created, tar.FormatPAX
			if err := t.WriteHeader(&h); err != nil {
				return errors.Join(err, z.Close())
			}
			if _, err := t.Write(m.data); err != nil {
				return errors.Join(err, z.Close())
			}
		}
		return errors.Join(t.Close(), z.Close(), sealed.Close())
	})
	c.Manifest.ArchiveSize, c.Manifest.ArchiveSHA256 = size.n, hex.EncodeToString(sum.Sum(nil))
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
