package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSystemd: who started the agent is told when it is ready and when it stops;
// it stops soon although somebody reads a stream, who sees the end of it.
func TestSystemd(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "bw") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer socket.Close()
	said := func() string {
		must(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		b := make([]byte, 256)
		n, err := socket.Read(b)
		must(t, err)
		return string(b[:n])
	}
	s := startServe(t, filepath.Join(t.TempDir(), "data"), noEngine, "NOTIFY_SOCKET="+path)
	if got := said(); got != "READY=1" {
		t.Errorf("when it is ready it says %q", got)
	}
	if code, body := s.get("/readyz", ""); code != http.StatusOK || !strings.Contains(body, `"state":"ok"`) {
		t.Errorf("ready it said: %d %s", code, body)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/events", nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+s.logIn())
	resp, err := (&http.Client{}).Do(r)
	must(t, err)
	defer func() { must(t, resp.Body.Close()) }()
	ended := make(chan bool)
	go func() {
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
		}
		close(ended)
	}()
	begin := time.Now()
	s.stop()
	if got := said(); got != "STOPPING=1" {
		t.Errorf("when it stops it says %q", got)
	}
	<-ended
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v to stop:\n%s", took, s.out)
	}
	if strings.Contains(s.out.String(), "panic") {
		t.Errorf("it said:\n%s", s.out)
	}
}

// TestSocketActivation: the socket is there before the agent, as systemd has it;
// who asked before it ran is answered, and the address outlives a restart.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts the program; left out by -short")
	}
	program, err := programOnce()
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	must(t, err)
	defer file.Close()
	data := filepath.Join(t.TempDir(), "data")
	for run := range 2 {
		early, err := net.Dial("tcp", listener.Addr().String())
		must(t, err)
		_, err = fmt.Fprintf(early, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		must(t, err)
		s := &served{t: t, data: data, out: &lockedBuffer{}, url: "http://" + listener.Addr().String()}
		// The variable names the process that is started, which only itself knows.
		s.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, program, "serve", "--data", data, "--listen", "127.0.0.1:1")
		s.cmd.Env, s.cmd.ExtraFiles = append(os.Environ(), noEngine), []*os.File{file}
		s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
		must(t, s.cmd.Start())
		t.Cleanup(s.kill)
		must(t, early.SetReadDeadline(time.Now().Add(time.Minute)))
		answer, err := io.ReadAll(early)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
			t.Errorf("run %d: who asked before it ran got %q, %v\n%s", run, answer, err, s.out)
		}
		must(t, early.Close())
		s.ready().stop()
	}
}
