package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/basewright/basewright/core"
)

// What a child process, which is this test binary, is told.
const (
	childDir      = "APPLY_TEST_DIR"
	childScenario = "APPLY_TEST_SCENARIO"
	childKill     = "APPLY_TEST_KILL" // number of the failpoint at which it kills itself
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// scenarios are what a child does in its world.
var scenarios = map[string]func(w *world) error{
	"a change that cures": func(w *world) error {
		_, err := w.apply(context.Background(), w.cure())
		return err
	},
	"a change of every operation": func(w *world) error {
		w.a.MayExec = func(context.Context, core.Plan) bool { return true }
		_, err := w.apply(context.Background(), w.everything())
		return err
	},
	"a change that is rolled back": func(w *world) error {
		w.spoil = func(d *core.Diagnosis) { d.Findings = []core.Finding{{Code: "PG-01", Severity: core.Critical}} }
		_, err := w.apply(context.Background(), w.cure())
		if core.CodeOf(err) == core.Conflict {
			return nil
		}
		return errors.Join(errors.New("it was not rolled back"), err)
	},
	"an undo": func(w *world) error {
		list, err := w.st.Changes(context.Background(), "shop", 1)
		if err != nil {
			return err
		}
		_, err = w.a.Undo(context.Background(), list[0].ID, "cli:ana")
		return err
	},
	"a deletion": func(w *world) error {
		c, err := w.delete(context.Background(), true)
		if err == nil && c.State != core.Committed {
			err = errors.New(c.Reason)
		}
		return err
	},
	"an upgrade": func(w *world) error {
		w.a.Data = &shelf{vault{w: w}}
		p, err := w.toUpgrade(&ledger{ran: "70"})
		if err != nil {
			return err
		}
		c, err := w.upgrade(context.Background(), p, nil)
		if err == nil && c.State != core.Committed {
			err = errors.New(c.Reason)
		}
		return err
	},
	"a restore":                        (*world).restore,
	"a loss":                           (*world).loses,
	"a refusal":                        (*world).refused,
	"a rotation of the JWT secret":     rotation("jwt-secret"),
	"a rotation of database passwords": rotation("database-passwords"),
	"a recovery": func(w *world) error {
		w.a.Data = &shelf{vault{w: w}}
		_, err := w.a.Recover(context.Background())
		return err
	},
}

// child does one scenario and prints the failpoints it passes, one a line.
func child(dir string) int {
	kill, err := strconv.Atoi(os.Getenv(childKill))
	w, openErr := openWorld(dir)
	if err := errors.Join(err, openErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	passed := 0
	w.hook = func(name string) {
		if passed++; passed == kill {
			Kill()
		}
		fmt.Println(name)
	}
	if err := scenarios[os.Getenv(childScenario)](w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if w.half != "" {
		fmt.Fprintln(os.Stderr, "services ran on half of the data after", w.half)
		return 1
	}
	return 0
}

// run lets a child do a scenario in dir, and returns the failpoints it passed
// and whether it was killed.
func run(t *testing.T, dir, scenario string, kill int) (passed []string, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childScenario+"="+scenario, childKill+"="+strconv.Itoa(kill))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		s, _ := exit.Sys().(syscall.WaitStatus)
		if killed = s.Signaled() && s.Signal() == syscall.SIGKILL; !killed {
			t.Fatalf("the child failed: %s", complaint.String())
		}
	} else if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(out), " ", "_")), killed
}

// prepared makes a world for a scenario, closed.
func prepared(t *testing.T, prepare func(w *world) error) string {
	t.Helper()
	dir := tempDir(t)
	w, err := openWorld(dir)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		err = prepare(w)
	}
	if err := errors.Join(err, w.st.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tempDir is in memory where that can be had: a killed process loses nothing
// that it wrote, synced or not, so waiting for a disk would prove nothing here.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "apply-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(tempDir(t), "world")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// CopyFS does not keep modes.
	err := filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(name, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestKilledAnywhere kills the agent before and after every journal write,
// every action and every effect on the world. The next start finds the instance
// as it was, or wholly changed and committed; nothing in between.
func TestKilledAnywhere(t *testing.T) {
	cured := func(w *world) error {
		_, err := w.apply(context.Background(), w.cure())
		return err
	}
	for scenario, prepare := range map[string]func(w *world) error{
		"a change that cures": nil, "a change of every operation": nil, "a change that is rolled back": nil, "an undo": cured,
		"a deletion": (*world).keep, "a restore": (*world).settled, "a loss": nil, "an upgrade": nil,
		"a rotation of the JWT secret": (*world).signed, "a rotation of database passwords": (*world).signed,
	} {
		base := prepared(t, prepare)
		t.Run(scenario, func(t *testing.T) {
			whole := copied(t, base)
			points, killed := run(t, whole, scenario, 0)
			if killed || len(points) < 30 {
				t.Fatalf("killed %v, only %d failpoints: %v", killed, len(points), points)
			}
			if strings.Contains(scenario, "every operation") {
				mustPassEveryOperation(t, points)
			}
			before, after := stateOf(t, base), stateOf(t, whole)
			rotates := strings.HasPrefix(scenario, "a rotation")
			if why := after.mixed(); rotates && (why != "" || reflect.DeepEqual(before, after)) {
				t.Fatalf("the rotation did not do what it is for: %s", why)
			}
			for _, n := range distinct(points) {
				if (scenario == "a change that is rolled back" || scenario == "a loss") && n < slices.Index(points, "verify.do.before") {
					continue // the same as when it cures
				}
				t.Run(fmt.Sprintf("%02d %s", n, points[n-1]), func(t *testing.T) {
					t.Parallel()
					dir := copied(t, base)
					if _, killed := run(t, dir, scenario, n); !killed {
						t.Fatal("the child was not killed")
					}
					mustRecover(t, dir, before, after)
					if why := stateOf(t, dir).mixed(); rotates && why != "" {
						t.Error(why)
					}
				})
			}
		})
	}
}

// TestKilledWhileRecovering kills the agent that puts things back, too.
func TestKilledWhileRecovering(t *testing.T) {
	for scenario, at := range map[string]string{"a change that cures": "verify.do.before", "a loss": "verify.do.after"} {
		t.Run(scenario, func(t *testing.T) {
			base := prepared(t, nil)
			broken := killedAt(t, base, scenario, at)
			whole := copied(t, broken)
			points, killed := run(t, whole, "a recovery", 0)
			if killed || len(points) < 10 {
				t.Fatalf("killed %v, failpoints %v", killed, points)
			}
			before := stateOf(t, base)
			for _, n := range distinct(points) {
				t.Run(fmt.Sprintf("%02d %s", n, points[n-1]), func(t *testing.T) {
					t.Parallel()
					dir := copied(t, broken)
					if _, killed := run(t, dir, "a recovery", n); !killed {
						t.Fatal("the child was not killed")
					}
					mustRecover(t, dir, before, before)
				})
			}
		})
	}
}

// killedAt returns a copy of a world in which a scenario was killed at a point.
func killedAt(t *testing.T, base, scenario, point string) string {
	t.Helper()
	points, _ := run(t, copied(t, base), scenario, 0)
	n := slices.Index(points, point)
	if n < 0 {
		t.Fatalf("%s does not pass %s: %q", scenario, point, points)
	}
	dir := copied(t, base)
	if _, killed := run(t, dir, scenario, n+1); !killed {
		t.Fatal("the child was not killed")
	}
	return dir
}

// distinct returns the numbers of the failpoints, without those that come right
// after another: between "after" and the next "before" nothing happens, so to be
// killed at one is to be killed at the other.
func distinct(points []string) []int {
	var numbers []int
	for i, p := range points {
		if i > 0 && strings.HasSuffix(p, ".before") && strings.HasSuffix(points[i-1], ".after") {
			continue
		}
		numbers = append(numbers, i+1)
	}
	return numbers
}
