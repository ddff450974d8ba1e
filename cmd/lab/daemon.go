package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// engineTimeout bounds how long an engine may take to start or to stop.
const engineTimeout = 30 * time.Second

// daemon is a dockerd that the lab starts by hand and finds again by its pid
// file.
type daemon struct {
	run  string // folder of the pid file and of the runtime state
	log  string
	proc string // /proc
}

func defaultDaemon(log string) daemon {
	return daemon{run: "/run/basewright-lab", log: log, proc: "/proc"}
}

func (d daemon) pidFile() string  { return filepath.Join(d.run, "dockerd.pid") }
func (d daemon) execRoot() string { return filepath.Join(d.run, "exec") }

// pid returns the process that the pid file names when it is the dockerd that
// the lab started, else 0. Nothing that got a dead dockerd's number is taken for
// it, nor is another dockerd.
func (d daemon) pid() (int, error) {
	text, err := os.ReadFile(d.pidFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, nil //nolint:nilerr // half a number is nobody's
	}
	first, rest, _ := strings.Cut(d.cmdline(strconv.Itoa(pid)), "\x00")
	if filepath.Base(first) == "dockerd" && strings.Contains(rest, "--pidfile\x00"+d.pidFile()+"\x00") {
		return pid, nil
	}
	return 0, nil
}

func (d daemon) cmdline(pid string) string {
	text, _ := os.ReadFile(filepath.Join(d.proc, pid, "cmdline"))
	return string(text)
}

// orphans reports whether processes of a dead daemon still run: the shims keep
// its containers alive. The next dockerd finds them by the runtime state and
// ends them; without that state they would run on, unseen, on the same data.
func (d daemon) orphans() (bool, error) {
	entries, err := os.ReadDir(d.proc)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if strings.Contains(d.cmdline(e.Name()), d.execRoot()+"/") {
			return true, nil
		}
	}
	return false, nil
}

// sweep removes the pid file of a daemon that is dead, and its runtime state
// when nothing of it runs any more.
func (d daemon) sweep() error {
	pid, err := d.pid()
	if err != nil || pid != 0 {
		return err
	}
	if err := removeIfThere(d.pidFile()); err != nil {
		return err
	}
	if alive, err := d.orphans(); err != nil || alive {
		return err
	}
	if err := unmountBelow(d.execRoot(), d.proc); err != nil {
		return err
	}
	return os.RemoveAll(d.execRoot())
}

func removeIfThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// unmountBelow detaches what a killed daemon left mounted under dir, so that
// removing dir does not reach into it.
func unmountBelow(dir, proc string) error {
	mounts, err := os.ReadFile(filepath.Join(proc, "self", "mounts"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.HasPrefix(f[1], dir+"/") {
			continue
		}
		err := syscall.Unmount(f[1], syscall.MNT_DETACH)
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EINVAL) { // gone, or hidden by another mount
			return fmt.Errorf("unmount %s: %w", f[1], err)
		}
	}
	return nil
}

// start runs dockerd in a session of its own, so that it outlives the lab. The
// channel is closed when it ends while the lab still runs; it is nil when the
// dockerd ran before.
func (d daemon) start() (<-chan struct{}, error) {
	if pid, err := d.pid(); err != nil || pid != 0 {
		return nil, err // it runs, and only has to answer
	}
	if err := d.sweep(); err != nil {
		return nil, fmt.Errorf("clean up after a dead engine: %w", err)
	}
	for _, dir := range []string{d.run, filepath.Dir(d.log)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("dockerd", "--pidfile", d.pidFile(), "--exec-root", d.execRoot())
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start dockerd: %w", err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); _ = cmd.Wait() }()
	return gone, nil
}

// stop ends the daemon that the pid file names and waits for its end. It
// reports whether there was one.
func (d daemon) stop(ctx context.Context) (bool, error) {
	pid, err := d.pid()
	if err != nil {
		return false, err
	}
	if pid == 0 {
		return false, d.sweep()
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, fmt.Errorf("stop dockerd (process %d): %w", pid, err)
	}
	err = poll(ctx, engineTimeout, func(context.Context) (bool, string) {
		now, err := d.pid()
		return err == nil && now != pid, fmt.Sprintf("dockerd (process %d) is still ending", pid)
	})
	if err != nil {
		return false, err
	}
	return true, d.sweep()
}
