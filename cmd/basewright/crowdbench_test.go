package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// servedForBench is the program without an engine, and a login.
func servedForBench(b *testing.B) (*served, string) {
	b.Helper()
	s, _ := readyAfter(b, filepath.Join(b.TempDir(), "data"))
	return s, s.logIn()
}

// BenchmarkCrowd asks 10,000 times at once, each on a connection of its own: how
// many are answered, sent away with Retry-After, or wrong (goal none), how long
// the answered took (goal 1 s for 99 in a hundred) from the beginning and from
// when they were sent, and the memory (300 MiB).
func BenchmarkCrowd(b *testing.B) {
	s, login := servedForBench(b)
	ms := func(list []time.Duration, percent int) float64 {
		return float64(percentile(list, percent).Milliseconds())
	}
	var c crowd
	var ran, starved time.Duration
	for b.Loop() {
		before, had := ranFor(b, s)
		c = visitAll(s, "/api/instances", login, 10_000)
		ran, starved = ranFor(b, s)
		ran, starved = ran-before, starved-had
	}
	wrong := 0
	for what, n := range c.wrong {
		b.Logf("%d times: %s", n, what)
		wrong += n
	}
	b.ReportMetric(float64(len(c.answered)), "answered")
	b.ReportMetric(float64(c.away), "sent-away")
	b.ReportMetric(float64(c.late), "sent-too-late")
	b.ReportMetric(float64(wrong), "wrong")
	whole := c.times(func(v guest) time.Duration { return v.toConnect + v.toSend + v.toAnswer })
	b.ReportMetric(ms(whole, 99), "ms-p99-from-begin")
	sent := c.times(func(v guest) time.Duration { return v.toAnswer })
	b.ReportMetric(ms(sent, 50), "ms-p50-from-sent")
	b.ReportMetric(ms(sent, 99), "ms-p99-from-sent")
	b.ReportMetric(ran.Seconds(), "cpu-s")
	b.ReportMetric(ran.Seconds(), "cpu-s")
	b.ReportMetric(starved.Seconds(), "s-without-cpu")
	b.ReportMetric(float64(resident(b, s)), "MiB")
}

// dripTo is in the environment of the process that drips, with the address.
const dripTo = "BASEWRIGHT_TEST_DRIP"

// dripElsewhere has 9,000 slow ones in a process of its own that takes what the
// others leave of the processors and gives it back at once (being nice is not
// enough: Linux lets also such a one end its slice), since who sends such has
// machines of his own. It returns how long the last one lived.
func dripElsewhere(b *testing.B, address string) (longest time.Duration) {
	cmd := exec.Command("chrt", "--idle", "0", os.Args[0])
	cmd.Env = append(os.Environ(), dripTo+"="+address)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		longest, err = time.ParseDuration(string(out))
	}
	if err != nil {
		b.Error(err)
	}
	return longest
}

// drip is that process.
func drip(address string) {
	var slow slowOnes
	slow.drip(address, 9000)
	slow.all.Wait()
	fmt.Print(slices.Max(slow.lives))
}

// BenchmarkSlowLoris holds 9,000 connections that send a byte each second: how
// long the longest lives (goal 10 s), and what others wait meanwhile (goal 5 ms
// for 99 in a hundred), beside what they wait when nobody is slow.
func BenchmarkSlowLoris(b *testing.B) {
	s, login := servedForBench(b)
	ms := func(list []time.Duration) float64 { return float64(percentile(list, 99).Microseconds()) / 1000 }
	var alone, among []time.Duration
	var longest, whole, ran, starved time.Duration
	away := 0
	for b.Loop() {
		quiet := make(chan bool)
		time.AfterFunc(4*time.Second, func() { close(quiet) })
		alone, _ = askUntil(b, s, login, quiet)
		before, had := ranFor(b, s)
		begin := time.Now()
		dropped := make(chan bool)
		go func() {
			defer close(dropped)
			longest = dripElsewhere(b, strings.TrimPrefix(s.url, "http://"))
		}()
		among, away = askUntil(b, s, login, dropped)
		whole = time.Since(begin)
		ran, starved = ranFor(b, s)
		ran, starved = ran-before, starved-had
	}
	b.ReportMetric(longest.Seconds(), "s-longest-slow-one")
	b.ReportMetric(whole.Seconds(), "s-until-all-gone")
	b.ReportMetric(ms(alone), "ms-p99-alone")
	b.ReportMetric(ms(among), "ms-p99-among")
	b.ReportMetric(float64(away), "others-sent-away")
	b.ReportMetric(ran.Seconds(), "cpu-s")
	b.ReportMetric(starved.Seconds(), "s-without-cpu")
	b.ReportMetric(float64(resident(b, s)), "MiB")
}
