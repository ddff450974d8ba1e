package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt runs apt-get without questions; an error carries its last words.
func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get: %w: %s", err, lastLine(out))
	}
	return nil
}

// ensureLists refreshes apt's package lists when they do not know name.
func ensureLists(ctx context.Context, name string) error {
	out, err := exec.CommandContext(ctx, "apt-cache", "policy", name).Output()
	if err == nil && bytes.Contains(out, []byte("://")) {
		return nil
	}
	if err := apt(ctx, "update", "-qq"); err != nil {
		return err
	}
	out, err = exec.CommandContext(ctx, "apt-cache", "policy", name).Output()
	if err != nil || !bytes.Contains(out, []byte("://")) {
		return fmt.Errorf("this system's packages do not have %s; the lab is made for Debian 12", name)
	}
	return nil
}

// cacheDir makes a folder of the user's cache that outlives the lab.
func cacheDir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), "cache")
	}
	dir := filepath.Join(base, "basewright-lab", name)
	return dir, os.MkdirAll(dir, 0o755)
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
