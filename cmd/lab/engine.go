package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basewright/basewright/core/docker"
)

func (l *lab) engineCommand() *cobra.Command {
	c := &cobra.Command{Use: "engine", Short: "Start or stop a Docker Engine for the lab"}
	var yes bool
	up := &cobra.Command{
		Use: "up", Short: "Use the Docker Engine that answers, or install and start one",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.engineUp(c.Context(), yes) },
	}
	up.Flags().BoolVarP(&yes, "yes", "y", false, "install without asking")
	down := &cobra.Command{
		Use: "down", Short: "Stop the engine that this command started, no other",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return l.engineDown(c.Context()) },
	}
	c.AddCommand(up, down)
	return c
}

// engineUp makes sure that an engine answers and says which.
func (l *lab) engineUp(ctx context.Context, yes bool) error {
	h, err := docker.Connect(ctx, "")
	if err == nil {
		l.host = h
		v, err := h.Client().ServerVersion(ctx)
		if err != nil {
			return err
		}
		l.say("using Docker Engine %s (API %s) at %s", v.Version, v.APIVersion, h.Client().DaemonHost())
		return nil
	}
	switch {
	case os.Getenv("DOCKER_HOST") != "":
		return fmt.Errorf("%w: %s; unset DOCKER_HOST to let the lab start one", errNoEngine, reason(err))
	case strings.Contains(err.Error(), "permission denied"):
		return fmt.Errorf("%w: %w", errNoEngine, err)
	case !mayInstall():
		return fmt.Errorf("%w, and the lab can install one only as root on Debian or Ubuntu: %s", errNoEngine, whatToInstall())
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		if !yes && !l.consent("no Docker Engine answers; install docker.io and iptables from this system's packages") {
			return fmt.Errorf("%w: nothing was installed", errNoEngine)
		}
		if err := l.install(ctx); err != nil {
			return err
		}
	}
	return l.startEngine(ctx)
}

// mayInstall reports whether this process may use apt-get: root on Debian or on
// a descendant of it.
func mayInstall() bool {
	return os.Geteuid() == 0 && debianLike()
}

func debianLike() bool {
	text, _ := os.ReadFile("/etc/os-release")
	return debianText(string(text))
}

// debianText looks for Debian in ID or ID_LIKE of an os-release file.
func debianText(text string) bool {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "ID" && key != "ID_LIKE" {
			continue
		}
		for _, id := range strings.Fields(strings.Trim(value, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return true
			}
		}
	}
	return false
}

func whatToInstall() string {
	if debianLike() {
		return "install the packages docker.io and iptables, or run this as root"
	}
	return "install Docker Engine as docs.docker.com/engine/install says for your system, and start it"
}

// consent asks a person at the terminal. Where there is none it is given.
func (l *lab) consent(question string) bool {
	if !person() {
		l.say("%s", question)
		return true
	}
	fmt.Fprintf(l.out, "%s? [y/N] ", question)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// person reports whether somebody sits at the terminal.
func person() bool {
	info, err := os.Stdin.Stat()
	return os.Getenv("CI") == "" && err == nil && info.Mode()&os.ModeCharDevice != 0 && !isNull(info)
}

// isNull tells /dev/null, which is a character device too, from a terminal.
func isNull(info os.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// install fetches the engine. A policy that forbids the start of services on
// installation is no failure: the engine is started afterwards.
func (l *lab) install(ctx context.Context) error {
	l.say("installing docker.io and iptables")
	if err := apt(ctx, "update", "-qq"); err != nil {
		return err
	}
	err := apt(ctx, "install", "-y", "-qq", "--no-install-recommends", "docker.io", "iptables")
	if _, missing := exec.LookPath("dockerd"); missing == nil {
		return nil
	}
	return err
}

// startEngine starts the engine by systemd where that runs, else by hand, and
// waits until it answers.
func (l *lab) startEngine(ctx context.Context) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		if out, err := exec.CommandContext(ctx, "systemctl", "start", "docker").CombinedOutput(); err != nil {
			return fmt.Errorf("systemctl start docker: %w: %s", err, lastLine(out))
		}
		return l.awaitEngine(ctx, "journalctl -u docker tells why", nil)
	}
	d := defaultDaemon(l.daemonLog())
	gone, err := d.start()
	if err != nil {
		return err
	}
	l.started = gone != nil
	return l.awaitEngine(ctx, d.log, gone)
}

// awaitEngine waits until the engine answers; gone is closed when it died.
func (l *lab) awaitEngine(ctx context.Context, log string, gone <-chan struct{}) error {
	err := poll(ctx, engineTimeout, func(ctx context.Context) (bool, string) {
		h, err := docker.Connect(ctx, "")
		if err == nil {
			l.host = h
			return true, ""
		}
		return closed(gone), lastLogLine(log)
	})
	if err == nil && l.host == nil {
		err = errors.New("dockerd ended: " + lastLogLine(log))
	}
	if err != nil {
		return fmt.Errorf("start the Docker Engine: %w", err)
	}
	v, err := l.host.Client().ServerVersion(ctx)
	if err != nil {
		return err
	}
	l.say("started Docker Engine %s (API %s)", v.Version, v.APIVersion)
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func lastLogLine(log string) string {
	text, err := os.ReadFile(log)
	if err != nil {
		return log
	}
	return lastLine(text)
}

func (l *lab) daemonLog() string { return filepath.Join(l.dir, "dockerd.log") }

// engineDown stops the engine that the lab started by hand.
func (l *lab) engineDown(ctx context.Context) error {
	d := defaultDaemon(l.daemonLog())
	stopped, err := d.stop(ctx)
	if err != nil {
		return err
	}
	if !stopped {
		l.say("the lab runs no Docker Engine of its own: nothing to stop")
		return nil
	}
	l.say("stopped the Docker Engine that the lab had started")
	return removeIfThere(d.log)
}
