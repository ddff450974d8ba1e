package main

import (
	"cmp"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/checks"
	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/diagnose"
	"github.com/basewright/basewright/core/docker"
)

// benchStack is the stack to measure: a healthy one that already runs.
func benchStack(b *testing.B) (*docker.Host, core.Instance) {
	b.Helper()
	host, err := docker.Connect(b.Context(), "")
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { host.Close() })
	instances, err := host.Discover(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	i, err := pick(instances, cmp.Or(os.Getenv("BENCH_STACK"), "lab-a"))
	if err != nil {
		b.Skip(err, "; `make demo` brings one up")
	}
	return host, i
}

// median of n timings of f.
func median(n int, f func()) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		f()
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n/2]
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDoctor measures a whole diagnosis of one healthy stack, and in the
// same run the list call and each check alone, whose slowest is the floor.
func BenchmarkDoctor(b *testing.B) {
	host, instance := benchStack(b)
	key := core.FingerprintKey("bench")
	engine := host.Open(instance)
	obs, err := engine.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	target := core.Target{Observation: obs, Inspector: engine, Key: key}
	list := median(9, func() { host.Discover(b.Context()) })
	observe := median(9, func() { engine.Observe(b.Context()) })
	slowest := time.Duration(0)
	for _, c := range checks.All() {
		if c.Depth == core.Deep {
			continue
		}
		alone := median(9, func() { c.Check(b.Context(), target) })
		if alone > time.Millisecond {
			b.Logf("%-28s %v", c.ID, alone.Round(100*time.Microsecond))
		}
		slowest = max(slowest, alone)
	}
	b.ReportAllocs()
	before := cpuTime()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		d, err := look(b.Context(), host.Open(instance), key, nil, diagnose.Options{})
		if err != nil || d.Status != core.Healthy {
			b.Fatal(err, d)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	whole := took[len(took)/2]
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(whole.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(list.Microseconds())/1000, "list-ms")
	b.ReportMetric(float64(observe.Microseconds())/1000, "observe-ms")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "slowest-check-ms")
	b.ReportMetric(float64(whole)/(1.3*float64(slowest)+float64(list)), "x-of-goal")
}
