package repairs

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allowedCalls is every call that a Go program needs to compute and to answer
// on descriptors that are open. There is none that opens, connects, runs,
// forks, or reaches another process.
var allowedCalls = append([]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE, unix.SYS_FCNTL,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_MEMBARRIER,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_RESTART_SYSCALL,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
	unix.SYS_GETRANDOM, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}, moreAllowedCalls...)

// Offsets in struct seccomp_data.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArg0 = 16 // its lower half, on a little-endian machine
)

const (
	allow   = unix.SECCOMP_RET_ALLOW
	refuse  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// filterCalls makes the kernel refuse every call outside the list, in all
// threads and for good.
func filterCalls() error {
	if auditArch == 0 {
		return errors.New("no call filter for this architecture")
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	program := filter(uint32(os.Getpid()))
	head := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&head)))
	if errno != 0 {
		return fmt.Errorf("filter calls: %w", errno)
	}
	if thread != 0 {
		return fmt.Errorf("filter calls: thread %d did not follow", thread)
	}
	return nil
}

// filter returns the program: new threads yes, new processes no; signals to
// itself only. The C library falls back from clone3, whose flags a filter
// cannot see, to clone when it is told that clone3 is unknown.
func filter(self uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	end := func(verdict uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
	}
	skipUnless := func(test uint16, k uint32, n uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jf: n}
	}
	program := []unix.SockFilter{
		load(offsetArch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: auditArch, Jt: 1}, end(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetCall),
		skipUnless(unix.BPF_JEQ, unix.SYS_CLONE3, 1), end(unknown),
		skipUnless(unix.BPF_JEQ, unix.SYS_CLONE, 4),
		load(offsetArg0), skipUnless(unix.BPF_JSET, unix.CLONE_THREAD, 1), end(allow), end(refuse),
		skipUnless(unix.BPF_JEQ, unix.SYS_TGKILL, 4),
		load(offsetArg0), skipUnless(unix.BPF_JEQ, self, 1), end(allow), end(refuse),
	}
	for _, call := range allowedCalls {
		program = append(program, skipUnless(unix.BPF_JEQ, call, 1), end(allow))
	}
	return append(program, end(refuse))
}
