package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// newSpeaker builds the image; all is removed when the test ends.
func (w *world) newSpeaker(t *testing.T, name string) *speaker {
	t.Helper()
	host, err := docker.Connect(t.Context(), "")
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
	s := onStacks(t).newSpeaker(t, "loud")
	megabytes, _ := strconv.Atoi(cmp.Or(os.Getenv("BASEWRIGHT_TEST_LOG_MB"), "48"))
	s.say("auth", s.dir, 1, `{"level":"info","msg":"quiet"}`)
	s.say("rest", s.dir, 1, `21/Nov/2026:21:34:45 +0000: quiet`)
	_, quiet := s.measured("logs", s.project, "--output", "json")
	_, look := s.measured("doctor", s.project, "--output", "json")
	s.say("db", s.dir, megabytes<<20, `10.0.0.1 2026-11-21 21:34:37.429 UTC [3020] a@b ERROR:  something of ordinary length went wrong here, and here it is told at some length`)

	const most = 64 << 20
	for _, row := range []struct {
		args  []string
		floor int64
		lines int
	}{
		{[]string{"logs", s.project, "--output", "json"}, quiet, 200},
		{[]string{"logs", s.project, "--service", "db", "--range", "1h"}, quiet, 20_000},
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
	s := onStacks(t).newSpeaker(t, "strange")
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
