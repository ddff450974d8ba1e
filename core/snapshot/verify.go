package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/basewright/basewright/core"
)

// depth is how closely a snapshot is looked at.
type depth int

const (
	byName    depth = iota // its files are there and have their sizes
	byHash                 // every byte on the disk is what was written
	byContent              // and what was compressed and encrypted comes out again
)

// Verify reads a whole snapshot that is not encrypted and checks every hash.
func Verify(dir string) (Manifest, error) { return new(Folder).check(dir, byContent) }

// check looks at the snapshot in dir.
func (f *Folder) check(dir string, how depth) (Manifest, error) {
	m, err := readManifest(dir)
	if err != nil {
		return m, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	if err := f.checkParts(dir, m, how); err != nil {
		return m, fmt.Errorf("snapshot %s: %w", dir, err)
	}
	return m, nil
}

func (f *Folder) checkParts(dir string, m Manifest, how depth) error {
	if err := checkNames(dir, m); err != nil || how == byName {
		return err
	}
	if err := checkArchive(dir, m); err != nil {
		return err
	}
	for _, s := range m.Streams {
		f.tell("read "+s.File, 0, s.Size)
		if err := checkStream(dir, s); err != nil {
			return err
		}
		f.tell("read "+s.File, s.Size, s.Size)
	}
	switch {
	case m.Encrypted && how == byHash:
		return nil
	case how == byHash:
		_, err := f.readArchive(dir, m)
		return err
	}
	if _, err := f.contents(dir); err != nil {
		return err
	}
	for _, s := range m.Streams {
		f.tell("unpack "+s.File, 0, s.RawSize)
		if err := f.readStream(dir, s, m.Encrypted, f.inspector(s)); err != nil {
			return err
		}
		f.tell("unpack "+s.File, s.RawSize, s.RawSize)
	}
	return nil
}

// inspector returns what looks at the contents of a stream as they pass.
func (f *Folder) inspector(s Stream) func(io.Reader) error {
	return func(r io.Reader) error {
		switch s.Kind {
		case databaseStream:
			first := make([]byte, len(dumpMagic))
			if _, err := io.ReadFull(r, first); err != nil || string(first) != string(dumpMagic) {
				return core.Errorf(core.Invalid, "%s holds no dump of PostgreSQL", s.File)
			}
		case volumeStream:
			return checkTar(r, *s.Volume)
		}
		_, err := io.Copy(io.Discard, r)
		return err
	}
}

// checkNames looks whether the files of a snapshot are there, with their sizes.
func checkNames(dir string, m Manifest) error {
	want := map[string]int64{archiveFile(m.Encrypted): m.ArchiveSize}
	for _, s := range m.Streams {
		want[s.File] = s.Size
	}
	for name, size := range want {
		fi, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return core.Errorf(core.Invalid, "%s is missing", name)
		case err != nil:
			return err
		case !fi.Mode().IsRegular() || fi.Size() != size:
			return core.Errorf(core.Invalid, "%s is damaged: it has %d of %d bytes", name, fi.Size(), size)
		}
	}
	return nil
}

// Check looks at a snapshot that was recorded, down to level, and returns the
// proof of it. What it finds wrong is in the proof and in the error.
func (f *Folder) Check(snap core.Snapshot, level core.ProofLevel) (core.Proof, error) {
	dir, err := f.path(snap.Instance, snap.ID)
	if err != nil {
		return snap.Proof, err
	}
	how := map[core.ProofLevel]depth{core.Exists: byName, core.Readable: byContent}[level]
	if how == byContent && snap.Encrypted && len(f.Identities) == 0 {
		how = byHash
	}
	m, err := f.check(dir, how)
	if err == nil && (m.ID != snap.ID || m.Instance.ID != snap.Instance || m.identity() != snap.SHA256) {
		err = core.Errorf(core.Invalid, "snapshot %s is not the one that was recorded under that name", snap.ID)
	}
	if err != nil {
		if core.CodeOf(err) != core.Invalid && !errors.Is(err, fs.ErrNotExist) {
			return snap.Proof, err
		}
		return core.Proof{Level: core.Damaged, At: f.now(), Detail: err.Error()}, err
	}
	p := core.Proof{Level: level, At: f.now()}
	if how == byHash {
		p.Detail = "encrypted: what is on the disk is what was written; nobody looked inside"
	}
	return p, nil
}
