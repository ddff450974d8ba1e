package main

import (
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
	b.ReportMetric(starved.Seconds(), "s-without-cpu")
	b.ReportMetric(float64(resident(b, s)), "MiB")
}

// BenchmarkSlowLoris holds 9,000 connections that send a byte each second: how
// long the longest lives (goal 10 s), and what others wait meanwhile (goal 5 ms
// for 99 in a hundred), beside what they wait when nobody is slow.
func BenchmarkSlowLoris(b *testing.B) {
	s, login := servedForBench(b)
	ms := func(list []time.Duration) float64 { return float64(percentile(list, 99).Microseconds()) / 1000 }
	var alone, among []time.Duration
	var longest, whole, starved time.Duration
	away := 0
	for b.Loop() {
		quiet := make(chan bool)
		time.AfterFunc(4*time.Second, func() { close(quiet) })
		alone, _ = askUntil(b, s, login, quiet)
		_, had := ranFor(b, s)
		begin := time.Now()
		var slow slowOnes
		slow.drip(strings.TrimPrefix(s.url, "http://"), 9000)
		dropped := make(chan bool)
		go func() { slow.all.Wait(); close(dropped) }()
		among, away = askUntil(b, s, login, dropped)
		whole, longest = time.Since(begin), slices.Max(slow.lives)
		_, starved = ranFor(b, s)
		starved -= had
	}
	b.ReportMetric(longest.Seconds(), "s-longest-slow-one")
	b.ReportMetric(whole.Seconds(), "s-until-all-gone")
	b.ReportMetric(ms(alone), "ms-p99-alone")
	b.ReportMetric(ms(among), "ms-p99-among")
	b.ReportMetric(float64(away), "others-sent-away")
	b.ReportMetric(starved.Seconds(), "s-without-cpu")
	b.ReportMetric(float64(resident(b, s)), "MiB")
}
