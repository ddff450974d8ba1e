package access

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/basewright/basewright/core"
)

func TestPasswords(t *testing.T) {
	hash := Hash("correct horse battery")
	if strings.Contains(hash, "horse") || !strings.HasPrefix(hash, "$argon2id$") {
		t.Errorf("hash %q", hash)
	}
	first, kept := Draw()
	if other, _ := Draw(); len(first) < 26 || other == first || CheckPassword(first) != nil || strings.Contains(kept, first) || !strings.HasPrefix(kept, core.DrawnHash) {
		t.Errorf("%q and %q were drawn, and %q is kept", first, other, kept)
	}
	for name, tt := range map[string]struct {
		hash, password string
		want           bool
	}{
		"the right one":          {hash, "correct horse battery", true},
		"a wrong one":            {hash, "correct horse batterz", false},
		"the drawn one":          {kept, first, true},
		"another drawn one":      {kept, first[1:] + "A", false},
		"a drawn one's cost":     {strings.Replace(hash, chosen.prefix(), drawn.prefix(), 1), "correct horse battery", false},
		"none":                   {hash, "", false},
		"of a user who is not":   {"", "correct horse battery", false},
		"what nobody would have": {"", "", false},
		"of a damaged hash":      {"$argon2id$x", "correct horse battery", false},
		"an endless one":         {hash, strings.Repeat("x", 10<<20), false},
	} {
		if got, err := Matches(t.Context(), tt.hash, tt.password, false); got != tt.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAFloodOfLoginsIsBounded(t *testing.T) {
	slots.strangers <- struct{}{} // a stranger's login is being looked at
	defer func() { <-slots.strangers }()
	ctx, cancel := context.WithCancel(t.Context())
	const n = 200
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := Matches(ctx, "", "x", false)
			errs <- err
		}()
	}
	for range n - cap(slots.waiting) { // the others wait for their turn
		if err := <-errs; core.CodeOf(err) != core.Unreachable {
			t.Fatalf("beyond the queue: %v", err)
		}
	}
	if ok, err := Matches(t.Context(), Hash("correct horse battery"), "correct horse battery", true); !ok || err != nil {
		t.Errorf("a known address has to wait for strangers: %v %v", ok, err)
	}
	cancel()
	for range cap(slots.waiting) {
		if err := <-errs; core.CodeOf(err) != core.Unreachable {
			t.Errorf("gave up: %v", err)
		}
	}
}

func TestJWT(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	path := filepath.Join(t.TempDir(), "signing-keys")
	k, err := OpenKeyring(path, now)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi.Mode(), err)
	}
	want := Claims{UserID: "u1", Session: "s1", Expires: now.Add(time.Hour)}
	good, err := k.Sign(want, now)
	if err != nil {
		t.Fatal(err)
	}
	with := func(m jwt.SigningMethod, key any, change func(*jwt.RegisteredClaims)) string {
		c := jwt.RegisteredClaims{Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "u1", ID: "s1", IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour))}
		if change != nil {
			change(&c)
		}
		tok := jwt.NewWithClaims(m, c)
		tok.Header["kid"] = k.keys[0].ID
		s, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	key := k.keys[0].Key
	parts := strings.Split(good, ".")
	tests := map[string]struct {
		text string
		at   time.Time
		ok   bool
	}{
		"as it was signed":        {good, now.Add(time.Minute), true},
		"over":                    {good, now.Add(2 * time.Hour), false},
		"from the future":         {good, now.Add(-2 * time.Hour), false},
		"no algorithm":            {with(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), now, false},
		"another algorithm":       {with(jwt.SigningMethodHS512, key, nil), now, false},
		"another key":             {with(jwt.SigningMethodHS256, []byte(strings.Repeat("k", 32)), nil), now, false},
		"another audience":        {with(jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"x"} }), now, false},
		"another issuer":          {with(jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) { c.Issuer = "supabase" }), now, false},
		"without an end":          {with(jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }), now, false},
		"without a session":       {with(jwt.SigningMethodHS256, key, func(c *jwt.RegisteredClaims) { c.ID = "" }), now, false},
		"of another user by hand": {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"u2"}`)) + "." + parts[2], now, false},
		"without its signature":   {parts[0] + "." + parts[1] + ".", now, false},
		"nothing":                 {"", now, false},
	}
	for name, tt := range tests {
		got, err := k.Parse(tt.text, tt.at)
		if tt.ok != (err == nil) || tt.ok && !(got.UserID == want.UserID && got.Session == want.Session && got.Expires.Equal(want.Expires)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if !tt.ok && core.CodeOf(err) != core.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "signing-keys")
	k, err := OpenKeyring(path, now)
	if err != nil {
		t.Fatal(err)
	}
	c := Claims{UserID: "u", Session: "s", Expires: now.Add(time.Hour)}
	old, err := k.Sign(c, now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenKeyring(path, now.Add(keyLife+time.Hour)) // another process, a month later
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := other.Sign(c, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"before the rotation": old, "after the rotation": fresh} {
		if _, err := k.Parse(text, now); err != nil {
			t.Errorf("signed %s: %v", name, err)
		}
	}
	for range keysKept {
		if err := k.Rotate(now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Parse(old, now); err == nil {
		t.Error("a key that was rotated out still verifies")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyring(path, now); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("damaged: %v", err)
	}
}
