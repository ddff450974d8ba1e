package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // fills a state faster than the agent would

	"github.com/basewright/basewright/core"
	"github.com/basewright/basewright/core/access"
	"github.com/basewright/basewright/core/queue"
	"github.com/basewright/basewright/core/store"
)

// benchToken is the API token of the load generators.
var benchToken = access.NewToken()

// BenchmarkCheck measures what one HTTP check costs with all that judges and
// keeps it, in processor time, beside a bare loop over one connection to the
// same server. The goal is five times the loop's.
func BenchmarkCheck(b *testing.B) {
	address, _ := part(b, "answers")
	s, err := store.Open(filepath.Join(b.TempDir(), "basewright.db"))
	must(b, err)
	defer s.Close()
	desk := queue.NewDiagnoses(nil, s, queue.NewHub(), newLog(&global{console: &console{err: io.Discard}}, false))
	const each = 200
	floor := func() {
		for range each {
			resp, err := http.Get("http://" + address + "/health")
			must(b, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	ours := func(depth core.Depth) {
		for range each / 10 {
			d, err := lookAt(b.Context(), address, core.Instance{ID: "shop"}, depth, core.BySchedule)
			must(b, err)
			desk.Keep(b.Context(), core.Instance{ID: "shop"}, d)
		}
	}
	var bare, quick, full time.Duration
	rounds := 0
	for b.Loop() {
		bare += used(floor)
		quick += used(func() { ours(core.Quick) })
		full += used(func() { ours(core.Full) })
		rounds++
	}
	perCheck := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(rounds*each/10*checksOf) }
	loop := bare.Seconds() * 1000 / float64(rounds*each)
	b.ReportMetric(loop, "cpu-s/1000-bare")
	b.ReportMetric(perCheck(quick), "cpu-s/1000-checks-quick")
	b.ReportMetric(perCheck(quick)/loop, "x-bare-quick")
	b.ReportMetric(perCheck(full)/loop, "x-bare-full")
}

// checksOf is how many checks of services an instance counts for.
const checksOf = 12

// used is the processor time that this process needs for f.
func used(f func()) time.Duration {
	before := cpuTime()
	f()
	return cpuTime() - before
}

// fleetOf is an agent over recorded stacks in a process of its own.
func fleetOf(b *testing.B, stacks int) (*served, func(core.Depth) round) {
	b.Helper()
	answers, _ := part(b, "answers")
	url, cmd := part(b, "agent", "BASEWRIGHT_BENCH_ANSWERS="+answers, fmt.Sprintf("BASEWRIGHT_BENCH_STACKS=%d", stacks), "BASEWRIGHT_BENCH_TOKEN="+benchToken)
	s := &served{t: b, url: url, cmd: cmd, out: &lockedBuffer{}}
	return s, func(depth core.Depth) round {
		var r round
		code, body := s.get("/round/"+string(depth), "")
		if code != http.StatusOK || json.Unmarshal([]byte(body), &r) != nil {
			b.Fatalf("a round: %d %s", code, body)
		}
		return r
	}
}

// BenchmarkThousand has an agent diagnose a thousand recorded stacks: what share
// of a core that takes every 30 s (goal 10 %), how long until each has a first
// result, and the memory, also after people looked (goals 120 MiB and 1.3 times
// that).
func BenchmarkThousand(b *testing.B) {
	s, once := fleetOf(b, 1000)
	const period = 30 * time.Second
	var quick, full, first round
	for b.Loop() {
		first = once(core.Quick)
		quick, full = once(core.Quick), once(core.Full)
	}
	before := resident(b, s)
	load(s, "/", 10, 200)
	b.ReportMetric(first.Wall.Seconds(), "s-to-first-results")
	b.ReportMetric(100*quick.CPU.Seconds()/period.Seconds(), "%-core-quick")
	b.ReportMetric(100*full.CPU.Seconds()/period.Seconds(), "%-core-full")
	b.ReportMetric(float64(before), "MiB")
	b.ReportMetric(float64(resident(b, s))/float64(before), "x-MiB-after-load")
}

// BenchmarkFleetPage loads the list of 100 instances while they are diagnosed,
// beside a page of Gin and a template that nobody cached, in turns. A new page is
// one that nobody has asked for in this second, which is made whole.
func BenchmarkFleetPage(b *testing.B) {
	s, once := fleetOf(b, 100)
	url, cmd := part(b, "floor")
	floor := &served{t: b, url: url, cmd: cmd}
	once(core.Full)
	stop := make(chan bool)
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(3 * time.Second) // a tenth of them, so that each is looked at every 30 s
		defer tick.Stop()
		for tenth := 0; ; tenth++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				s.get(fmt.Sprintf("/round/%s?tenth=%d", core.Quick, tenth%10), "")
			}
		}
	})
	var alone, anew, crowd, floorAlone, floorCrowd []time.Duration
	size := 0
	for b.Loop() {
		alone, floorAlone = append(alone, load(s, "/", 1, 50)...), append(floorAlone, load(floor, "/", 1, 50)...)
		crowd, floorCrowd = append(crowd, load(s, "/", 10, 200)...), append(floorCrowd, load(floor, "/", 10, 200)...)
		for n := range 50 {
			anew = append(anew, load(s, fmt.Sprintf("/?q=stack&n=%d", n), 1, 1)...)
		}
		size = weigh(b, s, "/")
	}
	close(stop)
	running.Wait()
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(float64(size)/1024, "KiB")
	b.ReportMetric(ms(percentile(alone, 50)), "ms-p50")
	b.ReportMetric(ms(percentile(alone, 50))/ms(percentile(floorAlone, 50)), "x-floor-p50")
	b.ReportMetric(ms(percentile(anew, 50))/ms(percentile(floorAlone, 50)), "x-floor-p50-new")
	b.ReportMetric(ms(percentile(crowd, 99)), "ms-p99-c10")
	b.ReportMetric(ms(percentile(crowd, 99))/ms(percentile(floorCrowd, 99)), "x-floor-p99-c10")
}

// load asks for a page so many times, some at once, and returns how long each
// took.
func load(s *served, path string, atOnce, times int) []time.Duration {
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for range times / atOnce {
				begin := time.Now()
				if code, body := s.get(path, benchToken); code != http.StatusOK {
					s.t.Errorf("%s: %d %.200s", path, code, body)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return took
}

// weigh is what a page weighs on the wire, in bytes.
func weigh(b *testing.B, s *served, path string) int {
	b.Helper()
	r, err := http.NewRequest("GET", s.url+path, nil)
	must(b, err)
	r.Header.Set("Authorization", "Bearer "+benchToken)
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := loadClient.Do(r)
	must(b, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b, err)
	return len(body)
}

// percentile is what so many in a hundred stay below.
func percentile(times []time.Duration, percent int) time.Duration {
	slices.Sort(times)
	if len(times) == 0 {
		return 0
	}
	return times[min(len(times)-1, len(times)*percent/100)]
}

// BenchmarkIdle measures the served program doing nothing: with 50 instances,
// each with its history, its memory (goal 60 MiB) and what share of a core it
// takes (goal 0.1 %).
func BenchmarkIdle(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	s, err := store.Open(filepath.Join(data, "basewright.db"))
	must(b, err)
	for n := range 50 {
		id := fmt.Sprintf("stack-%d", n)
		must(b, s.AddInstance(b.Context(), core.Instance{ID: id, Name: id, Project: id, Origin: core.Adopted, Mode: core.Observe}, local("instance.adopt", "")))
		d, err := lookAt(b.Context(), "127.0.0.1:1", core.Instance{ID: id}, core.Quick, core.BySchedule)
		must(b, err)
		d.InstanceID = id
		must(b, s.SaveDiagnosis(b.Context(), d))
	}
	must(b, s.Close())
	const watched = 20 * time.Second
	var idle float64
	var mib int
	for b.Loop() {
		p, _ := readyAfter(b, data)
		time.Sleep(2 * time.Second) // what starting leaves behind ends
		before, _ := ranFor(b, p)
		time.Sleep(watched)
		after, _ := ranFor(b, p)
		idle, mib = (after-before).Seconds()/watched.Seconds(), resident(b, p)
		p.kill()
	}
	b.ReportMetric(100*idle, "%-core")
	b.ReportMetric(float64(mib), "MiB")
}

// ranFor is the processor time of a process so far, as the scheduler counts it,
// and how long its threads were ready and had none: on a busy machine the times
// of a benchmark hold that, too.
func ranFor(b *testing.B, s *served) (ran, waited time.Duration) {
	b.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	must(b, err)
	for _, path := range tasks {
		var on, off time.Duration
		text, _ := os.ReadFile(path)
		_, _ = fmt.Sscan(string(text), &on, &off)
		ran, waited = ran+on, waited+off
	}
	return ran, waited
}

// BenchmarkReadyLong starts the program on a state with a million audit entries;
// the goal is a second.
func BenchmarkReadyLong(b *testing.B) {
	data := filepath.Join(b.TempDir(), "data")
	path := filepath.Join(data, "basewright.db")
	fillAudit(b, path)
	var took time.Duration
	for b.Loop() {
		s, t := readyAfter(b, data)
		took += t
		s.kill()
	}
	b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms-to-ready")
}

// fillAudit makes a state with a million entries. They are no good chain, which only
// `audit verify` would look at.
func fillAudit(b *testing.B, path string) {
	b.Helper()
	s, err := store.Open(path)
	must(b, err)
	must(b, s.Close())
	db, err := sql.Open("sqlite3", path)
	must(b, err)
	hash := strings.Repeat("0", 64)
	_, err = db.Exec(`insert into audit with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000)
		select i, '2026-11-21 18:00:00+00:00', 'user:ana', 'change.end', 'shop', 'ok', 'change ' || i || ': committed', ?, ? from n`, hash, hash)
	must(b, err)
	must(b, db.Close())
	head, err := json.Marshal(store.Head{Seq: 1_000_000, Hash: hash})
	must(b, err)
	must(b, os.WriteFile(path+".head", head, 0o600))
}
