package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/durable"
)

// headSize is how long the head file always is. It is written over in place:
// within one sector a disk writes all or nothing, so it need not be waited for.
const headSize = 256

func (s *Store) headPath() string { return s.path + ".head" }

// openHead opens the file and waits for a program that writes it. It goes past
// os.Open, which prepares every file for waiting; that costs more than these few
// bytes do.
func (s *Store) openHead(mode, lock int) (fd int, err error) {
	for {
		if fd, err = syscall.Open(s.headPath(), mode|syscall.O_CLOEXEC, 0); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return -1, err
	}
	for {
		if err = syscall.Flock(fd, lock); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return -1, errors.Join(err, syscall.Close(fd))
	}
	return fd, nil
}

func (s *Store) readHead() (Head, error) {
	var h Head
	fd, err := s.openHead(syscall.O_RDONLY, syscall.LOCK_SH)
	if err != nil {
		return h, fmt.Errorf("read the end of the audit log: %w", err)
	}
	b := make([]byte, 4*headSize)
	n, err := syscall.Pread(fd, b, 0)
	if err = errors.Join(err, syscall.Close(fd)); err != nil {
		return h, fmt.Errorf("read the end of the audit log: %w", err)
	}
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return h, core.Errorf(core.Conflict, "the file %s with the end of the audit log is damaged", s.headPath())
	}
	return h, nil
}

// writeHead writes the end of the audit log beside the database. When the power
// goes, the file may be behind the log, which the next start mends.
func (s *Store) writeHead(h Head) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	b = append(b, bytes.Repeat([]byte{' '}, headSize-1-len(b))...)
	b = append(b, '\n')
	fd, err := s.openHead(syscall.O_WRONLY, syscall.LOCK_EX)
	if errors.Is(err, fs.ErrNotExist) {
		return s.firstHead(b)
	}
	if err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	if err = errors.Join(overwrite(fd, b), syscall.Close(fd)); err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	return nil
}

// overwrite makes b all that a file holds. That it has the right length already
// is asked, since to set it costs more.
func overwrite(fd int, b []byte) error {
	var info syscall.Stat_t
	n, err := syscall.Pwrite(fd, b, 0)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = syscall.Fstat(fd, &info)
	}
	if err == nil && info.Size != int64(len(b)) {
		err = syscall.Ftruncate(fd, int64(len(b)))
	}
	return err
}

// firstHead makes the file, whole or not at all.
func (s *Store) firstHead(b []byte) error {
	if err := durable.Replace(s.headPath(), b); err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	return nil
}
