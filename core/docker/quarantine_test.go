package docker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

const shelvedStack = `
services:
  db:
    image: ${IMAGE}
    LABELS
    environment: {PORT: "5432"}
    volumes: ["./pg:/var/lib/postgresql/data", "keys:/etc/keys"]
volumes:
  keys:
    labels: {VOLUME_LABEL}
`

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// TestQuarantine moves a file, a folder, a bind mount and the content of a named
// volume, and puts each back, on real files and a real engine.
func TestQuarantine(t *testing.T) {
	h := engine(t)
	stack := strings.Replace(shelvedStack, "{VOLUME_LABEL}", "{"+testLabel+": "+runID+"}", 1)
	e := open(t, h, stack, map[string]string{"pg/PG_VERSION": "17\n", "a/b.yml": "old\n"})
	dir := e.instance.Dir
	o, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	volume := ""
	for _, m := range o.Containers[0].Mounts {
		if m.Type == "volume" {
			volume = m.Source
		}
	}
	if _, err := os.ReadDir(volume); err != nil {
		t.Skipf("the engine's volumes cannot be read: %v", err)
	}
	write(t, filepath.Join(volume, "root.key"), "k\n")
	if err := os.Chmod(filepath.Join(dir, "pg"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context(), core.DB); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		item core.Aside
		file string
	}{
		"a file":       {core.Aside{Path: "a/b.yml"}, filepath.Join(dir, "a/b.yml")},
		"a folder":     {core.Aside{Path: "a"}, filepath.Join(dir, "a/b.yml")},
		"a bind mount": {core.Aside{Service: core.DB, Mount: "/var/lib/postgresql/data"}, filepath.Join(dir, "pg/PG_VERSION")},
		"a volume":     {core.Aside{Service: core.DB, Mount: "/etc/keys"}, filepath.Join(volume, "root.key")},
	} {
		t.Run(name, func(t *testing.T) {
			before := content(t, row.file)
			info, err := os.Stat(filepath.Dir(row.file))
			if err != nil {
				t.Fatal(err)
			}
			row.item.ID, row.item.At = core.NewID()+"-1", time.Now()
			a, err := e.Locate(t.Context(), row.item)
			if err != nil || a.Size != int64(len(before)) || content(t, row.file) != before {
				t.Fatalf("%+v, %v", a, err)
			}
			for range 2 {
				if err := e.SetAside(t.Context(), a, false); err != nil {
					t.Fatal(err)
				}
			}
			if content(t, row.file) != "" || content(t, filepath.Join(a.In(), asideManifest)) == "" {
				t.Error("it was not moved")
			}
			if now, err := os.Stat(a.From()); a.Refill && (err != nil || now.Mode() != info.Mode()) {
				t.Errorf("the empty folder in its place: %v, %v", now, err)
			}
			write(t, row.file, "somebody's work\n")
			for range 2 {
				if err := e.PutBack(t.Context(), a, false); err != nil {
					t.Fatal(err)
				}
			}
			if content(t, row.file) != before {
				t.Errorf("it is back as %q", content(t, row.file))
			}
			rest, err := os.ReadDir(a.In())
			if err != nil || len(rest) != 2 { // the manifest, and what was found in its place
				t.Errorf("%v, %v", rest, err)
			}
			if err := e.Purge(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(a.In()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after the purge: %v", err)
			}
		})
	}
}

func TestWhatIsInUseIsNotMoved(t *testing.T) {
	h := engine(t)
	e := open(t, h, shelvedStackPlain(), map[string]string{"pg/PG_VERSION": "17\n"})
	item := core.Aside{ID: "x-1", At: time.Now(), Path: "pg"}
	a, err := e.Locate(t.Context(), item)
	if core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "stop it first") {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := e.SetAside(t.Context(), a, false); core.CodeOf(err) != core.Conflict {
		t.Errorf("set aside: %v", err)
	}
	if err := e.SetAside(t.Context(), a, true); err != nil {
		t.Fatal(err)
	}
	if c := must(t, e); c.State == "running" {
		t.Errorf("the container that used it is %s", c.State)
	}
	if err := e.PutBack(t.Context(), a, true); err != nil || content(t, filepath.Join(e.instance.Dir, "pg/PG_VERSION")) != "17\n" {
		t.Errorf("put back: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(e.instance.Dir, shelfName)); err == nil {
		t.Errorf("it left %v behind", left)
	}
	for says, bad := range map[string]core.Aside{
		"there is nothing at":         {Path: "nowhere"},
		"not a file inside":           {Path: "../x"},
		"nothing of the host is moun": {Service: core.DB, Mount: "/nowhere"},
	} {
		if _, err := e.Locate(t.Context(), bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	for _, bad := range []core.Aside{{Root: "/", Origin: "etc/passwd", Place: "tmp"}, {Root: e.instance.Dir, Origin: "../x", Place: shelfName + "/x"}, {Root: e.instance.Dir, Origin: "a", Place: shelfName + "/../.."}} {
		if err := e.Purge(t.Context(), bad); core.CodeOf(err) != core.Invalid {
			t.Errorf("a forged entry: %v", err)
		}
	}
}

func shelvedStackPlain() string {
	return strings.Split(strings.Replace(shelvedStack, `, "keys:/etc/keys"`, "", 1), "volumes:\n  keys")[0]
}

func must(t *testing.T, e *Engine) core.Container {
	t.Helper()
	o, err := e.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o.Containers[0]
}
