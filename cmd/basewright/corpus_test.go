package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/supabase"
)

// golden is what lint finds in a layout, each finding with the reason why it is
// true: testdata/golden/NAME.txt. Whatever else is found is a false alarm, or a
// new truth to look at by hand.
type golden struct {
	layout string            // folder below testdata
	args   []string          // after the folder
	want   map[string]string // "CODE severity service" to the reason
}

// readGolden reads "layout: FOLDER" and "args: …", then lines of a finding, a
// colon and its reason. Lines that begin with # explain the layout.
func readGolden(t *testing.T, path string) golden {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g := golden{want: map[string]string{}}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		head, rest, ok := strings.Cut(lines.Text(), ": ")
		switch {
		case strings.HasPrefix(head, "#") || strings.TrimSpace(head) == "":
		case !ok || rest == "" || g.want[head] != "":
			t.Fatalf("%s: a line without a reason, or twice: %q", path, lines.Text())
		case head == "layout":
			g.layout = rest
		case head == "args":
			g.args = strings.Fields(rest)
		default:
			g.want[head] = rest
		}
	}
	return g
}

// TestLayouts wants no false alarm, and every true finding with a file or a line
// to go to, on stacks as people have them.
func TestLayouts(t *testing.T) {
	files, _ := filepath.Glob("testdata/golden/*.txt")
	if len(files) == 0 {
		t.Fatal("there is no golden file")
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			g := readGolden(t, path)
			dir := layout(t, g.layout)
			completeMounts(t, dir, g.args)
			before := tree(t, dir)
			found := map[string]bool{}
			for _, d := range lintAll(t, append([]string{dir}, g.args...)...) {
				for _, f := range d.Findings {
					id := fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Service)
					found[id] = true
					if g.want[id] == "" {
						t.Errorf("%s %q %v: is it true? then say why in %s", id, f.Title, f.Evidence, path)
					}
					if !slices.ContainsFunc(f.Evidence, inFile) {
						t.Errorf("%s does not name a file: %v", id, f.Evidence)
					}
				}
				if len(d.Unknowns) > 0 {
					t.Errorf("could not look: %v", d.Unknowns)
				}
			}
			for id, reason := range g.want {
				if !found[id] {
					t.Errorf("%s was not found, though %s", id, reason)
				}
			}
			if !maps.Equal(before, tree(t, dir)) {
				t.Error("looking changed the folder")
			}
		})
	}
}

// layout copies a layout. Its .env, or .env.example, gets secrets that fit each
// other where it says so: %SECRET%, %ANON% and %SERVICE%.
func layout(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stack, of commas")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	if example := filepath.Join(dir, ".env.example"); exists(example) {
		if err := os.Rename(example, filepath.Join(dir, ".env")); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	for _, path := range append(files, hidden...) {
		if !strings.Contains(filepath.Base(path), "env") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// what differs between two files of one folder must not be shared
		if err := os.WriteFile(path, []byte(fill(t, string(text), filepath.Base(path))), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fill puts secrets into a .env that fit each other.
func fill(t *testing.T, text, seed string) string {
	t.Helper()
	secret := strings.Repeat(strings.Trim(seed, ".")+"0123456789abcdefghijklmnopqrstuvwxyz", 2)[:40]
	anon, err := supabase.MintKey("anon", core.Secret(secret), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	service, err := supabase.MintKey("service_role", core.Secret(secret), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat(secret, 2)
	return strings.NewReplacer("%SECRET%", secret, "%ANON%", anon.Reveal(), "%SERVICE%", service.Reveal(),
		"%64%", long[:64], "%32%", long[:32], "%16%", long[:16]).Replace(text)
}

// completeMounts makes what the stack mounts of its folder and is left out of
// the test data: an empty file where the target has an extension, else a folder.
func completeMounts(t *testing.T, dir string, args []string) {
	t.Helper()
	var files []string
	for i := 0; i+1 < len(args); i += 2 { // -f FILE …
		files = append(files, args[i+1])
	}
	stacks, err := findFolders(dir, files, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stacks {
		o, err := s.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.Compose.Services {
			for _, m := range c.Mounts {
				completeMount(t, dir, m)
			}
		}
	}
}

func completeMount(t *testing.T, dir string, m core.Mount) {
	t.Helper()
	switch {
	case !strings.HasPrefix(m.Source, dir) || exists(m.Source) && !strings.HasSuffix(m.Target, "/functions"):
	case strings.HasSuffix(m.Target, "/functions"):
		touch(t, filepath.Join(m.Source, "main", "index.ts"))
	case filepath.Ext(m.Target) != "":
		touch(t, m.Source)
	default:
		touch(t, filepath.Join(m.Source, ".keep"))
	}
}

// inFile reports whether evidence leads to a file or a folder.
func inFile(e core.Evidence) bool { return strings.HasPrefix(e.Source, "file:") }

// touch makes an empty file where there is none.
func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// tree is every file of a folder with its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const smallStack = "services:\n  auth:\n    image: supabase/gotrue:v2.196.0\n    environment:\n      GOTRUE_JWT_SECRET: ${JWT_SECRET}\n"
