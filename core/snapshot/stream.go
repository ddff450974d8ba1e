package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/basewright/basewright/core"
)

// StreamKind says what a stream holds.
type StreamKind string

const (
	rolesStream    StreamKind = "roles"    // SQL of pg_dumpall --roles-only
	databaseStream StreamKind = "database" // pg_dump's custom format
	volumeStream   StreamKind = "volume"   // tar
)

// Stream is a file beside the archive, of any size: written and read piece by
// piece, never held in memory.
type Stream struct {
	File   string     `json:"file"` // its name in the snapshot's folder
	Kind   StreamKind `json:"kind"`
	Name   string     `json:"name"`   // the database, or the volume
	Size   int64      `json:"size"`   // on the disk
	SHA256 string     `json:"sha256"` // of what is on the disk
	// What it was before compression and encryption.
	RawSize   int64  `json:"raw_size"`
	RawSHA256 string `json:"raw_sha256"`
	// Of a volume.
	Volume *Volume `json:"volume,omitempty"`
}

// extension is what the name of a stream's file ends with.
func (k StreamKind) extension(encrypted bool) string {
	ext := map[StreamKind]string{rolesStream: ".sql.zst", databaseStream: ".dump.zst", volumeStream: ".tar.zst"}[k]
	if encrypted {
		ext += ".age"
	}
	return ext
}

// maxWindow bounds the memory of reading a stream, whatever its file claims.
const maxWindow = 64 << 20

// meter counts and hashes what passes.
type meter struct {
	sum hash.Hash
	n   int64
}

func newMeter() *meter { return &meter{sum: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.sum.Write(p)
}

func (m *meter) hex() string { return hex.EncodeToString(m.sum.Sum(nil)) }

// writeStream writes what fill gives as a stream in dir: hashed, compressed,
// encrypted when there are recipients, hashed again. An empty one is an error.
func (f *Folder) writeStream(dir string, s *Stream, to []age.Recipient, fill func(io.Writer) error) error {
	raw, disk := newMeter(), newMeter()
	err := f.writeFile(filepath.Join(dir, s.File), func(w io.Writer) error {
		buffered := bufio.NewWriterSize(io.MultiWriter(w, disk), 1<<20)
		sealed, err := seal(buffered, to)
		if err != nil {
			return err
		}
		z, err := zstd.NewWriter(sealed, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(4<<20))
		if err != nil {
			return err
		}
		if err := fill(io.MultiWriter(z, raw)); err != nil {
			return errors.Join(err, z.Close())
		}
		if err := z.Close(); err != nil {
			return err
		}
		if err := sealed.Close(); err != nil {
			return err
		}
		return buffered.Flush()
	})
	if err != nil {
		return err
	}
	s.Size, s.SHA256, s.RawSize, s.RawSHA256 = disk.n, disk.hex(), raw.n, raw.hex()
	if raw.n == 0 {
		return errors.New("it came out empty")
	}
	return nil
}

// seal encrypts to the recipients, or does not when there are none.
func seal(w io.Writer, to []age.Recipient) (io.WriteCloser, error) {
	if len(to) == 0 {
		return nothingToClose{w}, nil
	}
	return age.Encrypt(w, to...)
}

type nothingToClose struct{ io.Writer }

func (nothingToClose) Close() error { return nil }

// unseal is seal's inverse.
func unseal(r io.Reader, encrypted bool, keys []age.Identity) (io.Reader, error) {
	if !encrypted {
		return r, nil
	}
	if len(keys) == 0 {
		return nil, &core.Error{Code: core.Invalid, Message: "the snapshot is encrypted", Hint: "name the file with its age identity"}
	}
	out, err := age.Decrypt(r, keys...)
	if noKey := new(age.NoIdentityMatchError); errors.As(err, &noKey) {
		return nil, core.Errorf(core.Invalid, "the snapshot is encrypted, and not for the identity that was given")
	}
	if err != nil {
		return nil, core.Errorf(core.Invalid, "its encryption is damaged: %v", err)
	}
	return out, nil
}

// readStream gives the contents of a stream to use, as they were before
// compression. What use got is only right if readStream returns nil.
func (f *Folder) readStream(dir string, s Stream, encrypted bool, use func(io.Reader) error) error {
	file, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := unseal(bufio.NewReaderSize(file, 1<<20), encrypted, f.Identities)
	if err != nil {
		return err
	}
	z, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	raw := newMeter()
	r := io.TeeReader(io.LimitReader(z, s.RawSize+1), raw)
	if err := use(r); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return core.Errorf(core.Invalid, "%s is damaged: %v", s.File, err)
	}
	if raw.n != s.RawSize || raw.hex() != s.RawSHA256 {
		return core.Errorf(core.Invalid, "%s is damaged: its contents are not what was written", s.File)
	}
	return nil
}

// checkStream reads a stream's file and compares it with its hash.
func checkStream(dir string, s Stream) error {
	file, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return err
	}
	defer file.Close()
	disk := newMeter()
	if _, err := io.Copy(disk, file); err != nil {
		return fmt.Errorf("read %s: %w", s.File, err)
	}
	if disk.n != s.Size || disk.hex() != s.SHA256 {
		return core.Errorf(core.Invalid, "%s is damaged: %d of %d bytes, or other bytes than were written", s.File, disk.n, s.Size)
	}
	return nil
}
