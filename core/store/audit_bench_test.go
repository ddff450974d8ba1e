package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/basewright/basewright/core"
)

// BenchmarkAuditAppend measures entries that are on the disk beside the floor, a
// bare append with fsync, in turns. The goal is half of the floor's rate.
func BenchmarkAuditAppend(b *testing.B) {
	s := opened(b)
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "floor"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := make([]byte, 512)
	var floor, ours []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		floor = append(floor, time.Since(start))
		start = time.Now()
		if err := s.Append(b.Context(), anEntry("change.end")); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(start))
	}
	b.ReportMetric(float64(sum(floor))/float64(sum(ours)), "x-fsync-rate")
	b.ReportMetric(float64(median(floor))/float64(median(ours)), "x-fsync-rate-median") // others on the disk disturb it less
}

func sum(times []time.Duration) (all time.Duration) {
	for _, t := range times {
		all += t
	}
	return all
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// manyEntries fills the audit log with a chain that is right, faster than
// entries come.
func manyEntries(tb testing.TB, s *Store, n int) {
	tb.Helper()
	var last core.AuditEntry
	err := s.write.Transaction(func(tx *gorm.DB) error {
		rows := make([]auditRow, 0, 500)
		for i := 1; i <= n; i++ {
			e := core.AuditEntry{Seq: int64(i), At: stamp(time.Now()), Actor: "user:ana", Action: "change.end", Instance: "shop", Outcome: "ok", Detail: fmt.Sprintf("change %d: committed", i), Prev: last.Hash}
			e.Hash = hashOf(e)
			if rows, last = append(rows, auditRow(e)), e; len(rows) == cap(rows) || i == n {
				if err := tx.Create(&rows).Error; err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
		return nil
	})
	if err == nil {
		err = s.writeHead(Head{last.Seq, last.Hash})
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkAuditVerify measures the proof of a long log; the goal is 200,000
// entries a second.
func BenchmarkAuditVerify(b *testing.B) {
	const n = 200_000
	s := opened(b)
	manyEntries(b, s, n)
	before := cpu()
	for b.Loop() {
		if head, err := s.Verify(b.Context()); err != nil || head.Seq != n {
			b.Fatal(head, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(n*float64(b.N)/(cpu()-before).Seconds(), "rows/cpu-s")
}

// cpu is the processor time that this process has used: what else the machine
// does leaves it alone.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOpenLong opens a state with a million audit entries; the goal is a
// second.
func BenchmarkOpenLong(b *testing.B) {
	s := opened(b)
	manyEntries(b, s, 1_000_000)
	for b.Loop() {
		again, err := Open(s.path)
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
