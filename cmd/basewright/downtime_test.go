package main

import (
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// listens are the ports that services listen on inside their stack.
var listens = map[core.Service]int{
	core.Auth: 9999, core.Rest: 3000, core.Realtime: 4000, core.Storage: 5000, core.Meta: 8080, core.Gateway: 8000, core.Functions: 9000,
	core.Pooler: 4000, core.Studio: 3000, core.Imgproxy: 5001,
}

// BenchmarkRestartDowntime restarts each service of a healthy stack and measures
// for how long nobody could connect to it. The stack is the one of BENCH_STACK.
func BenchmarkRestartDowntime(b *testing.B) {
	host, inst := benchStack(b)
	e := host.Open(inst)
	obs, err := e.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range obs.Containers {
		port := listens[c.Service]
		if c.Service == core.DB {
			port, _ = strconv.Atoi(c.Env["PGPORT"].Reveal())
		}
		if port == 0 || len(c.Networks) == 0 {
			continue
		}
		b.Run(string(c.Service), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, downtime(b, e, c, port))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-down")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// downtime restarts a service and returns how long no connection was taken.
func downtime(b *testing.B, e core.Engine, c core.Container, port int) time.Duration {
	address := net.JoinHostPort(c.Networks[0].IP, strconv.Itoa(port))
	answers := func() bool {
		conn, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	done := make(chan error, 1)
	go func() { done <- e.Restart(b.Context(), c.Service) }()
	last, back := time.Now(), time.Time{}
	for failed, returned := false, false; !returned || failed && back.IsZero(); time.Sleep(2 * time.Millisecond) {
		select {
		case err := <-done:
			if returned = true; err != nil {
				b.Fatal(err)
			}
		default:
		}
		switch up := answers(); {
		case !up:
			failed, back = true, time.Time{}
		case failed && back.IsZero():
			back = time.Now()
		case !failed:
			last = time.Now()
		}
		if time.Since(last) > time.Minute {
			b.Fatalf("%s does not come back", c.Name)
		}
	}
	if back.IsZero() {
		return 0
	}
	return back.Sub(last)
}
