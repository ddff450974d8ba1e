package repairs

import "testing"

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
		for b.Loop() {
			if _, _, err := Evaluate(b.Context(), book, facts, nil); err != nil {
				b.Fatal(err)
			}
		}
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
