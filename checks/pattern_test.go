package checks

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNeedles(t *testing.T) {
	for expression, want := range map[string]string{
		`password authentication failed`:                         "password authentication failed",
		`"method":"POST".*"path":"/x".*"status":2\d\d`:           `"method":"POST"`,
		`3D000|database "_supabase" does not exist`:              `3D000|database "_supabase" does not exist`,
		`executing migrations/\S+`:                               "executing migrations/",
		`Unknown cipher or invalid key size|[Bb]ad key size`:     "Unknown cipher or invalid key size|ad key size",
		`lookup \S+( on \S+)?: (i/o timeout|server misbehaving)`: "i/o timeout|server misbehaving",
		`wall clock duration (warning|limit)? ?reached`:          "wall clock duration ",
		`(?i)illegal instruction`:                                "", // letters of either size
		`\bPANIC:\s`:                                             "PANIC:",
		`FATAL:?\s+([0-9A-Z]{5}\b|[a-z])`:                        "FATAL",
		`a|password`:                                             "", // too short to be rare
		`(password)?`:                                            "",
		`(password){2,}`:                                         "password",
		`x*`:                                                     "",
		`(EACCES|EROFS)[:,].{0,200}(/var/lib/storage|mkdir|open|rename)`:   "ACCES|ROFS",
		`UNAUTHORIZED_(LEGACY_JWT|ASYMMETRIC_JWT|UNSUPPORTED|INVALID_JWT)`: "UNAUTHORIZED_",
	} {
		if got := strings.Join(compile(expression).needles, "|"); got != want {
			t.Errorf("%s has the needles %q, want %q", expression, got, want)
		}
	}
}

// A pattern finds what its expression finds.
func FuzzPattern(f *testing.F) {
	for _, text := range []string{
		`failed to create the graph`, `Database error saving new user: SQLSTATE 42P01`, `max client connections reached`, `Illegal Instruction`,
		`connect() failed (113: No route to host), upstream: "http://172.20.0.77:9999/"`, `EACCES: mkdir`, `3D000`, `tenant/user a.b not found`,
	} {
		f.Add(text)
	}
	known := slices.Concat(signatures, rarerSignatures)
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range known {
			if got, want := s.pattern.MatchString(text), s.pattern.Regexp.MatchString(text); got != want {
				t.Errorf("%s finds %v in %q, want %v", s.pattern.Regexp, got, text, want)
			}
		}
	})
}

// Every signature spares lines its expression; those that cannot are few.
func TestSignaturesHaveNeedles(t *testing.T) {
	dear := []*regexp.Regexp{}
	for _, s := range slices.Concat(signatures, rarerSignatures) {
		if len(s.pattern.needles) == 0 {
			dear = append(dear, s.pattern.Regexp)
		}
	}
	if len(dear) > 3 {
		t.Errorf("these are tried on every line: %v", dear)
	}
}
