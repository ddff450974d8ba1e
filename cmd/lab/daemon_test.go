package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestMain lets the test binary play dockerd, when it is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "dockerd" {
		playDockerd()
	}
	os.Exit(m.Run())
}

func playDockerd() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for i, a := range os.Args {
		if a == "--pidfile" {
			os.WriteFile(os.Args[i+1], []byte(strconv.Itoa(os.Getpid())), 0o644)
		}
	}
	<-ctx.Done()
	os.Exit(0)
}

func testDaemon(t *testing.T) daemon {
	t.Helper()
	d := daemon{run: filepath.Join(t.TempDir(), "run"), proc: "/proc"}
	d.log = filepath.Join(d.run, "dockerd.log")
	if err := os.MkdirAll(d.execRoot(), 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStalePidFileIsSwept(t *testing.T) {
	for name, pid := range map[string]string{
		"no process has the number":             "4194000",
		"a process that is no dockerd has it":   strconv.Itoa(os.Getpid()),
		"the file holds no number":              "rubbish",
		"the file names init":                   "1",
		"the file is empty as after a bad stop": "",
	} {
		t.Run(name, func(t *testing.T) {
			d := testDaemon(t)
			if err := os.WriteFile(d.pidFile(), []byte(pid+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			stopped, err := d.stop(t.Context())
			if err != nil || stopped {
				t.Fatalf("stop: %t, %v", stopped, err)
			}
			for _, left := range []string{d.pidFile(), d.execRoot()} {
				if _, err := os.Stat(left); err == nil {
					t.Errorf("%s is still there", left)
				}
			}
		})
	}
}

func TestStateOfOrphansIsKept(t *testing.T) {
	d := testDaemon(t)
	shim := exec.CommandContext(t.Context(), "sleep", "60")
	shim.Args[0] = "containerd-shim-runc-v2 -address " + d.execRoot() + "/containerd/containerd.sock"
	if err := shim.Start(); err != nil {
		t.Fatal(err)
	}
	awaitCmdline(t, d, shim.Process.Pid)
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.execRoot()); err != nil {
		t.Errorf("the state that the next engine needs is gone: %v", err)
	}
	shim.Process.Kill()
	shim.Wait()
	if err := d.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.execRoot()); err == nil {
		t.Error("the state of a dead engine is kept")
	}
}

// awaitCmdline waits until the kernel tells the arguments of a process: for a
// moment after its exec has succeeded they are still empty.
func awaitCmdline(t *testing.T, d daemon, pid int) {
	t.Helper()
	if err := poll(t.Context(), engineTimeout, func(context.Context) (bool, string) {
		return d.cmdline(strconv.Itoa(pid)) != "", "the process has no arguments yet"
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDaemonStartsAndStops(t *testing.T) {
	bin := t.TempDir()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "dockerd"), self, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	d := testDaemon(t)
	gone, err := d.start()
	if err != nil {
		t.Fatal(err)
	}
	if err := poll(t.Context(), engineTimeout, func(context.Context) (bool, string) {
		pid, err := d.pid()
		return err == nil && pid != 0, "the daemon has not written its pid file"
	}); err != nil {
		t.Fatal(err)
	}
	first, _ := d.pid()
	if _, err := d.start(); err != nil {
		t.Fatal(err)
	}
	if second, _ := d.pid(); second != first {
		t.Errorf("a second start made process %d beside %d", second, first)
	}
	if stopped, err := d.stop(t.Context()); err != nil || !stopped {
		t.Fatalf("stop: %t, %v", stopped, err)
	}
	<-gone
}

// TestAnotherDockerdIsLeftAlone has the stale pid file name a dockerd that
// somebody else started.
func TestAnotherDockerdIsLeftAlone(t *testing.T) {
	d := testDaemon(t)
	theirs := exec.CommandContext(t.Context(), os.Args[0])
	theirs.Args = []string{"dockerd", "--pidfile", filepath.Join(t.TempDir(), "theirs.pid")}
	if err := theirs.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { theirs.Process.Kill(); theirs.Wait() }()
	if err := os.WriteFile(d.pidFile(), []byte(strconv.Itoa(theirs.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	if stopped, err := d.stop(t.Context()); err != nil || stopped {
		t.Fatalf("stop: %t, %v", stopped, err)
	}
	if err := theirs.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it was stopped: %v", err)
	}
}

func TestDebianIsRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		"ID=debian\n": true, "ID=ubuntu\nID_LIKE=debian\n": true, "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n": true,
		"ID=fedora\n": false, "NAME=\"not debian\"\nID=alpine\n": false, "": false,
	} {
		if got := debianText(text); got != want {
			t.Errorf("debianText(%q) is %t", text, got)
		}
	}
}
