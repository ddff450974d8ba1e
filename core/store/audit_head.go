package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/basewright/basewright/core"
)

// headSize is how long the head file always is. It is written over in place:
// within one sector a disk writes all or nothing, so it need not be waited for.
const headSize = 256

func (s *Store) headPath() string { return s.path + ".head" }

func (s *Store) readHead() (Head, error) {
	var h Head
	f, err := os.Open(s.headPath())
	if err != nil {
		return h, fmt.Errorf("read the end of the audit log: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		return h, fmt.Errorf("read the end of the audit log: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4*headSize))
	if err != nil {
		return h, fmt.Errorf("read the end of the audit log: %w", err)
	}
	if err := json.Unmarshal(b, &h); err != nil {
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
	f, err := os.OpenFile(s.headPath(), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return s.firstHead(b)
	}
	if err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err = errors.Join(err, f.Truncate(headSize), f.Close()); err != nil {
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	return nil
}

// firstHead makes the file, whole or not at all.
func (s *Store) firstHead(b []byte) error {
	temp := s.headPath() + "." + core.NewID()
	err := writeFile(temp, b)
	if err == nil {
		err = os.Rename(temp, s.headPath())
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("write the end of the audit log: %w", err)
	}
	return nil
}
