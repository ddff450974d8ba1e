package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// testLabel marks all that a test run makes, so that it removes just that.
const testLabel = "io.basewright.test"

// testProject begins the name of every compose project of a test.
const testProject = "bwtest"

// runID tells this run's things from those of another.
var runID = strings.ToLower(rand.Text()[:10])

// engine connects to the Docker Engine of this machine. Without one the test is
// skipped, or fails when BASEWRIGHT_REQUIRE_ENGINE is 1; a short run does not
// make stacks.
func engine(t testing.TB) *Host {
	t.Helper()
	if testing.Short() {
		t.Skip("it makes stacks on the Docker Engine; run without -short")
	}
	h, err := Connect(t.Context(), "")
	if err != nil {
		if os.Getenv("BASEWRIGHT_REQUIRE_ENGINE") == "1" {
			t.Fatalf("a Docker Engine is required: %v", err)
		}
		t.Skipf("no Docker Engine to test with: %v", err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// stubImage builds the image that test containers run, once per test run, and
// tags it as name so that roles can be told by it.
func stubImage(t testing.TB, h *Host, names ...string) string {
	t.Helper()
	id, err := buildStub(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := h.api.ImageTag(t.Context(), id, name); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

var stubOnce struct {
	sync.Mutex
	id string
}

func buildStub(h *Host) (string, error) {
	stubOnce.Lock()
	defer stubOnce.Unlock()
	if stubOnce.id != "" {
		return stubOnce.id, nil
	}
	dir, err := os.MkdirTemp("", "basewright-stub")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "stub")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "./testdata/stub")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the stub: %w: %s", err, out)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	stubOnce.id, err = buildImage(h, "basewright-test/stub:"+runID, map[string][]byte{"stub": data, "Dockerfile": []byte(
		"FROM scratch\nADD stub /stub\nCOPY Dockerfile /etc/stub\nENTRYPOINT [\"/stub\"]\nLABEL " + testLabel + "=" + runID + "\n")})
	return stubOnce.id, err
}

func buildImage(h *Host, tag string, files map[string][]byte) (string, error) {
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	for name, data := range files {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))})
		w.Write(data)
	}
	w.Close()
	ctx := context.Background()
	r, err := h.api.ImageBuild(ctx, &tarball, build.ImageBuildOptions{Tags: []string{tag}, Remove: true, ForceRemove: true})
	if err != nil {
		return "", err
	}
	said, _ := io.ReadAll(r.Body)
	r.Body.Close()
	found, err := h.api.ImageInspect(ctx, tag)
	if err != nil {
		return "", fmt.Errorf("build %s: %w: %s", tag, err, said)
	}
	return found.ID, nil
}

// TestMain removes what killed runs left, and the images of this one.
func TestMain(m *testing.M) {
	h, err := Connect(context.Background(), "")
	if err == nil {
		sweep(h, time.Now().Add(-time.Hour))
	}
	code := m.Run()
	if err == nil && stubOnce.id != "" {
		removeImages(h, testLabel+"="+runID, time.Now())
	}
	os.Exit(code)
}

// sweep removes the stacks and images of runs that began so long ago that they
// cannot be under way.
func sweep(h *Host, before time.Time) {
	ctx := context.Background()
	networks, _ := h.api.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("label", projectLabel))})
	for _, n := range networks {
		if project := n.Labels[projectLabel]; strings.HasPrefix(project, testProject) && n.Created.Before(before) {
			removeAll(h, project)
		}
	}
	removeImages(h, testLabel, before)
}

func removeImages(h *Host, label string, before time.Time) {
	ctx := context.Background()
	images, _ := h.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label)), All: true})
	for _, i := range images {
		if time.Unix(i.Created, 0).Before(before) {
			h.api.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		}
	}
}

// stack writes a compose project into a folder and removes what came of it when
// the test ends. %s in the text is the label line of services and volumes.
func stack(t testing.TB, h *Host, compose string, files map[string]string) (dir, project string) {
	t.Helper()
	dir, project = t.TempDir(), testProject+strings.ToLower(rand.Text()[:8])
	label := fmt.Sprintf("labels: {%s: %q}", testLabel, project)
	write(t, filepath.Join(dir, "docker-compose.yml"), strings.ReplaceAll(compose, "LABELS", label))
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	t.Cleanup(func() {
		if err := removeAll(h, project); err != nil {
			t.Error(err)
		}
	})
	return dir, project
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// removeAll removes what carries the project's compose label.
func removeAll(h *Host, project string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, key := range []string{projectLabel + "=" + project, testLabel + "=" + project} {
		ours := filters.NewArgs(filters.Arg("label", key))
		cs, err := h.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
		if err != nil {
			return err
		}
		for _, c := range cs {
			h.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		}
		ns, _ := h.api.NetworkList(ctx, network.ListOptions{Filters: ours})
		for _, n := range ns {
			h.api.NetworkRemove(ctx, n.ID)
		}
		vs, _ := h.api.VolumeList(ctx, volume.ListOptions{Filters: ours})
		for _, v := range vs.Volumes {
			h.api.VolumeRemove(ctx, v.Name, true)
		}
	}
	return nil
}
