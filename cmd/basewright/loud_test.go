package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/docker"
)

// speaker makes containers of a project of its own that print what they are told.
type speaker struct {
	*person
	api          *client.Client
	image        string
	project, dir string
}

// theProgram is basewright alone, for tests that make their own containers.
var theProgram = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "basewright-program-")
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "basewright"), ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build basewright: %w\n%s", err, out)
	}
	return &world{dir: dir}, err
})

// newSpeaker builds the image; all is removed when the test ends.
func newSpeaker(t *testing.T, name string) *speaker {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Docker Engine; left out by -short")
	}
	host, err := docker.Connect(t.Context(), "")
	if err != nil && os.Getenv("BASEWRIGHT_REQUIRE_ENGINE") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := theProgram()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	prefix := cmp.Or(os.Getenv("BASEWRIGHT_TEST_PREFIX"), "test")
	s := &speaker{person: w.person(t), api: host.Client(), project: prefix + "-" + name, dir: t.TempDir()}
	s.image = s.project + "-loud:test"
	bin := filepath.Join(t.TempDir(), "loud")
	build := exec.Command("go", "build", "-o", bin, "./testdata/loud")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	tw.WriteHeader(&tar.Header{Name: "loud", Mode: 0o755, Size: int64(len(data))})
	tw.Write(data)
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := s.api.ImageImport(t.Context(), image.ImportSource{Source: &b, SourceName: "-"}, s.image, image.ImportOptions{Changes: []string{`ENTRYPOINT ["/loud"]`}})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer)
	answer.Close()
	t.Cleanup(func() { s.api.ImageRemove(context.Background(), s.image, image.RemoveOptions{Force: true}) })
	return s
}

// say runs a container of a service, made from a folder, that prints line until
// so many bytes are out, and waits for its end.
func (s *speaker) say(service, dir string, size int, line string, env ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	made, err := s.api.ContainerCreate(ctx, &container.Config{
		Image: s.image, Cmd: []string{strconv.Itoa(size), line}, Env: env,
		Labels: map[string]string{"com.docker.compose.project": s.project, "com.docker.compose.service": service, "com.docker.compose.project.working_dir": dir},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := s.api.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true}); err != nil {
			s.t.Error(err)
		}
	})
	done, failed := s.api.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	if err := s.api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-done:
	case err := <-failed:
		s.t.Fatal(err)
	}
}

// measured runs the program and returns what it printed, and the most memory
// that it held, in bytes.
func (s *speaker) measured(args ...string) (string, int64) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(s.world.dir, "basewright"), args...)
	cmd.Env = append(os.Environ(), "BASEWRIGHT_DATA="+s.data)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 {
		s.t.Fatalf("basewright %s: %v\n%s", strings.Join(args, " "), err, out[:min(len(out), 2000)])
	}
	return string(out), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// TestLoudLogs wants the logs and the diagnosis of a service that logged without
// end to cost hardly more memory than those of quiet ones. BASEWRIGHT_TEST_LOG_MB
// says how much is logged.
func TestLoudLogs(t *testing.T) {
	t.Parallel()
	s := newSpeaker(t, "loud")
	megabytes, _ := strconv.Atoi(cmp.Or(os.Getenv("BASEWRIGHT_TEST_LOG_MB"), "48"))
	s.say("auth", s.dir, 1, `{"level":"info","msg":"quiet"}`)
	s.say("rest", s.dir, 1, `21/Nov/2026:21:34:45 +0000: quiet`)
	s.say("db", s.dir, 1, `2026-11-21 21:34:37.429 UTC [30] LOG:  quiet`)
	_, quiet := s.measured("logs", s.project, "--output", "json")
	_, look := s.measured("doctor", s.project, "--output", "json")
	s.say("storage", s.dir, megabytes<<20, "ERROR: something went wrong, and here it is told at length: "+strings.Repeat("x y ", 200))

	const most = 64 << 20 // the engine counts pieces of the long line as lines, so fewer are shown than asked for
	for _, row := range []struct {
		args  []string
		floor int64
		lines int
	}{
		{[]string{"logs", s.project, "--output", "json"}, quiet, 5},
		{[]string{"logs", s.project, "--service", "storage", "--range", "1h"}, quiet, 19_000},
		{[]string{"logs", s.project, "--grep", "the last"}, quiet, 3},
		{[]string{"doctor", s.project, "--output", "json"}, look, 50},
	} {
		out, rss := s.measured(row.args...)
		t.Logf("%s: %d lines, %d MB at most, %d MB without the loud one", strings.Join(row.args[:2], " "), strings.Count(out, "\n"), rss>>20, row.floor>>20)
		if rss > row.floor+most {
			t.Errorf("%q held %d MB, %d without the loud service", row.args, rss>>20, row.floor>>20)
		}
		if n := strings.Count(out, "\n"); n < row.lines {
			t.Errorf("%q printed %d lines, not %d", row.args, n, row.lines)
		}
		for line := range strings.Lines(out) {
			if len(line) > 64<<10 {
				t.Errorf("%q printed a line of %d bytes", row.args, len(line))
			}
		}
	}
}

// TestStrangersLogs wants no line under a role from a container that only claims
// to be of the project.
func TestStrangersLogs(t *testing.T) {
	t.Parallel()
	s := newSpeaker(t, "strange")
	s.say("db", s.dir, 1, "of the database", "POSTGRES_PASSWORD=by-Value-0815")
	s.say("auth", s.dir, 1, `{"level":"error","msg":"of auth by-Value-0815"}`)
	s.say("rest", s.dir, 1, "of rest")
	s.say("auth", t.TempDir(), 1, `{"level":"fatal","msg":"of a stranger"}`)
	for _, format := range []string{"text", "json"} {
		out := s.basewright(0, "logs", s.project, "--output", format)
		if strings.Contains(out, "stranger") || strings.Contains(out, "0815") || strings.Count(out, "of auth •••") != 2 || strings.Count(out, "of rest") != 2 {
			t.Errorf("said %s", out)
		}
	}
}

// TestHostileContainers diagnoses real containers whose project, service, folder,
// environment and log lines are hostile, and wants text in every output.
func TestHostileContainers(t *testing.T) {
	t.Parallel()
	s := newSpeaker(t, "hostile")
	const evil = "<img src=x onerror=alert(1)>\x1b]52;c;ZQ==\x07\x1b[31m\u202e{{.}}|x=1\nFORGED ../../etc/passwd $(id) =cmd|'/c calc'!A1"
	s.project += evil
	dir := filepath.Join(t.TempDir(), evil)
	for _, service := range []string{"db", "auth", "rest", "web" + evil} {
		s.say(service, dir, 1, "panic: "+evil+` {"level":"fatal","msg":"`+evil+`"}`, "SITE_URL="+evil, "X"+evil+"=y", "POSTGRES_PASSWORD=by-Value-0815"+evil)
	}
	for _, args := range [][]string{
		{"doctor", s.project}, {"doctor", s.project, "--output", "json"}, {"doctor", s.project, "--output", "html"}, {"doctor", s.project, "--output", "nagios"},
		{"logs", s.project}, {"logs", s.project, "--output", "json"}, {"logs", s.project, "--service", evil}, {"doctor", evil},
	} {
		out, code := s.run("basewright", []string{"BASEWRIGHT_DATA=" + s.data}, args...)
		if code < 0 || len(out) == 0 {
			t.Errorf("%q: exit code %d, %q", args, code, out)
		}
		if i := strings.IndexFunc(out, obeyed); i >= 0 {
			t.Errorf("%q prints %q", args, out[max(0, i-20):min(len(out), i+20)])
		}
		if strings.Contains(out, "\nFORGED") || strings.Contains(out, "<img") && slices.Contains(args, "html") || strings.Contains(out, "0815") {
			t.Errorf("%q prints %q", args, out)
		}
	}
}

// TestFollowRecreated follows a service of a real stack over a restart and over
// being made anew, and wants every start told once.
func TestFollowRecreated(t *testing.T) {
	t.Parallel()
	w := onStacks(t)
	p := w.probing(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.dir, "basewright"), "logs", p.stack, "--service", "imgproxy", "--follow", "--grep", "Starting server")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for read := bufio.NewScanner(out); read.Scan(); {
			lines <- read.Text()
		}
	}()
	seen := map[string]bool{}
	take := func(what string) {
		t.Helper()
		line, ok := <-lines // the test's own deadline bounds it
		if !ok || !strings.Contains(line, "Starting server") || seen[line] {
			t.Fatalf("%s: %q (%v), after %v", what, line, ok, seen)
		}
		seen[line] = true
	}
	take("as it runs")
	if err := p.engine.Restart(t.Context(), "imgproxy"); err != nil {
		t.Fatal(err)
	}
	take("restarted")
	if err := p.engine.Up(t.Context(), upAnew); err != nil {
		t.Fatal(err)
	}
	take("made anew")
}

var upAnew = core.UpRequest{Services: []core.Service{core.Imgproxy}, Recreate: true, Wait: 2 * time.Minute}
