package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const tempPrefix = ".tmp-"

// sweep removes what agents that were killed left behind: their locks are free.
func (f *Folder) sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := filepath.Join(parent, e.Name())
		fi, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), ".") || !e.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(name, haltName)); err == nil {
			continue // its database is to be started first
		}
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if release, err := lock(name); err == nil {
				_ = os.RemoveAll(name)
				release()
			}
		} else if time.Since(fi.ModTime()) > stale {
			_ = os.RemoveAll(name)
		}
	}
}

// lock takes a file or folder for this program; the kernel lets go when it dies.
func lock(name string) (release func(), err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() { file.Close() }, nil
}
