package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// tools are the programs that building and testing need beside Go, and the
// packages of Debian that have them.
var tools = map[string][]string{
	"gcc": {"gcc", "libc6-dev"}, // for SQLite, PostgreSQL's parser and the race detector
}

// testTools are the programs that only tests need.
var testTools = map[string][]string{
	"chromium":      {"chromium"},   // looks at the panel
	"pg_ctlcluster": {"postgresql"}, // the store's other database; the tests start it themselves
	"pgbouncer":     {"pgbouncer"},  // a pooler, which the store refuses; likewise
}

func (l *lab) toolsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "tools", Short: "Install what building needs beside Go, where it is missing",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.installTools(c.Context(), tools) },
	}
}

// installTools does nothing and says nothing where all is there.
func (l *lab) installTools(ctx context.Context, tools map[string][]string) error {
	for tool, packages := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		names := strings.Join(packages, " ")
		if !mayInstall() {
			return &usageError{fmt.Errorf("%s is missing, and the lab can install it only as root on Debian or Ubuntu: install %s", tool, names)}
		}
		if !l.consent(tool + " is missing; install " + names + " from this system's packages") {
			return &usageError{fmt.Errorf("%s is missing: install %s", tool, names)}
		}
		l.say("installing %s", names)
		if err := ensureLists(ctx, packages[0]); err != nil {
			return err
		}
		if err := apt(ctx, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, packages...)...); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) testCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test", Short: "Set up an engine and images, run every test, and stop what was started by hand",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.test(c.Context()) },
	}
}

// test runs the tests of the whole module on a real engine. A daemon that it
// started is stopped again, however the tests end; one that ran before, or that
// systemd runs, is left alone.
func (l *lab) test(ctx context.Context) (err error) {
	defer func() {
		if l.started {
			err = errors.Join(err, l.engineDown(context.WithoutCancel(ctx)))
		}
	}()
	if err := l.installTools(ctx, testTools); err != nil {
		return err
	}
	if err := l.engineUp(ctx, false); err != nil {
		return err
	}
	if err := l.buildImages(ctx, false); err != nil {
		return err
	}
	others, err := l.packagesBut(ctx, "/ui")
	if err != nil {
		return err
	}
	for _, run := range []struct {
		what string
		args []string
	}{
		{"vet", []string{"vet", "./..."}},
		// The jail's memory limit cannot be set on a program built with -race.
		{"the jail without the race detector", []string{"test", "-count=1", "./repairs"}},
		// A browser drops its connections whenever a container's interface comes or goes.
		{"the panel with the race detector, while no container moves", []string{"test", "-race", "-count=1", "-timeout=20m", "./ui"}},
		{"every other test with the race detector", append([]string{"test", "-race", "-count=1", "-timeout=48m"}, others...)},
	} {
		begin := time.Now()
		l.say("\n── %s", run.what)
		cmd := exec.CommandContext(ctx, "go", run.args...)
		endTogether(cmd)
		cmd.Dir, cmd.Stdout, cmd.Stderr = l.source, l.out, l.out
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "BASEWRIGHT_REQUIRE_ENGINE=1", "BASEWRIGHT_REQUIRE_POSTGRES=1")
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go %s: %w", run.args[0], err)
		}
		l.say("%.0f s", time.Since(begin).Seconds())
	}
	return nil
}

// packagesBut lists the module's packages without the one whose path ends so.
func (l *lab) packagesBut(ctx context.Context, end string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "./...")
	cmd.Dir, cmd.Stderr = l.source, l.out
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool { return strings.HasSuffix(p, end) }), nil
}

// endTogether makes a cancelled command end with all that it started, as an
// interrupt from the terminal would: to kill go alone leaves its tests running.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
}
