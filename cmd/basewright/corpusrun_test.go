package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// TestCorpusRuns brings published layouts up and wants doctor to say nothing of
// them that is not true.
func TestCorpusRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker Engine; left out by -short")
	}
	h, err := docker.Connect(t.Context(), "")
	if err != nil {
		t.Skip(err)
	}
	defer h.Close()
	if out, err := exec.Command("go", "run", "../lab", "images").CombinedOutput(); err != nil {
		t.Fatalf("lab images: %v\n%s", err, out)
	}
	for name, tt := range running {
		t.Run(name, func(t *testing.T) {
			if tt.slow && os.Getenv("BASEWRIGHT_TEST_ALL") != "1" {
				t.Skip("takes a minute: only with BASEWRIGHT_TEST_ALL=1")
			}
			project := prefix + "-corpus"
			dir := bringUp(t, h, tt, project)
			known := readGolden(t, filepath.Join("testdata/golden", tt.golden+".txt")).want
			untrue := untold(t, project, known, tt.more)
			for end := time.Now().Add(time.Minute); len(untrue) > 0 && time.Now().Before(end); {
				untrue = untold(t, project, known, tt.more) // services without a health check were still starting
			}
			for _, what := range untrue {
				t.Errorf("%s: is it true?", what)
			}
			adopts(t, h, project, dir)
		})
	}
}

// bringUp brings a layout up with the lab's images and returns its folder.
func bringUp(t *testing.T, h *docker.Host, p published, project string) string {
	t.Helper()
	must(t, h.Down(t.Context(), project, true)) // of a killed run; mostly there is none
	dir := layout(t, p.layout)
	settings(t, dir, project, p)
	labFiles(t, dir, p.sql)
	args := []string{}
	for _, name := range p.files {
		args = append(args, "-f", name)
	}
	completeMounts(t, dir, args)
	if p.network != "" {
		outsideNetwork(t, h, project+p.network)
	}
	files := p.compose(dir)
	files = append(files, mapped(t, dir, project, files))
	t.Cleanup(func() {
		if err := h.Down(context.WithoutCancel(t.Context()), project, true); err != nil {
			t.Error(err)
		}
	})
	err := h.Up(t.Context(), dir, project, files, 3*time.Minute)
	for try := 0; err != nil && try < 3; try++ { // a slow machine needs longer than their health checks wait
		err = h.Up(t.Context(), dir, project, files, 3*time.Minute)
	}
	if err != nil {
		said, _ := theDoctor(t, project)
		t.Fatalf("%v\n%s", err, said)
	}
	return dir
}

// adopts adopts a project and wants nothing of it touched: no file, and no container
// as the engine describes it.
func adopts(t *testing.T, h *docker.Host, project, dir string) {
	t.Helper()
	t.Setenv("BASEWRIGHT_DATA", filepath.Join(t.TempDir(), "data"))
	before := untouchable(t, h, project, dir)
	for _, args := range [][]string{{"instance", "adopt", project}, {"doctor", project}, {"instance", "audit"}, {"instance", "show", project}} {
		var b bytes.Buffer
		if code := run(t.Context(), args, console{out: &b, err: &b, in: strings.NewReader("")}); code == exitNoSight {
			t.Fatalf("%q: %s", args, b.String())
		}
	}
	after := untouchable(t, h, project, dir)
	for what, was := range before {
		if after[what] != was {
			t.Errorf("adopting changed %s:\nbefore %s\nafter  %s", what, was, after[what])
		}
	}
	if len(before) < 15 || len(after) != len(before) {
		t.Errorf("%d things were looked at, then %d", len(before), len(after))
	}
}

// untouchable is docker inspect of every container, but for what its health check
// wrote, and mode, time and size of every file outside of the data.
func untouchable(t *testing.T, h *docker.Host, project, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	list, err := h.Client().ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+project))})
	must(t, err)
	for _, c := range list {
		in, err := h.Client().ContainerInspect(t.Context(), c.ID)
		must(t, err)
		in.State.Health, in.ExecIDs = nil, nil
		slices.SortFunc(in.Mounts, func(a, b container.MountPoint) int { return cmp.Compare(a.Destination, b.Destination) }) // which come in any order
		text, err := json.Marshal(in)
		must(t, err)
		all["container "+in.Name] = string(text)
	}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/volumes/db/data/") || strings.Contains(path, "/volumes/storage/") {
			return err
		}
		info, err := d.Info()
		all["file "+path] = fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		return err
	}))
	return all
}

// untold lists what doctor finds, or cannot look at, and nobody gave a reason for.
func untold(t *testing.T, project string, known, more map[string]string) []string {
	t.Helper()
	out, code := theDoctor(t, project)
	var said struct{ Diagnoses []core.Diagnosis }
	if err := json.Unmarshal([]byte(out), &said); err != nil || len(said.Diagnoses) != 1 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	var untrue []string
	for _, f := range said.Diagnoses[0].Findings {
		if known[fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Service)] == "" && more[f.Code+" "+string(f.Service)] == "" {
			untrue = append(untrue, fmt.Sprintf("%s %s %q %v", f.Code, f.Service, f.Title, f.Evidence))
		}
	}
	for _, u := range said.Diagnoses[0].Unknowns {
		untrue = append(untrue, fmt.Sprintf("could not look: %v", u))
	}
	return untrue
}

// theDoctor runs the program on one project.
func theDoctor(t *testing.T, project string) (string, int) {
	t.Helper()
	t.Setenv("BASEWRIGHT_DATA", filepath.Join(t.TempDir(), "data"))
	var b bytes.Buffer
	code := run(t.Context(), []string{"doctor", project, "--output", "json"}, console{out: &b, err: &b, in: strings.NewReader("")})
	return b.String(), code
}
