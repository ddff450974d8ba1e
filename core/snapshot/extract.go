package snapshot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// extraction writes a volume's tar into an empty folder.
type extraction struct {
	root *os.Root
	open []*tar.Header // folders whose mode, owner and time come last
}

// extract unpacks a volume into dir, which must be empty, and waits until it is
// on the disk. Nothing is written outside of dir, whatever the tar says.
func extract(r io.Reader, v Volume, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	x := &extraction{root: root}
	err = eachEntry(r, v, func(name string, h *tar.Header, data io.Reader) error {
		if err := x.write(name, h, data); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
		return nil
	})
	if err == nil {
		err = x.closeUntil("")
	}
	if err != nil {
		return err
	}
	return syncTree(root)
}

// syncTree waits until all of the file system that root is on is on the disk.
func syncTree(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

func (x *extraction) write(name string, h *tar.Header, data io.Reader) error {
	if name != "." {
		if err := x.closeUntil(path.Dir(name)); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		x.open = append(x.open, h)
		if name == "." {
			return nil
		}
		return x.root.Mkdir(name, 0o700)
	case tar.TypeSymlink:
		if err := x.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		return x.root.Lchown(name, h.Uid, h.Gid)
	case tar.TypeLink:
		return x.root.Link(h.Linkname, name)
	}
	return x.writeFile(name, h, data)
}

func (x *extraction) writeFile(name string, h *tar.Header, data io.Reader) (err error) {
	file, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if h.PAXRecords[sparseRecord] != "" {
		err = copySparse(file, data, h.Size)
	} else {
		_, err = io.Copy(file, data)
	}
	if err != nil {
		return err
	}
	return finish(file, h)
}

// finish gives an open file or folder its owner, attributes, mode and time, in
// that order: a change of owner clears bits of the mode.
func finish(file *os.File, h *tar.Header) error {
	fd := int(file.Fd())
	if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
		return fmt.Errorf("give it its owner %d:%d: %w", h.Uid, h.Gid, err)
	}
	for k, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(k, xattrRecord)
		if !ok {
			continue
		}
		if err := unix.Fsetxattr(fd, name, []byte(value), 0); err != nil {
			return fmt.Errorf("give it its attribute %s: %w", name, err)
		}
	}
	if err := unix.Fchmod(fd, uint32(h.Mode)); err != nil {
		return err
	}
	return setTime(fd, h.ModTime)
}

// setTime sets when an open file was changed, to the nanosecond.
func setTime(fd int, at time.Time) error {
	ts := unix.NsecToTimespec(at.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), []unix.Timespec{ts, ts}, 0)
}

// closeUntil finishes the folders that the walk came out of, until dir is open.
func (x *extraction) closeUntil(dir string) error {
	for len(x.open) > 0 {
		h := x.open[len(x.open)-1]
		name := strings.TrimSuffix(h.Name, "/")
		if name == dir {
			return nil
		}
		d, err := x.root.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(finish(d, h), d.Close()); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
		x.open = x.open[:len(x.open)-1]
	}
	if dir != "" {
		return fs.ErrNotExist
	}
	return nil
}

// block is what a hole is made of.
const block = 64 << 10

// copySparse copies size bytes and leaves holes where whole blocks are zero.
func copySparse(file *os.File, r io.Reader, size int64) error {
	buf, zero := make([]byte, block), make([]byte, block)
	for at := int64(0); at < size; {
		n, err := io.ReadFull(r, buf[:min(block, size-at)])
		if err != nil {
			return err
		}
		if !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := file.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return file.Truncate(size)
}
