package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("far"))
	id := hex.EncodeToString(sum[:])
	write(t, filepath.Join(dir, "config.json"), `{"currentContext":"far"}`)
	write(t, filepath.Join(dir, "contexts/meta", id, "meta.json"), `{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":true}}}`)
	write(t, filepath.Join(dir, "contexts/tls", id, "docker/ca.pem"), "x")
	empty := t.TempDir()
	write(t, filepath.Join(empty, "config.json"), `{"auths":{}}`)
	for name, row := range map[string]struct {
		flag string
		env  map[string]string
		want string
	}{
		"the flag wins":             {"unix:///a", map[string]string{"DOCKER_HOST": "unix:///b", "DOCKER_CONFIG": dir}, "unix:///a"},
		"the environment":           {"", map[string]string{"DOCKER_HOST": "ssh://me@b", "DOCKER_CONFIG": dir}, "ssh://me@b"},
		"the current context":       {"", map[string]string{"DOCKER_CONFIG": dir}, "tcp://far:2376"},
		"the context of the env":    {"", map[string]string{"DOCKER_CONFIG": empty, "DOCKER_CONTEXT": "default"}, "unix:///var/run/docker.sock"},
		"a configuration without":   {"", map[string]string{"DOCKER_CONFIG": empty}, "unix:///var/run/docker.sock"},
		"no configuration":          {"", map[string]string{"DOCKER_CONFIG": "/no/such"}, "unix:///var/run/docker.sock"},
		"a context that is not":     {"", map[string]string{"DOCKER_CONTEXT": "gone", "DOCKER_CONFIG": dir}, "error: the Docker context gone cannot be used"},
		"an address without scheme": {"localhost:2375", nil, "error: the Docker host localhost:2375 is not an address"},
		"an unknown scheme":         {"ftp://x", nil, "error: the Docker host ftp://x begins with none of unix://, tcp://, http://, https:// and ssh://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DOCKER_HOST", "")
			t.Setenv("DOCKER_CONTEXT", "")
			for key, value := range row.env {
				t.Setenv(key, value)
			}
			e, err := resolve(row.flag)
			got := e.host
			if err != nil {
				got = "error: " + err.Error()
			}
			if !strings.HasPrefix(got, row.want) {
				t.Errorf("got %q", got)
			}
			if e.context == "far" && (e.tls == nil || e.tls.CAFile == "" || !e.tls.InsecureSkipVerify) {
				t.Errorf("TLS is %+v", e.tls)
			}
		})
	}
}

// TestHostName: an engine behind a socket or a port of this machine is this
// machine's, any other is where its address says.
func TestHostName(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	here, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"unix:///var/run/docker.sock": here, "tcp://127.0.0.1:2375": here, "tcp://localhost:2375": here, "tcp://[::1]:2375": here,
		"ssh://me@rack-1:22": "rack-1", "tcp://10.0.0.7:2376": "10.0.0.7", "ftp://x": "",
	} {
		if got := HostName(host); got != want {
			t.Errorf("%s is on %q, want %q", host, got, want)
		}
	}
}

func TestNoEngineInOneSentence(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for name, row := range map[string]struct{ host, want string }{
		"no socket":             {"unix:///no/such.sock", "no Docker Engine answers at unix:///no/such.sock"},
		"nobody on the port":    {"tcp://127.0.0.1:1", "no Docker Engine answers at tcp://127.0.0.1:1"},
		"accepts, says nothing": {"tcp://" + silent.Addr().String(), "accepts connections but does not answer"},
		"no such machine":       {"ssh://nobody@127.0.0.1:1", "no Docker Engine answers at ssh://nobody@127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Connect(context.Background(), row.host)
			if core.CodeOf(err) != core.Unreachable || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// flaky stands between client and engine, and hangs up at requests of which the
// path holds what cut says.
func flaky(t *testing.T) (host string, cut *atomic.Value) {
	cut = &atomic.Value{}
	cut.Store("\x00")
	engineSocket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return net.Dial("unix", "/var/run/docker.sock")
	}}}
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, cut.Load().(string)) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
			return
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", "docker", ""
		answer, err := engineSocket.Do(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		for key, values := range answer.Header {
			w.Header()[key] = values
		}
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "unix://" + path, cut
}

func TestEngineGoesAway(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	host, cut := flaky(t)
	h, err := Connect(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	through := h.Open(e.instance)
	if o, err := through.Observe(t.Context()); err != nil || len(o.Containers) != 2 {
		t.Fatalf("got %v, %v", o, err)
	}
	auth, err := through.running(t.Context(), core.Auth)
	if err != nil {
		t.Fatal(err)
	}
	for path, do := range map[string]func() error{
		"/containers/json":                    func() error { _, err := through.Observe(t.Context()); return err },
		"/containers/" + auth.ID + "/json":    func() error { _, err := through.Observe(t.Context()); return err },
		"/containers/" + auth.ID + "/logs":    func() error { _, err := through.Observe(t.Context()); return err },
		"/containers/" + auth.ID + "/restart": func() error { return through.Restart(t.Context(), core.Auth) },
		"/containers/" + auth.ID + "/exec": func() error {
			_, err := through.Exec(t.Context(), core.Auth, core.Command{Args: []string{"/stub"}})
			return err
		},
		"/networks": func() error { _, err := through.Capture(t.Context()); return err },
		"/":         func() error { return through.Up(t.Context(), core.UpRequest{}) },
	} {
		t.Run(path, func(t *testing.T) {
			cut.Store(path)
			defer cut.Store("\x00")
			err := do()
			if core.CodeOf(err) != core.Unreachable || !strings.Contains(fmt.Sprint(err), "stopped answering while") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestVanishedContainerIsAGap(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	listed, err := e.listed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed[0].ID = strings.Repeat("0", 64)
	seen, gaps, err := e.inspectAll(t.Context(), listed)
	if err != nil || len(seen) != 1 || len(gaps) != 1 || !strings.Contains(gaps[0].Why, "removed while we looked") {
		t.Fatalf("got %v, %v, %v", seen, gaps, err)
	}
}

func TestFolderElsewhereIsAGap(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	e.instance.Dir, e.instance.Files = "/no/such/folder", []string{"/no/such/folder/docker-compose.yml"}
	o, err := e.Observe(t.Context())
	if err != nil || len(o.Containers) != 2 || len(o.Gaps) == 0 || core.CodeOf(o.Env.Err) != core.Unreachable || core.CodeOf(o.Compose.Err) != core.Unreachable {
		t.Fatalf("got %+v, %v", o, err)
	}
}

func TestCancelledUpSaysSo(t *testing.T) {
	h := engine(t)
	dir, project := stack(t, h, `
services:
  db:
    image: ${IMAGE}
    LABELS
    healthcheck: {test: ["CMD", "/stub", "fail", "1", "never"], interval: 1s, retries: 100}
`, map[string]string{".env": "IMAGE=" + stubImage(t, h)})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := h.Up(ctx, dir, project, nil, time.Minute); !strings.Contains(fmt.Sprint(err), context.DeadlineExceeded.Error()) {
		t.Fatalf("err = %v", err)
	}
}

func TestPipeForEnvDoesNotBlock(t *testing.T) {
	e := open(t, engine(t), smallStack, nil)
	env := filepath.Join(e.instance.Dir, ".env")
	if err := errors.Join(os.Remove(env), syscall.Mkfifo(env, 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	o, err := e.Observe(ctx)
	if err != nil || core.CodeOf(o.Env.Err) != core.Invalid || len(o.Gaps) != 1 {
		t.Fatalf("got %+v, %v", o, err)
	}
}
