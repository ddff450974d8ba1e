package main

import (
	"bufio"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkAgent measures the served agent as a process: from its start until it
// is ready (goal 100 ms), after a kill -9 (2 s), and its memory, idle (60 MiB)
// and with a thousand readers of events (150 MiB).
func BenchmarkAgent(b *testing.B) {
	var first, again time.Duration
	var idle, watched int
	for b.Loop() {
		data := filepath.Join(b.TempDir(), "data")
		s, took := readyAfter(b, data)
		first += took
		idle = resident(b, s)
		done := watch(b, s, 1000)
		watched = resident(b, s)
		s.kill()
		done()
		s, took = readyAfter(b, data)
		again += took
		s.kill()
	}
	b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "ms-to-ready")
	b.ReportMetric(float64(again.Milliseconds())/float64(b.N), "ms-after-kill")
	b.ReportMetric(float64(idle), "MiB-idle")
	b.ReportMetric(float64(watched), "MiB-with-1000-readers")
}

// readyAfter starts the agent and returns how long it took until it was ready.
func readyAfter(b *testing.B, data string) (*served, time.Duration) {
	b.Helper()
	if _, err := programOnce(); err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	s := startServe(b, data, noEngine)
	for time.Since(begin) < time.Minute {
		if code, body := s.get("/readyz", ""); code == http.StatusOK && strings.Contains(body, `"state":"ok"`) {
			return s, time.Since(begin)
		}
		time.Sleep(time.Millisecond) // nothing tells when another process is so far
	}
	b.Fatalf("it is not ready after a minute:\n%s", s.out)
	return nil, 0
}

// watch has many read the events until done is called, and returns when each has
// got the first piece.
func watch(b *testing.B, s *served, n int) (done func()) {
	b.Helper()
	token := s.logIn()
	ctx, cancel := context.WithCancel(context.Background())
	client := &http.Client{}
	var begun, all sync.WaitGroup
	for range n {
		begun.Add(1)
		all.Go(func() {
			first := sync.OnceFunc(begun.Done)
			defer first()
			r, _ := http.NewRequestWithContext(ctx, "GET", s.url+"/api/events", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			resp, err := client.Do(r)
			if err != nil {
				b.Errorf("a reader: %v", err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("a reader is answered %d", resp.StatusCode)
			}
			for in := bufio.NewScanner(resp.Body); in.Scan(); {
				first()
			}
		})
	}
	begun.Wait()
	return func() { cancel(); all.Wait() }
}
