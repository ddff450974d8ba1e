package snapshot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/basewright/basewright/core"
)

// Records in a volume's tar that are our own.
const (
	xattrRecord  = "SCHILY.xattr."
	sparseRecord = "BASEWRIGHT.sparse" // the file has holes; its zeros need not be written
	linksRecord  = "BASEWRIGHT.links"  // other entries are hard links to the file
)

// xattrPrefixes begin the extended attributes that are kept.
var xattrPrefixes = []string{"user.", "system.posix_acl_", "security.capability"}

func keptAttribute(name string) bool {
	return !strings.Contains(name, "=") && slices.ContainsFunc(xattrPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// tree is a folder being copied. No link in it is followed.
type tree struct {
	root    *os.Root
	without string           // a folder in it that is left out, relative, or ""
	linked  map[inode]string // files with several names, by the first one
	out     *tar.Writer

	entries, bytes, moved, left int64
}

type inode struct{ dev, ino uint64 }

func openTree(dir, without string) (*tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, core.Errorf(core.Unreachable, "the volume at %s cannot be read: %v", dir, err)
	}
	t := &tree{root: root, linked: map[inode]string{}}
	if without != "" && below(dir, without) {
		t.without, err = filepath.Rel(dir, without)
	}
	return t, err
}

func (t *tree) close() { t.root.Close() }

// sizeOf adds up what the files of a folder take on the disk.
func sizeOf(dir, without string) (total int64, err error) {
	t, err := openTree(dir, without)
	if err != nil {
		return 0, err
	}
	defer t.close()
	err = t.walk(".", func(_ string, fi fs.FileInfo) error {
		if s, ok := fi.Sys().(*syscall.Stat_t); ok {
			total += min(fi.Size(), s.Blocks*512) + 1024
		}
		return nil
	})
	return total, err
}

// walk visits a folder and all in it, each folder before its contents and names
// in order. What vanishes meanwhile is passed over.
func (t *tree) walk(name string, visit func(name string, fi fs.FileInfo) error) error {
	if t.without != "" && name == t.without {
		return nil
	}
	fi, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := visit(name, fi); err != nil || !fi.IsDir() {
		return err
	}
	names, err := t.list(name)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := t.walk(path.Join(name, n), visit); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) list(dir string) ([]string, error) {
	d, err := t.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// pack writes the tree as a tar.
func (t *tree) pack(ctx context.Context, w io.Writer) error {
	t.out = tar.NewWriter(w)
	err := t.walk(".", func(name string, fi fs.FileInfo) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.add(name, fi); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
		return nil
	})
	return errors.Join(err, t.out.Close())
}

func (t *tree) add(name string, fi fs.FileInfo) error {
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("this system does not tell owners")
	}
	h := &tar.Header{
		Name: name, Format: tar.FormatPAX, Mode: int64(s.Mode & 0o7777), Uid: int(s.Uid), Gid: int(s.Gid), ModTime: fi.ModTime(),
		PAXRecords: map[string]string{},
	}
	switch fi.Mode().Type() {
	case 0:
		return t.addFile(h, s)
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		if err := t.attributes(h, name); err != nil {
			return err
		}
	case fs.ModeSymlink:
		target, err := t.root.Readlink(name)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	default:
		t.left++
		return nil
	}
	t.entries++
	return t.out.WriteHeader(h)
}

// attributes reads the extended attributes of a folder.
func (t *tree) attributes(h *tar.Header, name string) error {
	d, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return readAttributes(h, d)
}

// addFile copies a regular file, or notes that it is another name of one that was
// copied. A file that shrinks meanwhile is filled with zeros and counted.
func (t *tree) addFile(h *tar.Header, s *syscall.Stat_t) error {
	id := inode{s.Dev, s.Ino}
	if first, ok := t.linked[id]; ok && s.Nlink > 1 {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		t.entries++
		return t.out.WriteHeader(h)
	}
	file, err := t.root.OpenFile(h.Name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		t.left++ // something else came in its place
		return nil
	}
	h.Typeflag, h.Size, h.ModTime = tar.TypeReg, before.Size(), before.ModTime()
	if s.Nlink > 1 {
		t.linked[id] = h.Name
		h.PAXRecords[linksRecord] = "1"
	}
	if s.Blocks*512 < before.Size() {
		h.PAXRecords[sparseRecord] = "1"
	}
	if err := readAttributes(h, file); err != nil {
		return err
	}
	t.entries++
	t.bytes += h.Size
	if err := t.out.WriteHeader(h); err != nil {
		return err
	}
	if err := copyPadded(t.out, file, h.Size); err != nil {
		return err
	}
	if after, err := file.Stat(); err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		t.moved++
	}
	return nil
}

// copyPadded copies so many bytes, zeros where there are fewer.
func copyPadded(to io.Writer, from io.Reader, size int64) error {
	n, err := io.CopyN(to, from, size)
	if errors.Is(err, io.EOF) {
		_, err = io.CopyN(to, zeros{}, size-n)
	}
	return err
}

// zeros reads as nothing but zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// readAttributes puts the extended attributes of an open file into its header.
func readAttributes(h *tar.Header, file *os.File) error {
	names := make([]byte, 64<<10)
	n, err := unix.Flistxattr(int(file.Fd()), names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list its extended attributes: %w", err)
	}
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		if !keptAttribute(name) {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Fgetxattr(int(file.Fd()), name, value)
		if err != nil {
			return fmt.Errorf("read its attribute %s: %w", name, err)
		}
		h.PAXRecords[xattrRecord+name] = string(value[:n])
	}
	return nil
}
