package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
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
	s := startServe(t, filepath.Join(t.TempDir(), "data"), noEngine, "NOTIFY_SOCKET="+path).ready()
	if got := said(); got != "READY=1" {
		t.Errorf("when it is ready it says %q", got)
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
