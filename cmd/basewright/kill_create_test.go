package main

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/basewright/basewright/core/docker"
)

// newborn is an instance of the lab's images that a test makes and removes.
type newborn struct {
	*person
	host *docker.Host
	name string
	root string
}

func (p *person) newborn(suffix string) *newborn {
	p.t.Helper()
	name := prefix + "-" + suffix
	return &newborn{p, engineErasing(p.t, name), name, filepath.Join(p.t.TempDir(), "instances")}
}

// order is the command that makes it.
func (n *newborn) order(more ...string) []string {
	return append([]string{"instance", "create", n.name, "--root", n.root, "--images", imagePrefix(), "--postgres", "15", "--yes"}, more...)
}

// kill begins to make it and kills the program at a point.
func (n *newborn) kill(point string, more ...string) {
	n.t.Helper()
	out, code := n.run("basewright", []string{"BASEWRIGHT_DATA=" + n.data, "BASEWRIGHT_FAILPOINT=" + point + ":kill"}, n.order(more...)...)
	n.said.WriteString(out)
	if code != -1 {
		n.t.Fatalf("%s: it was not killed, exit code %d:\n%s", point, code, out)
	}
}

// TestKilledCreations kills the program at every stage of making an instance on
// the real engine. The next start leaves nothing of it, or the whole of it once it
// was committed; with --keep-on-failure it leaves what there is.
func TestKilledCreations(t *testing.T) {
	if !inAll.now() {
		t.Skip("takes minutes: only with BASEWRIGHT_TEST_ALL=1")
	}
	t.Parallel()
	n := onStacks(t).person(t).newborn("killed")
	out, code := n.run("basewright", []string{"BASEWRIGHT_DATA=" + n.data, "BASEWRIGHT_FAILPOINT=list"}, n.order()...)
	if code != 0 {
		t.Fatalf("it does not work when nobody kills it:\n%s", out)
	}
	points := stages(out)
	if len(points) < 8 {
		t.Fatalf("only %d stages: %q", len(points), points)
	}
	n.gone()
	for _, point := range points {
		n.kill(point)
		n.basewright(0, "change", "recover")
		list, _ := n.run("basewright", []string{"BASEWRIGHT_DATA=" + n.data}, "instance", "list")
		if point == "end.after" && strings.Contains(list, n.name) { // the whole of it
			n.gone()
			continue
		}
		if strings.Contains(list, n.name) {
			t.Errorf("killed at %s: it is still registered:\n%s", point, list)
		}
		n.nothingOf(n.host, n.name, n.root)
	}
	n.kill("action-3-wait_healthy.do.after", "--keep-on-failure")
	n.basewright(0, "change", "recover")
	s, err := n.host.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Projects[n.name], "container") {
		t.Errorf("to be kept, and the engine has %q of it", s.Projects[n.name])
	}
	n.madeSecrets(filepath.Join(n.root, n.name))
	if out := n.basewright(0, "change", "list", n.name); !strings.Contains(out, "rollback_failed") {
		t.Errorf("a person is not told to look:\n%s", out)
	}
}

// stages are the points at which something was done: nothing happens between one
// and the next.
func stages(out string) []string {
	var points []string
	for _, m := range regexp.MustCompile(`(?m)^failpoint (\S+)$`).FindAllStringSubmatch(out, -1) {
		if p := m[1]; !slices.Contains(points, p) && (strings.HasSuffix(p, ".do.after") || strings.HasSuffix(p, "approve.after") || strings.HasPrefix(p, "end.")) {
			points = append(points, p)
		}
	}
	return points
}

// gone takes a whole instance off the engine and out of the books.
func (n *newborn) gone() {
	n.t.Helper()
	erase(n.t, n.host, n.name)
	n.basewright(0, "instance", "forget", n.name)
	if err := os.RemoveAll(filepath.Join(n.root, n.name)); err != nil {
		n.t.Fatal(err)
	}
}

// imagePrefix is how the names of the lab's images begin.
func imagePrefix() string { return cmp.Or(os.Getenv("LAB_PREFIX"), "basewright-lab") }
