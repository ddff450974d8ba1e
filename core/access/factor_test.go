package access

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"github.com/basewright/basewright/core"
)

// TestFactorCodes are the vectors of RFC 6238, appendix B, cut to six digits.
func TestFactorCodes(t *testing.T) {
	secret := core.Secret(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("12345678901234567890")))
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"} {
		if got, err := FactorCode(secret, at/30); got != want || err != nil {
			t.Errorf("at %d: %s, want %s, %v", at, got, want, err)
		}
	}
	now := time.Unix(1111111111, 0)
	step := now.Unix() / 30
	for name, tt := range map[string]struct {
		code string
		used int64
		want bool
	}{
		"the code of now":             {"050471", 0, true},
		"with a space in it":          {"050 471", 0, true},
		"the code before":             {"081804", 0, true},
		"used already":                {"050471", step, false},
		"older than the one used":     {"081804", step, false},
		"another":                     {"050472", 0, false},
		"none":                        {"", 0, false},
		"of half an hour before":      {"287082", 0, false},
		"with a digit less":           {"50471", 0, false},
		"very long":                   {strings.Repeat("0", 1<<20), 0, false},
		"the number without its zero": {" 50471", 0, false},
	} {
		if _, ok := FactorStep(secret, tt.code, now, tt.used); ok != tt.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	if _, err := FactorCode("short", 1); core.CodeOf(err) != core.Invalid {
		t.Errorf("a secret that is none: %v", err)
	}
}

func TestSealedFactors(t *testing.T) {
	key, other := core.FingerprintKey(strings.Repeat("k", 32)), core.FingerprintKey(strings.Repeat("o", 32))
	secret := NewFactor()
	sealed := Seal(key, secret)
	if strings.Contains(sealed, secret.Reveal()) || sealed == Seal(key, secret) {
		t.Error("it is not sealed")
	}
	if got, err := Unseal(key, sealed); got != secret || err != nil {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "AAAA", sealed[:len(sealed)-4] + "AAAA"} {
		if _, err := Unseal(key, bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
	if _, err := Unseal(other, sealed); err == nil {
		t.Error("another key opens it")
	}
}
