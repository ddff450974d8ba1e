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
	return middle(took)
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDoctor measures a whole diagnosis of one healthy stack beside its
// floor: the list call and the slowest check alone, each in turn, so that what
// else the machine does falls on all of them alike.
func BenchmarkDoctor(b *testing.B) {
	host, instance := benchStack(b)
	key := core.FingerprintKey("bench")
	engine := host.Open(instance)
	obs, err := engine.Observe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	target := core.Target{Observation: obs, Inspector: engine, Key: key}
	slowest := slowestCheck(b, target)
	var list, alone, whole []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		list = append(list, median(1, func() { host.Discover(b.Context()) }))
		alone = append(alone, median(1, func() { slowest.Check(b.Context(), target) }))
		whole = append(whole, median(1, func() {
			d, err := (&global{}).look(b.Context(), host.Open(instance), key, nil, diagnose.Options{})
			if err != nil || d.Status != core.Healthy {
				b.Fatal(err, d)
			}
		}))
	}
	floor := middle(alone) + middle(list)
	b.ReportMetric(float64(middle(whole).Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(middle(list).Microseconds())/1000, "list-ms")
	b.ReportMetric(float64(median(9, func() { engine.Observe(b.Context()) }).Microseconds())/1000, "observe-ms")
	b.ReportMetric(float64(middle(alone).Microseconds())/1000, "slowest-check-ms")
	b.ReportMetric(float64(middle(whole))/float64(floor), "x-of-floor")
	b.ReportMetric(float64(middle(whole))/(1.3*float64(middle(alone))+float64(middle(list))), "x-of-goal")
}

// slowestCheck runs each check alone and names those that take time.
func slowestCheck(b *testing.B, target core.Target) core.Checker {
	var slowest core.Checker
	most := time.Duration(0)
	for _, c := range checks.All() {
		if c.Depth == core.Deep {
			continue
		}
		took := median(7, func() { c.Check(b.Context(), target) })
		if took > 2*time.Millisecond {
			b.Logf("%-28s %v", c.ID, took.Round(100*time.Microsecond))
		}
		if took > most {
			slowest, most = c, took
		}
	}
	return slowest
}

func middle(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
