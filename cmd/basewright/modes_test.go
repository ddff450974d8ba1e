package main

import (
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFilesAreOursAlone starts the agent under a umask that closes nothing, has it
// write all that it writes without an engine, and wants every file and folder of
// its state closed to others.
func TestFilesAreOursAlone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program; left out by -short")
	}
	program, err := programOnce()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "state")
	openly := func(args ...string) *exec.Cmd {
		cmd := exec.Command("sh", append([]string{"-c", `umask 000; exec "$0" "$@"`, program, "--data", data}, args...)...)
		cmd.Env = append(os.Environ(), noEngine)
		return cmd
	}
	s := startCommand(t, data, openly("serve", "--listen", "127.0.0.1:0")).ready()
	login := s.logIn()
	book := `{"source":"return { title = 'Mine', risk = 'low', plan = function() return {} end }"}`
	if code, body, err := s.ask("PUT", "/api/playbooks/mine", login, book); err != nil || code != http.StatusOK {
		t.Fatalf("save a playbook: %d %s %v", code, body, err)
	}
	s.stop()
	if out, err := openly("state", "backup", filepath.Join(data, "copy")).CombinedOutput(); err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	seen := 0
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if seen++; err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files and folders: %v", seen, err)
	}
}
