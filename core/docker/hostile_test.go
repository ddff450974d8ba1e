package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestHostileFolder observes folders made to hold, flood or mislead: each is a
// gap or an error in the .env, never its content, and never a wait.
func TestHostileFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "out.env")
	write(t, outside, "CANARY=canary-4711\nservices: {canary-4711: {image: x}}\n")
	link := func(to string) func(string) error { return func(p string) error { return os.Symlink(to, p) } }
	for name, tt := range map[string]struct {
		make    func(path string) error
		envFile string
		gap     bool // else an error of the .env alone
	}{
		"a pipe":                      {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "", true},
		"a link out":                  {link(outside), "", true},
		"a link to a device":          {link("/dev/zero"), "", true},
		"a link to itself":            {link(".env"), "", true},
		"a folder":                    {func(p string) error { return os.Mkdir(p, 0o700) }, "", true},
		"50 MB":                       {func(p string) error { return os.WriteFile(p, make([]byte, 50<<20), 0o600) }, "", true},
		"a label that names a device": {func(string) error { return nil }, "/dev/zero", true},
		"a label that leads out":      {func(string) error { return nil }, outside, true},
		"a NUL":                       {func(p string) error { return os.WriteFile(p, []byte("A=1\x00"), 0o600) }, "", false},
		"a value of 1 MB":             {func(p string) error { return os.WriteFile(p, []byte("A="+strings.Repeat("x", 1<<20)), 0o600) }, "", false},
		"torn":                        {func(p string) error { return os.WriteFile(p, []byte("A='canary-4711"), 0o600) }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			e, dir := folderEngine(t)
			write(t, filepath.Join(dir, "compose.yml"), "services: {db: {image: x}}\n")
			if err := tt.make(filepath.Join(dir, ".env")); err != nil {
				t.Fatal(err)
			}
			e.instance.EnvFile, e.instance.Files = tt.envFile, []string{filepath.Join(dir, "compose.yml")}
			done := time.AfterFunc(time.Minute, func() { panic("it blocks") })
			defer done.Stop()
			o := &core.Observation{}
			gaps := append(e.observeEnv(t.Context(), nil, o), e.observeCompose(t.Context(), o)...)
			if (len(gaps) > 0) != tt.gap || o.Env.Err == nil || len(o.Env.Vars) > 0 {
				t.Errorf("gaps %v, %+v", gaps, o.Env)
			}
			if said := fmt.Sprint(gaps, o.Env, o.Compose); strings.Contains(said, "canary") {
				t.Errorf("it shows what is in a file: %s", said)
			}
		})
	}
}

// TestHostileLabels observes a stack whose labels name a file that is none of
// its own: nothing of what that file holds is said.
func TestHostileLabels(t *testing.T) {
	e, dir := folderEngine(t)
	write(t, filepath.Join(dir, "passwd"), "canary:x:0:0:canary 4711:/root: /bin/sh\n")
	for _, file := range []string{filepath.Join(dir, "passwd"), "/dev/zero", "/proc/self/environ", dir} {
		e.instance.Files = []string{file}
		o := &core.Observation{}
		gaps := e.observeCompose(t.Context(), o)
		if o.Compose.Err == nil || strings.Contains(fmt.Sprint(gaps, o.Compose), "canary") {
			t.Errorf("%s: %v %+v", file, gaps, o.Compose)
		}
	}
}
