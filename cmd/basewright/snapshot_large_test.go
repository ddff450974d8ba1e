package main

import (
	"encoding/json"
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
	w.seed(t, stack)
	w.sql(t, stack, "create unlogged table public.big as select i, repeat(md5(i::text), 55) as t from generate_series(1, 1150000) i;")
	t.Cleanup(func() { w.sql(t, stack, "drop table if exists public.big;") })
	file := filepath.Join(w.folder(stack), "volumes", "storage", "sparse")
	if err := os.WriteFile(file, []byte("begins"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
	if err := os.Truncate(file, 2<<30); err != nil {
		t.Fatal(err)
	}
	const bound = 100 // MiB
	out, most := p.peak("snapshot", "create", stack, "--output", "json")
	var s core.Snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil || most > bound {
		t.Fatalf("%d MiB, %v: %s", most, err, out)
	}
	for _, args := range [][]string{
		{"snapshot", "verify", s.ID, "--drill"},
		{"snapshot", "restore", s.ID, "--only", "database", "--only", "volumes", "--yes"},
	} {
		_, mib := p.peak(args...)
		if mib > bound {
			t.Errorf("%s took %d MiB", strings.Join(args, " "), mib)
		}
		most = max(most, mib)
	}
	t.Logf("peak memory of snapshot, drill and restore of 2 GB of rows and a file of 2 GB: %d MiB", most)
	if n := strings.TrimSpace(w.sql(t, stack, "select count(*) from public.big;")); n != "1150000" {
		t.Errorf("%s rows came back", n)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil || st.Size != 2<<30 || st.Blocks*512 > 1<<20 {
		t.Errorf("the sparse file has %d bytes and takes %d, %v", st.Size, st.Blocks*512, err)
	}
}
