package repairs

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkEvaluate is the cost of one plan, the child's start included.
func BenchmarkEvaluate(b *testing.B) {
	books, err := BuiltIn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	facts := map[string]any{"services": map[string]any{
		"db": map[string]any{"state": "running"}, "auth": map[string]any{"state": "running"},
	}}
	for _, book := range books {
		if book.ID != "restart-auth" {
			continue
		}
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if _, _, err := Evaluate(b.Context(), book, facts, nil); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	}
}

// BenchmarkBuiltIn is the cost of reading all that is built in.
func BenchmarkBuiltIn(b *testing.B) {
	for b.Loop() {
		if _, err := BuiltIn(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
