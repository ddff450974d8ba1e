package apply

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/basewright/basewright/core"
)

// hold takes the instance for a change, against every other change of this
// process and of any other. The kernel lets go when the holder dies, however
// that happens. A second one gets a core.Conflict that names the first.
func (a *Applier) hold(instance, change string) (release func(), err error) {
	return a.lock(instance, "", change)
}

// HoldRehearsal takes the clone of a rehearsal as long as that lasts: its changes
// hold it one after the other, and between them nobody may take it for a leftover.
func (a *Applier) HoldRehearsal(clone string) (release func(), err error) {
	return a.lock(clone, ".rehearsal", "(a rehearsal)")
}

func (a *Applier) lock(instance, end, change string) (release func(), err error) {
	if !core.ValidID(instance) {
		return nil, core.Errorf(core.Invalid, "%q is not the id of an instance", instance)
	}
	if err := os.MkdirAll(a.LockDir, 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", instance, err)
	}
	f, err := os.OpenFile(filepath.Join(a.LockDir, instance+end), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", instance, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		return nil, core.Errorf(core.Conflict, "change %s is under way on %s", holder(f), instance)
	}
	if err == nil {
		err = note(f, change)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", instance, err)
	}
	return func() {
		_ = f.Truncate(0) // the lock is what counts; the name in it is for people
		_ = f.Close()
	}, nil
}

// Hold takes the instance for work that is no change but must not meet one, such
// as taking a snapshot. Whoever comes meanwhile is told what holds it.
func (a *Applier) Hold(inst core.Instance, work string) (release func(), err error) {
	return a.take(inst, "("+work+")")
}

// take holds an instance against every other change, of this data folder and of
// any other on the host.
func (a *Applier) take(inst core.Instance, change string) (release func(), err error) {
	mine, err := a.hold(inst.ID, change)
	if err != nil {
		return nil, err
	}
	folder, err := a.holdFolder(inst)
	if err != nil {
		mine()
		return nil, err
	}
	return func() { folder(); mine() }, nil
}

func note(f *os.File, change string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(change), 0)
	return err
}

// holder reads who holds the lock; who took it this instant has yet to write
// its name.
func holder(f *os.File) string {
	for range 20 {
		b := make([]byte, 256)
		n, err := f.ReadAt(b, 0)
		if name := strings.TrimSpace(string(b[:n])); name != "" && (err == nil || errors.Is(err, io.EOF)) {
			return name
		}
		time.Sleep(2 * time.Millisecond)
	}
	return "of another agent"
}

// holdFolder takes the instance itself, against agents that keep their state in
// another folder: the kernel's lock on the instance's own folder or, where that
// is on another machine, on a file of this one.
func (a *Applier) holdFolder(inst core.Instance) (release func(), err error) {
	f, err := os.Open(inst.Dir)
	if err != nil {
		key := sha256.Sum256([]byte(inst.Project + "\x00" + inst.Dir))
		name := filepath.Join(cmp.Or(a.HostDir, os.TempDir()), "basewright-"+hex.EncodeToString(key[:8])+".lock")
		if f, err = os.Open(name); err != nil {
			f, err = os.OpenFile(name, os.O_RDONLY|os.O_CREATE, 0o644)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", inst.ID, err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, &core.Error{
			Code: core.Conflict, Message: "another Basewright, which keeps its state in another folder, is changing " + inst.ID + " now",
			Hint: "use one data folder (--data, BASEWRIGHT_DATA) for a host",
		}
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", inst.ID, err)
	}
	return func() { _ = f.Close() }, nil
}
