package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// What BenchmarkGrowth keeps. More runs a day cost the same on the disk, since a
// day of an instance is one row: an hourly schedule is the dear one, per check.
const (
	growthStacks = 5
	growthDays   = 90
	growthADay   = 24
	checksOfOne  = 12
)

// BenchmarkGrowth keeps ninety days of hourly diagnoses of five instances with
// twelve checks each. It says what a check costs on the disk beyond the last
// hundred diagnoses (the goal is 60 bytes), and what a thousand instances, so
// 12,000 checks, take after these days (2 GB).
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() {
		s := opened(b)
		at := time.Now().UTC().AddDate(0, 0, -2*growthDays)
		empty := stored(b, s)
		at = keepMany(b, s, at, 2*KeptDiagnoses) // the second hundred finds out what pages are used again
		full := stored(b, s)
		keepMany(b, s, at, growthDays*growthADay)
		end := stored(b, s)
		b.ReportMetric(float64(end-full)/(growthStacks*growthDays*growthADay*checksOfOne), "B/check")
		b.ReportMetric(float64(full-empty)/(growthStacks*KeptDiagnoses), "B/kept-diagnosis")
		b.ReportMetric(float64(end-empty)*1000/growthStacks/1e9, "GB-90-days")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// stored is the size of the database with all that was written.
func stored(b *testing.B, s *Store) int64 {
	b.Helper()
	if err := s.write.Exec("pragma wal_checkpoint(truncate)").Error; err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(s.path)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// keepMany keeps so many diagnoses of each instance, and returns when the last
// one was.
func keepMany(b *testing.B, s *Store, at time.Time, n int) time.Time {
	b.Helper()
	for run := range n {
		at = at.Add(24 * time.Hour / growthADay)
		for stack := range growthStacks {
			if err := s.SaveDiagnosis(b.Context(), anIllOne(fmt.Sprintf("stack-%d", stack), at, run)); err != nil {
				b.Fatal(err)
			}
		}
	}
	return at
}

// anIllOne is a diagnosis with a cause that changes from day to day, its proof
// and two symptoms: more than most schedules find.
func anIllOne(instance string, at time.Time, run int) *core.Diagnosis {
	code := fmt.Sprintf("PG-%02d", run/growthADay%30)
	d := &core.Diagnosis{ID: core.NewID(), InstanceID: instance, Timestamp: at, Mode: core.Full, Trigger: core.BySchedule, Status: core.Unhealthy,
		Results: map[core.Category]core.CategoryResult{}, RootCauses: []string{code, "SEC-01"}}
	if run%7 == 0 {
		d.Status = core.Healthy
	}
	for i := range checksOfOne {
		d.Results[core.Category(fmt.Sprintf("check_%d", i))] = core.CategoryResult{Healthy: true, Status: "ok", Issues: []string{}, DurationMS: 31}
	}
	for _, c := range []string{code, "AUTH-01", "REST-02"} {
		f := core.Finding{Code: c, Severity: core.Critical, Service: "db", Category: core.DatabaseConnection, Title: "The database does not let a service in", Explanation: strings.Repeat("what it means ", 20)}
		for line := range 4 {
			f.Evidence = append(f.Evidence, core.Evidence{Source: "log:db", Text: fmt.Sprintf("line %d: %s", line, strings.Repeat("FATAL ", 12)), At: &at})
		}
		d.Findings = append(d.Findings, f)
	}
	return d
}
