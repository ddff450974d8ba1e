package supabase

import "testing"

func TestQuoting(t *testing.T) {
	for text, want := range map[string]string{"plain": `"plain"`, `we"ird`: `"we""ird"`, "": `""`} {
		if got := QuoteIdentifier(text); got != want {
			t.Errorf("identifier %q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{"plain": "'plain'", "it's": "'it''s'", `a\'b`: ` E'a\\''b'`} {
		if got := QuoteLiteral(text); got != want {
			t.Errorf("literal %q: %s, want %s", text, got, want)
		}
	}
}
