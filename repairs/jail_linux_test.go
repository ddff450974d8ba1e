package repairs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attempt is what the patched child is to try its acts against.
type attempt struct {
	File       string
	Address    string
	Parent     int
	Descriptor int
}

// breakOut is the life of the patched child: jail, then every forbidden act.
// It answers with what each act met, "done" where none stopped it.
func breakOut(enter func(io.Reader) ([]byte, error)) {
	in, err := enter(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var a attempt
	if err := json.Unmarshal(in, &a); err != nil {
		os.Exit(1)
	}
	results := map[string]string{}
	for name, act := range a.acts() {
		if unfiltered := os.Args[1] == unfilteredArg; unfiltered && needsFilter[name] {
			continue
		}
		results[name] = "done"
		if err := act(); err != nil {
			results[name] = err.Error()
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(results)
	os.Exit(0)
}

// withoutFilter enters a jail whose call filter the kernel would not give.
func withoutFilter(in io.Reader) ([]byte, error) {
	request, l, err := closeDoors(in)
	if err != nil {
		return nil, err
	}
	return request, l.enough()
}

// needsFilter is what is harmless in an empty folder and an empty network, and
// what only the filter stops.
var needsFilter = map[string]bool{"read the folder": true, "make a socket": true, "fork": true}

func (a attempt) acts() map[string]func() error {
	open := func(name string, flags int) func() error {
		return func() error { _, err := unix.Open(name, flags, 0o600); return err }
	}
	return map[string]func() error{
		"read a file":       open("/etc/passwd", unix.O_RDONLY),
		"read a given file": open(a.File, unix.O_RDONLY),
		"read up and out":   open("../../../../../../etc/passwd", unix.O_RDONLY),
		"read the folder":   open("/", unix.O_RDONLY),
		"write a file":      open("/tmp/escaped", unix.O_CREAT|unix.O_WRONLY),
		"write here":        open("escaped", unix.O_CREAT|unix.O_WRONLY),
		"make a socket":     func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); return err },
		"connect":           func() error { _, err := net.DialTimeout("tcp", a.Address, time.Second); return err },
		"run a program":     func() error { return unix.Exec("/bin/sh", []string{"sh"}, nil) },
		"start a program":   func() error { return exec.Command("/bin/true").Run() },
		"fork": func() error {
			if _, _, errno := unix.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0); errno != 0 {
				return errno
			}
			return nil
		},
		"signal the parent": func() error { return unix.Kill(a.Parent, 0) },
		"become root":       func() error { return syscall.Setuid(0) },
		"use a descriptor":  func() error { _, err := unix.Write(a.Descriptor, []byte("x")); return err },
		"mount":             func() error { return unix.Mount("none", "/", "tmpfs", 0, "") },
		"leave the root":    func() error { return unix.Chroot(".") },
		"raise a limit":     func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4096, Max: 4096}) },
		"trace the parent":  func() error { return unix.PtraceAttach(a.Parent) },
	}
}

func TestPatchedChildIsDenied(t *testing.T) {
	tests := map[string]struct {
		arg  string
		acts int
	}{
		"by all walls":                           {patchedArg, len(attempt{}.acts())},
		"by the others where there is no filter": {unfilteredArg, len(attempt{}.acts()) - len(needsFilter)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.arg == unfilteredArg && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			results := patchedChild(t, tt.arg)
			if len(results) != tt.acts {
				t.Errorf("%d of %d acts answered", len(results), tt.acts)
			}
			for act, met := range results {
				t.Logf("%-20s %s", act, met)
				if met == "done" {
					t.Errorf("the patched child could %s", act)
				}
			}
		})
	}
	if _, err := os.Stat("/tmp/escaped"); err == nil {
		t.Error("the child wrote a file")
	}
	if left, err := filepath.Glob("/tmp/playbook-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// patchedChild starts a patched child and returns what its acts met.
func patchedChild(t *testing.T, arg string) map[string]string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	leaked, err := syscall.Open(filepath.Join(t.TempDir(), "leaked"), syscall.O_CREAT|syscall.O_WRONLY, 0o600) // not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leaked)
	in, err := json.Marshal(attempt{File: secret, Address: l.Addr().String(), Parent: os.Getpid(), Descriptor: leaked})
	if err != nil {
		t.Fatal(err)
	}
	out, err := runChild(t.Context(), arg, func(time.Time) ([]byte, error) { return in, nil })
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]string
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return results
}

// TestChildDiesWithParent kills a process that waits for a child; the child,
// which would sleep for long, must be gone.
func TestChildDiesWithParent(t *testing.T) {
	parent := exec.Command(self, parentArg)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(child, 0); err != nil {
		t.Fatalf("there is no child: %v", err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	for deadline := time.Now().Add(time.Second); syscall.Kill(child, 0) == nil && !isZombie(child); {
		if time.Now().After(deadline) {
			t.Fatal("the child outlives its parent")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func isZombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// waitForChild is the life of a parent that is killed: it starts a child that
// sleeps, tells its process ID when that is in its jail, and waits.
func waitForChild() {
	runtime.LockOSThread()
	var cmd *exec.Cmd
	var out io.Reader
	var err error
	for _, how := range isolations() {
		cmd = command(context.Background(), sleeperArg, nil, how)
		if out, err = cmd.StdoutPipe(); err != nil {
			os.Exit(1)
		}
		if err = cmd.Start(); !forbidden(err) {
			break
		}
	}
	if err != nil {
		os.Exit(1)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		os.Exit(1)
	}
	fmt.Println(cmd.Process.Pid)
	_ = cmd.Wait()
}

// sleep is the life of a child that goes to jail and does not end.
func sleep() {
	if _, err := enterJail(os.Stdin); err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(".")
	time.Sleep(10 * time.Second)
	os.Exit(0)
}
