// Package jail runs programs that may look at things and leave nothing behind. It
// needs nothing but the standard library, so that its init, which is all there is
// of the process between, comes before that of nearly everything else.
package jail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// arg makes Basewright's own binary close the doors and become the program.
const arg = "plugin-child"

// cannotStart is an exit code that no plugin's protocol has.
const cannotStart = 121

const nobody = 65534

func init() {
	if len(os.Args) == 3 && os.Args[1] == arg {
		fmt.Fprintln(os.Stderr, enter(os.Args[2]))
		os.Exit(cannotStart)
	}
}

// enter becomes the program at path, and returns only when it cannot.
func enter(path string) error {
	runtime.LockOSThread() // what prctl sets is the thread's, and it is this one that lives on
	// The state's folder is closed to nobody, so the program is opened before.
	program, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody)); err != nil {
			return fmt.Errorf("become nobody: %w", err)
		}
	}
	const noNewPrivileges = 38
	for _, set := range [][2]uintptr{{syscall.PR_SET_DUMPABLE, 1}, {noNewPrivileges, 1}, {syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL)}} {
		if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, set[0], set[1], 0, 0, 0, 0); e != 0 {
			return fmt.Errorf("prctl %d: %w", set[0], e)
		}
	}
	for _, l := range []struct {
		what int
		most uint64
	}{
		{syscall.RLIMIT_FSIZE, 0}, // no file grows: it is handed no way to write
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_CPU, 10}, // seconds
		{syscall.RLIMIT_NOFILE, 256},
		{syscall.RLIMIT_AS, 1 << 30}, // last, since this process has more
	} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("limit resource %d: %w", l.what, err)
		}
	}
	return fmt.Errorf("start %s: %w", path, syscall.Exec(fmt.Sprintf("/proc/self/fd/%d", program), []string{path}, os.Environ()))
}

// Run runs the program at path until it or ctx ends, and returns its exit code and
// what it printed, up to 64 KiB of each. It has no privileges, nothing of our
// environment but what env adds, and no file that it writes to grows. Where root
// runs it, it is nobody, in a space of processes of its own if the kernel gives one,
// so that nothing which it started outlives it.
func Run(ctx context.Context, path string, env []string, in []byte) (code int, stdout, stderr string, err error) {
	runtime.LockOSThread() // the kernel kills it when the thread that started it ends
	defer runtime.UnlockOSThread()
	var out, errs *bounded
	var cmd *exec.Cmd
	for _, spaces := range isolations() {
		out, errs = &bounded{}, &bounded{}
		cmd = command(ctx, path, env, spaces)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), out, errs
		if err = cmd.Start(); !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOSPC) {
			break
		}
	}
	if err != nil {
		return 0, "", "", err
	}
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left in its group
	if ctx.Err() != nil {
		return 0, "", "", errors.New("it did not end in time, and was ended")
	}
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case !failed && err != nil:
		return 0, "", "", err
	case failed && exit.ExitCode() == cannotStart:
		return 0, "", "", errors.New(strings.TrimSpace(errs.String()))
	case failed && exit.ExitCode() < 0:
		return 0, "", "", fmt.Errorf("it was ended by a signal: %w", exit)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String(), nil
}

// isolations are the spaces that a program may have of its own, the best first.
func isolations() []uintptr {
	if os.Geteuid() == 0 {
		return []uintptr{syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC, 0}
	}
	return []uintptr{0}
}

func command(ctx context.Context, path string, env []string, spaces uintptr) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", arg, path)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/"}, env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: spaces}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 500 * time.Millisecond
	return cmd
}

// bounded keeps the first 64 KiB that are written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := 64<<10 - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
