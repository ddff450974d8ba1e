package repairs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// layers says which walls stand between a playbook and the machine.
type layers struct {
	chrooted bool // an empty folder is the root
	dropped  bool // neither root nor a member of any group
	filtered bool // the kernel refuses every call but a short list
}

// enterJail reads all of in and then shuts everything else out, for good. It
// fails when the kernel offers no wall that holds.
func enterJail(in io.Reader) ([]byte, error) {
	request, l, err := closeDoors(in)
	if err != nil {
		return nil, err
	}
	l.filtered = filterCalls() == nil
	return request, l.enough()
}

// closeDoors is all of the jail but the call filter, which must come last since
// it forbids building the rest.
func closeDoors(in io.Reader) ([]byte, layers, error) {
	runtime.LockOSThread() // never unlocked: what is set below is per thread
	debug.SetMaxStack(64 << 20)
	l := layers{}
	if err := limitResources(); err != nil {
		return nil, l, err
	}
	request, err := io.ReadAll(io.LimitReader(in, maxRequest))
	if err != nil {
		return nil, l, fmt.Errorf("read request: %w", err)
	}
	closeInherited()
	if os.Geteuid() == 0 {
		l.chrooted = chrootNowhere() == nil
		l.dropped = becomeNobody() == nil
	}
	return request, l, dieWithParent()
}

// enough fails when neither the call filter nor the empty root holds.
func (l layers) enough() error {
	if l.filtered || l.chrooted && l.dropped {
		return nil
	}
	return errors.New("this kernel lets a playbook neither be filtered nor be locked in an empty folder")
}

// limitResources sets what the kernel lets the child use.
func limitResources() error {
	limits := map[int]uint64{
		unix.RLIMIT_CPU:    3,
		unix.RLIMIT_FSIZE:  maxReply,
		unix.RLIMIT_NOFILE: 16,
		unix.RLIMIT_CORE:   0,
	}
	if limitsMemory {
		size, err := addressSpace()
		if err != nil {
			return err
		}
		limits[unix.RLIMIT_AS] = size + maxMemory
	}
	for what, limit := range limits {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("limit resource %d: %w", what, err)
		}
	}
	return nil
}

// addressSpace returns how much the process has mapped, in bytes. The Go
// runtime reserves a great deal at its start, so a limit must count from there.
func addressSpace() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read own size: %w", err)
	}
	pages, _, _ := strings.Cut(string(b), " ")
	n, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read own size: %w", err)
	}
	return n * uint64(os.Getpagesize()), nil
}

// closeInherited closes descriptors that reached us through our parent from
// whoever started it. The Go runtime's own poller stays.
func closeInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 {
			continue
		}
		target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			_ = unix.Close(fd)
		}
	}
}

// chrootNowhere makes a folder that no longer exists the root, so that there is
// nothing to read and no place to write.
func chrootNowhere() error {
	dir, err := os.MkdirTemp("", "playbook-")
	if err != nil {
		dir, err = os.MkdirTemp("/dev/shm", "playbook-")
	}
	if err != nil {
		return err
	}
	err = os.Chdir(dir)
	if gone := os.Remove(dir); err == nil {
		err = gone
	}
	if err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}

// becomeNobody gives up root and every group, in all threads.
func becomeNobody() error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setresgid(nobody, nobody, nobody); err != nil {
		return err
	}
	return syscall.Setresuid(nobody, nobody, nobody)
}

// dieWithParent asks again for what a change of user takes away: to be killed
// when the parent ends.
func dieWithParent() error {
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}
