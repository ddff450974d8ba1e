// Package durable writes files that outlast a power cut: what a function here has
// returned from is on the disk, under its name.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/basewright/basewright/core"
)

// WriteNew writes a file that is not there yet, with the mode as it is given,
// whatever the umask says. What cannot be written whole is removed. Its name lasts
// after a SyncDir of its folder.
func WriteNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = f.Chmod(mode)
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Replace makes data all that the file at path holds, for this user only: whatever
// happens, it is the old text or the new one.
func Replace(path string, data []byte) error {
	temp := path + "." + core.NewID()
	if err := WriteNew(temp, data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir waits until what was made, renamed and removed in a folder is so on the
// disk.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
