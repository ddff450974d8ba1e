package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// folder returns a folder with plugins in it that nobody may also reach.
func folder(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugins-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var shop = core.Target{Observation: &core.Observation{
	Instance: core.Instance{ID: "shop", Name: "Shop", Project: "shop"},
	Containers: []core.Container{{
		Service: core.DB, Name: "shop-db-1", State: "running", Env: map[string]core.Secret{"POSTGRES_PASSWORD": "canary-7"},
		Networks: []core.Endpoint{{Network: "shop_default", IP: "10.0.0.5"}},
	}},
}}

// ran runs the only plugin of the folder.
func ran(t *testing.T, script string) ([]core.Finding, error) {
	t.Helper()
	list := Checkers(folder(t, map[string]string{"watch.sh": script}))
	if len(list) != 1 || list[0].ID != "plugin.watch" {
		t.Fatalf("checkers: %+v", list)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return list[0].Check(ctx, shop)
}

func TestWhatAPluginSays(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		want   string // severity, service, title and evidence of the finding; none for a plugin that is content
		err    string
	}{
		"fine":        {script: "echo OK - 3 days | left=3", want: ""},
		"warning":     {script: "echo 'WARNING - 3 days | left=3;7'; exit 1", want: "warning/host/watch: WARNING - 3 days/WARNING - 3 days;left=3;7"},
		"critical":    {script: "echo gone; echo more; exit 2", want: "critical/host/watch: gone/gone;more"},
		"no word":     {script: "exit 2", want: "critical/host/watch: it says critical, and not why/it says critical, and not why"},
		"json":        {script: `echo '{"status":"critical","text":"slot lags","service":"db","do":"Drop it."}'`, want: "critical/db/watch: slot lags/slot lags"},
		"cannot tell": {script: "echo 'UNKNOWN - no route'; exit 3", err: "the plugin watch cannot tell: UNKNOWN - no route"},
		"silent":      {script: "echo trouble >&2; exit 3", err: "the plugin watch cannot tell: trouble"},
		"other code":  {script: "echo oops >&2; exit 127", err: "the plugin watch ended with code 127, which means nothing: oops"},
		"bad json":    {script: `echo '{"state":1}'`, err: `the plugin watch printed JSON that is no answer: json: unknown field "state"`},
		"bad status":  {script: `echo '{"status":"fatal"}'`, err: `the plugin watch has the status "fatal", which is none of ok, warning, critical, unknown`},
		"bad service": {script: `echo '{"status":"ok","service":"mail"}'`, err: `the plugin watch names the service "mail", which there is not`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := ran(t, tc.script)
			if err != nil || tc.err != "" {
				if tc.err == "" || err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			said := ""
			for _, f := range found {
				var proof []string
				for _, e := range f.Evidence {
					proof = append(proof, e.Text)
				}
				said += fmt.Sprintf("%s/%s/%s/%s", f.Severity, f.Service, f.Title, strings.Join(proof, ";"))
			}
			if said != tc.want {
				t.Errorf("found %q, want %q", said, tc.want)
			}
		})
	}
}

// TestWhatAPluginIsTold has one give back what it got.
func TestWhatAPluginIsTold(t *testing.T) {
	out, err := ran(t, `printf '%s in %s: ' $BASEWRIGHT_INSTANCE "$(env | cut -d= -f1 | sort | tr '\n' ' ')"; cat; exit 1`)
	if err != nil {
		t.Fatal(err)
	}
	said, facts, _ := strings.Cut(out[0].Evidence[0].Text, ": ")
	if said != "shop in BASEWRIGHT_INSTANCE BASEWRIGHT_PROJECT HOME LANG PATH PWD " {
		t.Errorf("its environment: %s", said)
	}
	if !json.Valid([]byte(facts)) || !strings.Contains(facts, `"addresses":{"shop_default":"10.0.0.5"}`) {
		t.Errorf("its facts: %s", facts)
	}
	if strings.Contains(facts, "canary") {
		t.Errorf("a secret is told: %s", facts)
	}
}

// TestAPluginLeavesNothing has one try what a check may not do.
func TestAPluginLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	t.Run("a file", func(t *testing.T) {
		open := folder(t, nil)
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(open, "left")
		_, _ = ran(t, "echo more than nothing > "+path) // some kernels end it for that
		if b, err := os.ReadFile(path); err != nil || len(b) > 0 {
			t.Errorf("it wrote %q: %v", b, err)
		}
	})
	t.Run("in a folder that is closed to it", func(t *testing.T) {
		dir := folder(t, map[string]string{"watch": "id -u; exit 1"})
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		found, err := Checkers(dir)[0].Check(t.Context(), shop)
		if err != nil || found[0].Evidence[0].Text != "65534" {
			t.Errorf("it is not run: %v, %v", found, err)
		}
	})
	t.Run("root", func(t *testing.T) {
		found, err := ran(t, "echo $(id -u) $(id -G) $(grep NoNewPrivs /proc/self/status); exit 1")
		if err != nil || found[0].Evidence[0].Text != "65534 65534 NoNewPrivs: 1" {
			t.Errorf("it is %v, %v", found, err)
		}
	})
	t.Run("a process", func(t *testing.T) {
		found, err := ran(t, "setsid sleep 7777 >/dev/null 2>&1 </dev/null & readlink /proc/self/ns/pid; exit 1")
		if err != nil {
			t.Fatal(err)
		}
		if own, _ := os.Readlink("/proc/self/ns/pid"); found[0].Evidence[0].Text == own {
			t.Skip("this kernel gives it no space of processes of its own")
		}
		if pid := sleeping("7777"); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Error("what it started in the background outlives it")
		}
	})
}

// sleeping returns the process that sleeps for so long, 0 for none.
func sleeping(seconds string) int {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		if b, _ := os.ReadFile(path); string(b) == "sleep\x00"+seconds+"\x00" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// TestAPluginIsEnded gives one less time than it takes.
func TestAPluginIsEnded(t *testing.T) {
	list := Checkers(folder(t, map[string]string{"slow": "sleep 8888"}))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := list[0].Check(ctx, shop); err == nil || err.Error() != "the plugin slow: it did not end in time, and was ended" {
		t.Errorf("error: %v", err)
	}
	if sleeping("8888") != 0 {
		t.Error("what it started runs on")
	}
}

func TestWhatIsNoPlugin(t *testing.T) {
	dir := folder(t, map[string]string{"mine": "exit 0", "Readme.md": "", ".hidden": "", "twice": "exit 0", "twice-over": "exit 0", "twice.py": "exit 0", "open": "exit 0", "theirs": "exit 0", "text.txt": "exit 0"})
	for name, mode := range map[string]os.FileMode{"open": 0o777, "text.txt": 0o644} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(dir, "theirs"), 1234, 1234); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Remove(filepath.Join(dir, "theirs")); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, c := range Checkers(dir) {
		_, err := c.Check(t.Context(), shop)
		said[c.ID] = strings.ReplaceAll(fmt.Sprint(err), dir, "DIR")
	}
	want := map[string]string{
		"plugin.mine":       "<nil>",
		"plugin.twice-over": "<nil>", // its name is between those of the two
		"plugin.twice":      "two files in DIR are the plugin twice; remove one",
		"plugin.open":       "the plugin open is not run: DIR/open can be written by others than its owner; `chmod go-w DIR/open`",
		"plugin.text":       "the plugin text.txt is no program that can be run; `chmod a+rx DIR/text.txt`",
	}
	if os.Geteuid() == 0 {
		want["plugin.theirs"] = "the plugin theirs is not run: DIR/theirs belongs to user 1234; `chown` it to root or to the agent's user"
	}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("said %v\nwant %v", said, want)
	}
	if list := Checkers(filepath.Join(dir, "nowhere")); list != nil {
		t.Errorf("no folder has the checks %v", list)
	}
}
