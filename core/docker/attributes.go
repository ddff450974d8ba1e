package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxAttribute is the most that Linux lets the names of a file's extended
// attributes have, and the value of one.
const maxAttribute = 64 << 10

// keepAttributes gives w the extended attributes of the file that it is to
// replace: access control lists, labels, and what people note. What w has of its
// folder's defaults and the old file has not goes. A file that is new keeps those.
func keepAttributes(root *os.Root, name string, w *os.File) error {
	old, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	kept, err := attributesOf(old)
	if err != nil {
		return err
	}
	given, err := attributesOf(w)
	if err != nil {
		return err
	}
	for _, a := range kept {
		value := make([]byte, maxAttribute)
		n, err := unix.Fgetxattr(int(old.Fd()), a, value)
		if err == nil {
			err = unix.Fsetxattr(int(w.Fd()), a, value[:n], 0)
		}
		if err != nil && !ofTheSystem(a, err) {
			return fmt.Errorf("keep its attribute %s: %w", a, err)
		}
	}
	for _, a := range given {
		if slices.Contains(kept, a) {
			continue
		}
		if err := unix.Fremovexattr(int(w.Fd()), a); err != nil && !ofTheSystem(a, err) {
			return fmt.Errorf("take away the attribute %s of its folder: %w", a, err)
		}
	}
	return nil
}

// ofTheSystem reports whether the kernel keeps an attribute for itself, as it
// does with labels of a security module: it gives them to new files by its rules.
func ofTheSystem(name string, err error) bool {
	own := !strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "system.posix_acl_")
	return own && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP))
}

// attributesOf lists the names of the extended attributes of an open file; on a
// file system that knows none there are none.
func attributesOf(f *os.File) ([]string, error) {
	names := make([]byte, maxAttribute)
	n, err := unix.Flistxattr(int(f.Fd()), names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list its extended attributes: %w", err)
	}
	return strings.FieldsFunc(string(names[:n]), func(r rune) bool { return r == 0 }), nil
}
