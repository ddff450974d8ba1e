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
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

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
	s := &speaker{person: w.person(t), api: host.Client(), project: prefix + "-" + name, dir: t.TempDir()}
	s.image = s.project + "-loud:test"
	s.forget()
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

// forget removes what a killed run left of the project.
func (s *speaker) forget() {
	s.t.Helper()
	of := filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+s.project))
	list, err := s.api.ContainerList(s.t.Context(), container.ListOptions{All: true, Filters: of})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range list {
		if err := s.api.ContainerRemove(s.t.Context(), c.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			s.t.Fatal(err)
		}
	}
}

// say runs a container of a service, made from a folder, that prints line until
// so many bytes are out, and waits for its end.
func (s *speaker) say(service, dir string, size int, line string, env ...string) (id string) {
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
		if err := s.api.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			s.t.Error(err)
		}
	})
	s.start(made.ID)
	return made.ID
}

// start starts a container and waits for its end.
func (s *speaker) start(id string) {
	s.t.Helper()
	done, failed := s.api.ContainerWait(s.t.Context(), id, container.WaitConditionNextExit)
	if err := s.api.ContainerStart(s.t.Context(), id, container.StartOptions{}); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-done:
	case err := <-failed:
		s.t.Fatal(err)
	}
}

// measured runs the program and returns what it printed, and the most memory
// that it was seen to hold, in bytes. What the kernel accounts to a process when
// it ends is no measure: it begins with what its parent held.
func (s *speaker) measured(args ...string) (string, int64) {
	s.t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(s.t.Context(), filepath.Join(s.world.dir, "basewright"), args...)
	cmd.Env = append(os.Environ(), "BASEWRIGHT_DATA="+s.data)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended, most := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		for tick := time.Tick(2 * time.Millisecond); ; {
			select {
			case <-ended:
				most <- peak
				return
			case <-tick:
				peak = max(peak, peakOf(cmd.Process.Pid))
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	if cmd.ProcessState.ExitCode() > exitFound || cmd.ProcessState.ExitCode() < 0 {
		s.t.Fatalf("basewright %s: %v\n%s", strings.Join(args, " "), err, out.Bytes()[:min(out.Len(), 2000)])
	}
	return out.String(), <-most
}

// peakOf returns the most memory that a process has held so far, 0 when it has
// ended.
func peakOf(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(words[0], 10, 64)
	return kilobytes << 10
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
		if rss == 0 || rss > row.floor+most {
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
		if strings.Contains(out, "stranger") || strings.Contains(out, "Value-0815") || strings.Count(out, "of auth •••") != 2 || strings.Count(out, "of rest") != 2 {
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
		if strings.Contains(out, "\nFORGED") || strings.Contains(out, "<img") && slices.Contains(args, "html") || strings.Contains(out, "Value-0815") {
			t.Errorf("%q prints %q", args, out)
		}
	}
}

// TestFollowRecreated follows a service over a restart and over being made anew,
// each so short that nobody sees it run, and wants every life told once.
func TestFollowRecreated(t *testing.T) {
	t.Parallel()
	s := newSpeaker(t, "follow")
	s.say("db", s.dir, 1, "of the database")
	s.say("rest", s.dir, 1, "of rest")
	first := s.say("auth", s.dir, 1, `{"level":"info","msg":"first"}`)
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.world.dir, "basewright"), "logs", s.project, "--service", "auth", "--follow", "--output", "json")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	read, seen := bufio.NewScanner(out), map[string]bool{}
	take := func(word string, lines int) {
		t.Helper()
		for range lines {
			if !read.Scan() || !strings.Contains(read.Text(), word) || seen[read.Text()] { // the test's own deadline bounds it
				t.Fatalf("wanted a new line with %q, got %q after %v", word, read.Text(), seen)
			}
			seen[read.Text()] = true
		}
	}
	take("first", 2)
	s.start(first)
	take("first", 2)
	if err := s.api.ContainerRemove(t.Context(), first, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	s.say("auth", s.dir, 1, `{"level":"info","msg":"second"}`)
	take("second", 2)
}
