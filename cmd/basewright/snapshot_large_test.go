package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// peak runs the program and returns what it printed, and the most memory that it
// ever had, in MiB.
func (p *person) peak(args ...string) (string, int64) {
	p.t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "basewright"), args...)
	cmd.Env = append(os.Environ(), "BASEWRIGHT_DATA="+p.data)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("basewright %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	mib := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
	p.t.Logf("%s: %d MiB at most, %s", strings.Join(args[:2], " "), mib, time.Since(began).Round(time.Second))
	return string(out), mib
}

// TestLargeSnapshot keeps, proves and restores 2 GB of a database and a file of
// 2 GB, within 100 MiB of memory.
func TestLargeSnapshot(t *testing.T) {
	slowSet(t)
	w := onStacks(t)
	stack, p := w.borrow(t), w.person(t)
	file := w.enlarge(t, stack)
	out, most := p.peak("snapshot", "create", stack, "--output", "json")
	var s core.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil || most > largeBound {
		t.Fatalf("%d MiB, %v: %s", most, err, out)
	}
	for _, args := range [][]string{
		{"snapshot", "verify", s.ID, "--drill"},
		{"snapshot", "restore", s.ID, "--only", "database", "--only", "volumes", "--yes"},
	} {
		_, mib := p.peak(args...)
		if mib > largeBound {
			t.Errorf("%s took %d MiB", strings.Join(args, " "), mib)
		}
		most = max(most, mib)
	}
	t.Logf("peak memory of snapshot, drill and restore of 2 GB of rows and a file of 2 GB: %d MiB", most)
	w.mustBeLarge(t, stack, file)
}

// The bounds of what a large snapshot holds, and of the memory that it takes.
const (
	largeRows  = 1_150_000 // 2 GB of them
	largeFile  = 2 << 30
	largeBound = 100 // MiB
)

// enlarge gives a stack 2 GB of rows and a file of 2 GB, and returns its name.
func (w *world) enlarge(t *testing.T, stack string) string {
	t.Helper()
	w.seed(t, stack)
	w.sql(t, stack, fmt.Sprintf("create unlogged table public.big as select i, repeat(md5(i::text), 55) as t from generate_series(1, %d) i;", largeRows))
	t.Cleanup(func() { w.sql(t, stack, "drop table if exists public.big;") })
	file := filepath.Join(w.folder(stack), "volumes", "storage", "sparse")
	must(t, os.WriteFile(file, []byte("begins"), 0o600))
	t.Cleanup(func() { os.Remove(file) })
	must(t, os.Truncate(file, largeFile))
	return file
}

// mustBeLarge checks that all of it came back, the file with its hole.
func (w *world) mustBeLarge(t *testing.T, stack, file string) {
	t.Helper()
	if n := strings.TrimSpace(w.sql(t, stack, "select count(*) from public.big;")); n != fmt.Sprint(largeRows) {
		t.Errorf("%s rows came back", n)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil || st.Size != largeFile || st.Blocks*512 > 1<<20 {
		t.Errorf("the sparse file has %d bytes and takes %d, %v", st.Size, st.Blocks*512, err)
	}
}
